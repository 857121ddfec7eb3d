"""Time the engines that search anchors, in turn on the same faces, and count how often they find the same.

    python tests/bench/search_speed.py [--counts 5000,50000] [--batches 1,2,8,32] [--threads 1,2] [-k 10]
        [--json FILE]

The reference is faiss's exact flat index; its fp16 scalar quantiser is timed beside it. The anchors are the default
bundle's, moved at random until there are enough; the faces searched for are anchors moved further.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

_ROUNDS = 25
_DIMENSION = 512


def main() -> None:
    """Measure each number of threads in a process of its own, since BLAS and OpenMP take theirs at the start."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="5000,50000")
    parser.add_argument("--batches", default="1,2,8,32")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        json.dump(measure(arguments, arguments.one), sys.stdout)
        return
    rows = []
    for threads in numbers(arguments.threads):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        command = [sys.executable, __file__, *sys.argv[1:], "--one", str(threads)]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        rows += json.loads(found.stdout)
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    from hardware import hardware

    if arguments.json:
        arguments.json.write_text(json.dumps({"hardware": hardware(), "rows": rows}, indent=2) + "\n")


def numbers(text: str) -> list[int]:
    """Return the whole numbers of a list."""
    return [int(part) for part in text.split(",")]


def measure(arguments: argparse.Namespace, threads: int) -> list[dict]:
    """Return a row for each number of anchors, batch size and engine."""
    import faiss
    import numpy as np

    from service.anchors.anchor_set import AnchorSet
    from service.anchors.faiss_search import FaissSearch
    from service.anchors.int8_search import Int8Search
    from service.settings import DEFAULT_BUNDLE

    random = np.random.default_rng(0)
    stored = np.load(DEFAULT_BUNDLE / "embeddings.npy")

    def moved(rows: np.ndarray, noise: float) -> np.ndarray:
        found = rows + noise * random.standard_normal(rows.shape).astype(np.float32) / np.sqrt(_DIMENSION)
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)

    rows = []
    for count in numbers(arguments.counts):
        anchors = AnchorSet.from_stored(moved(np.resize(stored, (count, _DIMENSION)), 0.8).astype(np.float16), "bench")
        quantised = faiss.IndexScalarQuantizer(_DIMENSION, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        quantised.train(anchors.embeddings[:1000])
        quantised.add(anchors.embeddings)
        flat, integer = FaissSearch(anchors, threads=threads), Int8Search(anchors, threads=threads)
        engines = {
            "faiss flat": lambda faces, flat=flat: flat.search(faces, arguments.k).rows,
            "faiss fp16": lambda faces, quantised=quantised: quantised.search(faces, arguments.k)[1],
            "int8, rescored": lambda faces, integer=integer: integer.search(faces, arguments.k).rows,
        }
        faces = moved(anchors.embeddings[random.integers(0, count, 512)], 1.0)
        for batch in numbers(arguments.batches):
            seconds: dict[str, list[float]] = {name: [] for name in engines}
            same = dict.fromkeys(engines, 0)
            for round_ in range(_ROUNDS):
                start = round_ * batch % (len(faces) - batch + 1)
                wanted = flat.search(faces[start : start + batch], arguments.k).rows
                for name, search in engines.items():
                    began = time.perf_counter()
                    found = search(faces[start : start + batch])
                    seconds[name].append((time.perf_counter() - began) / batch)
                    same[name] += sum(set(a) == set(b) for a, b in zip(found.tolist(), wanted.tolist(), strict=True))
            for name, taken in seconds.items():
                rows.append(
                    {
                        "threads": threads,
                        "anchors": count,
                        "batch": batch,
                        "engine": name,
                        "least_ms_a_face": round(1000 * min(taken), 3),
                        "median_ms_a_face": round(1000 * statistics.median(taken), 3),
                        "same_support_sets": same[name] / (_ROUNDS * batch),
                    }
                )
    return rows


if __name__ == "__main__":
    main()
