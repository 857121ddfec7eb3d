"""Run the benchmarks of the measured table one after the other, and write the table from what they gave.

    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/measured.py run FOLDER [--only NAME,...] [--openvino PYTHON]
    python tests/bench/measured.py write FOLDER

``run`` takes half an hour and wants the machine for itself: each benchmark leaves NAME.json in the folder, and one that
fails is told and leaves nothing, while the others go on. ``write`` puts a row for each figure of the files that are
there into tests/bench/README.md, with the processor they name; files of two processors are refused.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from marked_tables import put_table
from measured_rows import ROWS

BENCH = Path(__file__).parent
README = BENCH / "README.md"
_FORMER = "faceplugin-mobilefacenet"
_EIGHT_BITS = "opencv-sface-int8"
_CURVE = ["load_curve.py", "--methods", "ida-r", "--clients", "1,4", "--rates", ""]
# What is compared is measured in turns, so that what else the machine does meets both.
STEPS: dict[str, tuple[list[str], dict[str, str]]] = {
    "curve_1": (_CURVE, {}),
    "former_curve_1": (_CURVE, {"IDA_PACK": _FORMER}),
    "eight_bits_curve_1": (_CURVE, {"IDA_PACK": _EIGHT_BITS}),
    "curve_2": (_CURVE, {}),
    "former_curve_2": (_CURVE, {"IDA_PACK": _FORMER}),
    "eight_bits_curve_2": (_CURVE, {"IDA_PACK": _EIGHT_BITS}),
    "curve": (["load_curve.py", "--methods", "cosine,ida-r", "--clients", "1,2,4", "--rates", "0.5,0.7,0.9,3"], {}),
    "latency": (
        ["verify_latency.py", "--pairs", "130", "--method", "cosine", "--method", "ida-r", "--method", "ida-l"],
        {},
    ),
    "batch": (["batch_speed.py"], {}),
    "embeddings": (["embedding_pairs.py"], {}),
    "image": (["image_path.py"], {}),
    "network": (
        ["network_speed.py", "--original", "BACKBONE", "--rewritten", "BACKBONE", "--openvino", "OPENVINO"],
        {},
    ),
    "settings": (["session_settings.py"], {}),
    "search": (["search_speed.py", "--counts", "0,50000", "--batches", "1,2,32"], {}),
    "swap": (["swap_latency.py"], {}),
    "lfw": (["lfw_view1.py"], {}),
    "eight_bits_lfw": (["lfw_view1.py"], {"IDA_PACK": _EIGHT_BITS}),
}


def run(folder: Path, names: list[str], openvino: str | None) -> list[str]:
    """Run benchmarks in turn; return the names of those that failed."""
    folder.mkdir(parents=True, exist_ok=True)
    backbone = Path(os.environ["IDA_HOME"]) / "packs" / "opencv-sface" / "sface.onnx"
    values = {"BACKBONE": str(backbone), "OPENVINO": openvino or ""}
    failed = []
    for name in names:
        (script, *arguments), environment = STEPS[name]
        if openvino is None and "OPENVINO" in arguments:
            arguments = arguments[: arguments.index("--openvino")]
        command = [sys.executable, str(BENCH / script), *(values.get(one, one) for one in arguments)]
        out = folder / f"{name}.json"
        began = time.monotonic()
        result = subprocess.run(
            [*command, "--json", str(out)],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if result.returncode:
            failed.append(name)
            out.unlink(missing_ok=True)
        how = f"failed: {result.stderr.strip().splitlines()[-1:]}" if result.returncode else "done"
        print(f"{name}: {how}, {time.monotonic() - began:.0f} s", flush=True)
    return failed


def table(folder: Path) -> str:
    """Return the table of what the files in a folder tell."""
    found = {name: json.loads(path.read_text()) for name in STEPS if (path := folder / f"{name}.json").exists()}
    if not found:
        sys.exit(f"{folder} holds no result of a benchmark: run `measured run {folder}` first")
    machines = {_machine(one["hardware"]) for one in found.values()}
    if len(machines) != 1:
        sys.exit(f"the files are of {len(machines)} machines, and a table is of one: {'; '.join(sorted(machines))}")
    days = sorted(time.strftime("%Y-%m-%d", time.gmtime((folder / f"{name}.json").stat().st_mtime)) for name in found)
    loads = [one["hardware"]["load_average"][0] for one in found.values()]
    lines = [
        f"{machines.pop()}, {' to '.join(dict.fromkeys((days[0], days[-1])))}; load averages at the end of each, its "
        f"own included: {min(loads):.1f} to {max(loads):.1f}.",
        "",
        "| what | figure | script |",
        "|---|---|---|",
    ]
    for needs, row in ROWS:
        if all(name in found for name in needs):
            lines += [f"| {' | '.join(cells)} |" for cells in row(*(found[name] for name in needs))]
    return "\n".join(lines)


def _machine(hardware: dict) -> str:
    versions = ", ".join(f"{name} {hardware[name]}" for name in hardware if name.startswith(("onnx", "faiss")))
    return f"{hardware['cpus']} CPUs of an {hardware['cpu']} ({', '.join(hardware['instructions'])}), {versions}"


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "write"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default=",".join(STEPS), help="names of benchmarks, parted by commas")
    parser.add_argument("--openvino", metavar="PYTHON", help="the Python of an environment that has openvino")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := [name for name in names if name not in STEPS]:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(STEPS)}")
    if options.what == "write":
        put_table(README, "measured", table(options.folder))
        return 0
    if missing := [name for name in ("IDA_HOME", "IDA_FACES_DIR") if name not in os.environ]:
        parser.error(f"{' and '.join(missing)} must be set: the folder of the packs, and that of the development faces")
    return 1 if run(options.folder, names, options.openvino) else 0


if __name__ == "__main__":
    sys.exit(main())
