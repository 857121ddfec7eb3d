"""Start the service, verify pairs of photographs one at a time, and print the latency, its stages, start-up and memory.

    IDA_FACES_DIR=... python tests/bench/verify_latency.py [--pairs 300] [--port 8123] [--method cosine --method ida-l]
        [--json FILE]

The pairs are the first of LFW's pairsDevTest.txt, sent as multipart over loopback by one client that waits for each
answer. Of several methods, each takes its turn on every pair, and the median of what each takes beyond the first on the
same pair is printed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import httpx2
from hardware import hardware

_WARM_UP = 20


def pairs(folder: Path, count: int) -> list[tuple[Path, Path]]:
    """Return the pictures of the first pairs of LFW view 1's test list."""
    found = []
    for line in (folder / "pairsDevTest.txt").read_text().splitlines():
        parts = line.split("\t")
        if len(parts) == 3:
            (first, one), (second, two) = (parts[0], parts[1]), (parts[0], parts[2])
        elif len(parts) == 4:
            (first, one), (second, two) = (parts[0], parts[1]), (parts[2], parts[3])
        else:
            continue
        paths = [folder / "images" / n / f"{n}_{int(i):04d}.jpg" for n, i in ((first, one), (second, two))]
        found.append((paths[0], paths[1]))
    return found[:count]


def started(port: int) -> tuple[subprocess.Popen[bytes], float]:
    """Return the running service and the seconds until it was ready."""
    command = [sys.executable, "-c", "from models.cli import main; main()", "serve", "--port", str(port)]
    begin = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, "IDA_LOG_LEVEL": "warning"})
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None:
                sys.exit("the service did not start")
            time.sleep(0.02)
        else:
            return process, time.perf_counter() - begin


def summary(measured: list[float], timed: list[dict[str, float]], first: list[float]) -> dict[str, object]:
    """Return what one method took, and how much more than the first did on the same pair."""
    beyond = [mine - other for mine, other in zip(measured, first, strict=True)]
    return {
        "p50_ms": round(statistics.median(measured), 2),
        "p95_ms": round(statistics.quantiles(measured, n=20)[-1], 2),
        "beyond_first_p50_ms": round(statistics.median(beyond), 3),
        "stage_p50_ms": {name: round(statistics.median(row[name] for row in timed), 3) for name in timed[0]},
    }


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--method", action="append", help="the bundle's default if absent")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    faces = os.environ.get("IDA_FACES_DIR")
    if not faces:
        sys.exit("set IDA_FACES_DIR to the folder of development faces")
    methods = arguments.method or [""]
    process, seconds = started(arguments.port)
    try:
        latencies: dict[str, list[float]] = {method: [] for method in methods}
        stages: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
        with httpx2.Client(base_url=f"http://127.0.0.1:{arguments.port}") as client:
            for probe, reference in pairs(Path(faces) / "dev" / "lfw", arguments.pairs):
                files = {"probe": probe.read_bytes(), "reference": reference.read_bytes()}
                for method in methods:
                    begin = time.perf_counter()
                    answer = client.post("/verify", files=files, data={"method": method} if method else {})
                    latencies[method].append((time.perf_counter() - begin) * 1000)
                    stages[method].append(answer.raise_for_status().json()["timings_ms"])
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.terminate()
        process.wait(timeout=30)
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    first = latencies[methods[0]][_WARM_UP:]
    result = {
        "pairs": len(first),
        "start_up_s": round(seconds, 2),
        "methods": {
            method or "default": summary(latencies[method][_WARM_UP:], stages[method][_WARM_UP:], first)
            for method in methods
        },
        "resident_mib": resident // 1024,
        "hardware": hardware(),
    }
    print(json.dumps(result, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
