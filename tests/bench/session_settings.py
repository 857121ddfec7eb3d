"""Which of ONNX Runtime's settings runs a pack's networks fastest here: graph levels, memory arena, threads.

    IDA_HOME=... python tests/bench/session_settings.py [--pack NAME] [--networks detector,landmarks,backbone]
        [--rounds 60] [--json FILE]

A level below ``all`` leaves the layout in blocks of channels (NCHWc) out, so that convolutions run on channels one
after the other (NCHW). All settings of a network take turns on one input, in one process; the least time and the least
processor time of a run are told, as the others' work on the machine cannot make a run shorter. "as served" is what the
service takes.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hardware import hardware

from service.inference.onnx_runtime import ort
from service.pack import load_pack
from service.settings import load_settings

_LEVELS = {
    "no optimisation": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "as served": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


@dataclass(frozen=True)
class Variant:
    """One way to run a network.

    Attributes:
        name: in the table.
        level: of the graph's optimisation.
        arena: whether memory is kept between runs.
        threads: of one run.
        spinning: whether idle threads wait by spinning.
    """

    name: str
    level: str = "as served"
    arena: bool = True
    threads: int = 1
    spinning: bool = False


VARIANTS = (
    *(Variant(level, level=level) for level in _LEVELS),
    Variant("without the arena", arena=False),
    Variant("two threads", threads=2),
    Variant("two threads that spin", threads=2, spinning=True),
)


def session(path: Path, variant: Variant) -> ort.InferenceSession:
    """Return a network ready to run in one way."""
    options = ort.SessionOptions()
    options.graph_optimization_level = _LEVELS[variant.level]
    options.enable_cpu_mem_arena = options.enable_mem_pattern = variant.arena
    options.intra_op_num_threads, options.inter_op_num_threads = variant.threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(variant.spinning)))
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def measured(path: Path, rounds: int) -> list[dict]:
    """Return a row for each way to run one network."""
    sessions = [session(path, variant) for variant in VARIANTS]
    entry = sessions[0].get_inputs()[0]
    # Pixels as they are: what a network makes of them first does not change how long it takes.
    rows = np.random.default_rng(0).uniform(0, 255, (1, *entry.shape[1:])).astype(np.float32)
    wall, cpu = np.full((2, len(sessions)), np.inf)
    for _ in range(rounds):
        for number, each in enumerate(sessions):
            began, used = time.perf_counter(), time.process_time()
            each.run(None, {entry.name: rows})
            wall[number] = min(wall[number], time.perf_counter() - began)
            cpu[number] = min(cpu[number], time.process_time() - used)
    return [
        {"network": path.name, "setting": variant.name, "least_ms": 1000 * float(w), "least_cpu_ms": 1000 * float(c)}
        for variant, w, c in zip(VARIANTS, wall, cpu, strict=True)
    ]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack")
    parser.add_argument("--networks", default="detector,landmarks,backbone")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    settings = load_settings(**({} if options.pack is None else {"pack": options.pack}))
    pack = load_pack(settings.home, settings.pack)
    rows = []
    for name in options.networks.split(","):
        rows += measured(pack.files[name], options.rounds)
    served = {row["network"]: row for row in rows if row["setting"] == "as served"}
    for row in rows:
        times = row["least_ms"] / served[row["network"]]["least_ms"]
        print(
            f"{row['network']:16} {row['setting']:24} {row['least_ms']:7.2f} ms, {row['least_cpu_ms']:7.2f} of CPU, "
            f"{times:.2f} times as served"
        )
    result = {"hardware": hardware(), "rows": rows}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
