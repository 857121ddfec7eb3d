"""Time networks by ONNX Runtime and by OpenVINO: rounds of each in turn on the same input, in processes of their own.

    python tests/bench/network_speed.py --original FILE --rewritten FILE [--openvino PYTHON] [--crops FILE.npy]
        [--batches 1,32] [--threads 1,2] [--json FILE]

FILE are ONNX files with a dynamic batch axis: as published, and as `ida-verify models` stored it. PYTHON is the
interpreter of an environment that has openvino and numpy. FILE.npy holds (n, channels, height, width) float32 inputs;
random ones are taken without it. Batches of 32 are run at once and, as the backbone does, in runs of four.

"of random" is a network's time over that of the same graph with random weights of ordinary size: a network is as fast
as its shapes, so where it is well above 1, its weights make it slow on this processor, as subnormal ones do. How many
of its weights are subnormal, which no processor hides, stands beside it.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from hardware import hardware

_ROUNDS = 12
_SECONDS_A_ROUND = 0.25


@dataclass(frozen=True)
class Case:
    """What one process runs."""

    name: str
    engine: str
    file: str
    threads: int
    batch: int
    rows: int
    random_weights: bool = False


def load_onnxruntime(case: Case):
    """Return a function that runs a batch, with the session's options that the service takes."""
    from service.inference.onnx_runtime import ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = case.threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    network = with_random_weights(Path(case.file)) if case.random_weights else case.file
    session = ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda rows: session.run(None, {name: rows})[0]


def with_random_weights(path: Path) -> bytes:
    """Return a network whose weights are random, each half to one and a half times its tensor's root mean square."""
    import onnx
    from onnx import numpy_helper

    random = np.random.default_rng(0)
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size == 1:
            continue
        size = np.sqrt(np.mean(np.square(values, dtype=float))) or 1.0
        # What is never below 0, such as a variance, must not be.
        signs = random.choice([-1.0, 1.0], values.shape) if values.min() < 0 else 1.0
        drawn = signs * size * random.uniform(0.5, 1.5, values.shape)
        tensor.CopyFrom(numpy_helper.from_array(drawn.astype(np.float32), tensor.name))
    return model.SerializeToString()


def subnormal_weights(file: str) -> int:
    """Return how many weights of a network are subnormal."""
    import onnx

    from service.inference.small_weights import count_small_weights

    return count_small_weights(onnx.load(file)).subnormal


def load_openvino(case: Case):
    """Return a function that runs a batch, compiled in float32 for its one shape."""
    import openvino

    core = openvino.Core()
    model = core.read_model(case.file)
    model.reshape([case.rows, *[axis.get_length() for axis in list(model.inputs[0].partial_shape)[1:]]])
    settings = {"INFERENCE_NUM_THREADS": case.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(model, "CPU", {**settings, "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return lambda rows: next(iter(request.infer([rows], share_inputs=True, share_outputs=False).values()))


def work(case: Case, inputs: np.ndarray) -> None:
    """Give the first outputs, then wait for a line and time one round, until there are no more lines."""
    run = (load_openvino if case.engine == "openvino" else load_onnxruntime)(case)
    chunks = [inputs[start : start + case.rows] for start in range(0, case.batch, case.rows)]
    outputs = np.concatenate([run(chunk) for chunk in chunks])
    print(json.dumps(np.asarray(outputs, dtype=float).reshape(case.batch, -1).tolist()), flush=True)
    for _ in sys.stdin:
        wall, cpu = [], []
        end = time.perf_counter() + _SECONDS_A_ROUND
        while len(wall) < 2 or time.perf_counter() < end:
            begin, used = time.perf_counter(), time.process_time()
            for chunk in chunks:
                run(chunk)
            wall.append(time.perf_counter() - begin)
            cpu.append(time.process_time() - used)
        print(json.dumps([wall, cpu]), flush=True)


def start(case: Case, python: str, inputs: Path) -> subprocess.Popen[str]:
    """Return a process that runs a case."""
    command = [python, __file__, "--case", json.dumps(asdict(case)), "--crops", str(inputs)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(process: subprocess.Popen[str]) -> list:
    """Have a process time one round."""
    process.stdin.write("\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def measure(cases: list[tuple[Case, str]], inputs: Path) -> list[dict]:
    """Return a row for each case of one batch size and thread count, timed in turn."""
    processes = [start(case, python, inputs) for case, python in cases]
    outputs = [np.array(json.loads(process.stdout.readline())) for process in processes]
    wall: list[list[float]] = [[] for _ in cases]
    cpu: list[list[float]] = [[] for _ in cases]
    for _ in range(_ROUNDS):
        for position, process in enumerate(processes):
            round_wall, round_cpu = ask(process)
            wall[position] += round_wall
            cpu[position] += round_cpu
    for process in processes:
        process.stdin.close()
        process.wait()
    reference = outputs[0]
    rows = []
    for (case, _), times, used, output in zip(cases, wall, cpu, outputs, strict=True):
        cosines = (
            np.sum(reference * output, axis=1) / np.linalg.norm(reference, axis=1) / np.linalg.norm(output, axis=1)
        )
        rows.append(
            {
                **asdict(case),
                "file": Path(case.file).name,
                "least_ms_a_row": 1000 * min(times) / case.batch,
                "median_ms_a_row": 1000 * statistics.median(times) / case.batch,
                "least_cpu_ms_a_row": 1000 * min(used) / case.batch,
                "least_cosine": float(cosines.min()),
                "greatest_difference": float(np.abs(reference - output).max()),
                "subnormal_weights": 0 if case.random_weights else subnormal_weights(case.file),
            }
        )
    random = {(row["file"], row["rows"]): row["least_ms_a_row"] for row in rows if row["random_weights"]}
    for row in rows:
        least = random.get((row["file"], row["rows"])) if row["engine"] == "onnxruntime" else None
        row["of_random"] = least and row["least_ms_a_row"] / least
    return rows


def line_of(row: dict) -> str:
    """Return a row as a line of the table: milliseconds a row, and how equal the outputs are."""
    return (
        f"threads {row['threads']} batch {row['batch']:2} {row['name']:40} least {row['least_ms_a_row']:7.3f} median "
        f"{row['median_ms_a_row']:7.3f} cpu {row['least_cpu_ms_a_row']:7.3f} ms a row, of random "
        f"{row['of_random'] or math.nan:5.2f}, subnormal weights {row['subnormal_weights']:6}, least cosine "
        f"{row['least_cosine']:.9f}"
    )


def main() -> None:
    """Run the measurement, or one case of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--original", type=Path)
    parser.add_argument("--rewritten", type=Path)
    parser.add_argument("--openvino", help="the Python of an environment that has openvino")
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        case = Case(**json.loads(arguments.case))
        work(case, np.load(arguments.crops)[: case.batch])
        return
    if not (arguments.original and arguments.rewritten):
        parser.error("--original and --rewritten are needed")
    batches = [int(size) for size in arguments.batches.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs.npy"
        np.save(inputs, the_inputs(arguments.crops, arguments.original, max(batches)))
        rows = []
        for threads in [int(count) for count in arguments.threads.split(",")]:
            for batch in batches:
                cases = cases_of(arguments, threads, batch)
                rows += measure(cases, inputs)
                for row in rows[-len(cases) :]:
                    print(line_of(row), flush=True)
    result = {"hardware": hardware(), "rows": rows}
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


def the_inputs(given: Path | None, original: Path, count: int) -> np.ndarray:
    """Return inputs for the network: those given, repeated as needed, or random ones."""
    if given is not None:
        crops = np.load(given)
        return np.resize(crops, (count, *crops.shape[1:]))
    from service.inference.onnx_runtime import ort

    shape = ort.InferenceSession(str(original), providers=["CPUExecutionProvider"]).get_inputs()[0].shape
    return np.random.default_rng(0).uniform(-1, 1, size=(count, *shape[1:])).astype(np.float32)


def cases_of(arguments: argparse.Namespace, threads: int, batch: int) -> list[tuple[Case, str]]:
    """Return what is compared at one batch size and thread count."""
    original, rewritten = str(arguments.original), str(arguments.rewritten)
    cases = [
        (Case("ONNX Runtime, as published", "onnxruntime", original, threads, batch, batch), sys.executable),
        (Case("ONNX Runtime, rewritten", "onnxruntime", rewritten, threads, batch, batch), sys.executable),
    ]
    if batch > 4:
        case = Case("ONNX Runtime, rewritten, by four", "onnxruntime", rewritten, threads, batch, 4)
        cases.append((case, sys.executable))
    randoms = [(replace(case, name=f"{case.name}, random", random_weights=True), python) for case, python in cases]
    cases += randoms
    if arguments.openvino:
        case = Case("OpenVINO, as published", "openvino", original, threads, batch, batch)
        cases.append((case, arguments.openvino))
    return cases


if __name__ == "__main__":
    main()
