"""Time the engines that search anchors, in turn on the same faces, and count how often they find the same.

    python tests/bench/search_speed.py [--counts 0,5000,50000] [--interpolated] [--batches 1,2,8,32] [--threads 1,2]
        [-k 10] [--faces FILE] [--json FILE]

The reference is faiss's exact flat index; beside it are timed its fp16 scalar quantiser, its 8-bit one in the anchors'
subspace with the candidates compared exactly, as ours does it, and from --ivf anchors on an inverted file (IVF) at
several numbers of lists looked through. 0 anchors stand for the default bundle's own. Others are drawn at random with
the mean and the covariance of the default bundle's, so that they lie in the directions in which faces do, or, with
--interpolated, lie at random between two of the default bundle's. The faces searched for are drawn too, or they are the
embeddings (n, d) of a .npy file: those of real faces, which are further from all anchors.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_SHARES = (0.02, 0.1, 0.3, 0.6)


def main() -> None:
    """Measure each number of threads in a process of its own, since BLAS and OpenMP take theirs at the start."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="5000,50000")
    parser.add_argument("--interpolated", action="store_true", help="anchors between two of the default bundle's")
    parser.add_argument("--batches", default="1,2,8,32")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--ivf", type=int, default=200_000, help="least number of anchors for which IVF is timed")
    parser.add_argument("--faces", type=Path, help=".npy of unit embeddings that are searched for")
    parser.add_argument("--rounds", type=int, default=25)
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
        found = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
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
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import faiss
    import numpy as np
    from drawn_anchors import drawn_like

    from service.bundle.anchors_part import Anchors
    from service.search.exact import candidates_for, support_sets
    from service.search.faiss_search import FaissSearch
    from service.search.int8_search import Int8Search
    from service.search.subspace import subspace_of
    from service.settings import DEFAULT_BUNDLE

    random = np.random.default_rng(0)
    stored = np.load(DEFAULT_BUNDLE / "embeddings.npy")
    rows = []
    for count in numbers(arguments.counts):
        made = stored if count == 0 else (between if arguments.interpolated else drawn_like)(stored, count, random)
        anchors = Anchors.from_stored(made.astype(np.float16), "bench")
        quantised = faiss.IndexScalarQuantizer(
            stored.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        quantised.train(anchors.embeddings[:1000])
        quantised.add(anchors.embeddings)
        eight_bits = in_subspace(faiss, anchors.embeddings, subspace_of(anchors.embeddings))

        def rescored(faces: np.ndarray, index=eight_bits, anchors=anchors) -> np.ndarray:
            found = index.search(faces, candidates_for(arguments.k, len(anchors)))[1]
            return support_sets(anchors.embeddings, faces, found, arguments.k).rows

        flat, integer = FaissSearch(anchors, threads=threads), Int8Search(anchors, threads=threads)
        engines = {
            "faiss flat": lambda faces, flat=flat: flat.search(faces, arguments.k).rows,
            "faiss fp16": lambda faces, quantised=quantised: quantised.search(faces, arguments.k)[1],
            "faiss 8 bits, rescored": rescored,
            "int8, rescored": lambda faces, integer=integer: integer.search(faces, arguments.k).rows,
        }
        if count >= arguments.ivf:
            engines |= inverted_files(faiss, anchors.embeddings, arguments.k)
        faces = (
            drawn_like(stored, 512, random) if arguments.faces is None else np.load(arguments.faces).astype(np.float32)
        )
        for batch in numbers(arguments.batches):
            seconds: dict[str, list[float]] = {name: [] for name in engines}
            cpu: dict[str, list[float]] = {name: [] for name in engines}
            same, shared = dict.fromkeys(engines, 0), dict.fromkeys(engines, 0)
            for round_ in range(arguments.rounds):
                start = round_ * batch % (len(faces) - batch + 1)
                wanted = flat.search(faces[start : start + batch], arguments.k).rows
                for name, search in engines.items():
                    began, began_cpu = time.perf_counter(), time.process_time()
                    found = search(faces[start : start + batch])
                    cpu[name].append((time.process_time() - began_cpu) / batch)
                    seconds[name].append((time.perf_counter() - began) / batch)
                    both = [len(set(a) & set(b)) for a, b in zip(found.tolist(), wanted.tolist(), strict=True)]
                    same[name] += sum(number == arguments.k for number in both)
                    shared[name] += sum(both)
            for name, taken in seconds.items():
                rows.append(
                    {
                        "threads": threads,
                        "anchors": len(anchors),
                        "batch": batch,
                        "engine": name,
                        "least_ms_a_face": round(1000 * min(taken), 3),
                        "median_ms_a_face": round(1000 * statistics.median(taken), 3),
                        "median_cpu_ms_a_face": round(1000 * statistics.median(cpu[name]), 3),
                        "recall": round(shared[name] / (arguments.rounds * batch * arguments.k), 4),
                        "same_support_sets": same[name] / (arguments.rounds * batch),
                    }
                )
    return rows


def between(stored: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Return points between two random rows each, of unit norm: no nearer to either than a fifth of the way."""
    import numpy as np

    one, other = (stored[random.integers(len(stored), size=count)].astype(np.float32) for _ in range(2))
    share = random.uniform(0.2, 0.8, (count, 1)).astype(np.float32)
    mixed = share * one + (1 - share) * other
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def in_subspace(faiss: ModuleType, anchors: np.ndarray, basis: np.ndarray) -> object:
    """Return faiss's index of anchors (n, d) that are turned into a subspace (d, r) and rounded to 8 bits a value."""
    turn = faiss.LinearTransform(*basis.shape, False)
    faiss.copy_array_to_vector(basis.T.ravel(), turn.A)
    turn.is_trained = True
    rounded = faiss.IndexScalarQuantizer(basis.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    index = faiss.IndexPreTransform(turn, rounded)
    index.train(anchors)
    index.add(anchors)
    return index


def inverted_files(faiss: ModuleType, anchors: np.ndarray, k: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return searches of one fp16 inverted file, with a growing share of its lists looked through."""
    lists = 4 * 2 ** round(math.log2(math.sqrt(len(anchors))) - 1)
    dimension = anchors.shape[1]
    means = faiss.Kmeans(dimension, lists, niter=8, spherical=True, seed=1, max_points_per_centroid=40)
    means.train(anchors)
    coarse = faiss.IndexFlatIP(dimension)
    coarse.add(means.centroids)
    index = faiss.IndexIVFScalarQuantizer(
        coarse, dimension, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.train(anchors[:1000])
    index.add(anchors)

    def searching(share: float) -> Callable[[np.ndarray], np.ndarray]:
        def search(faces: np.ndarray) -> np.ndarray:
            index.nprobe = max(1, round(lists * share))
            return index.search(faces, k)[1]

        return search

    return {f"faiss IVF{lists}, fp16, {share:.0%} of the lists": searching(share) for share in _SHARES}


if __name__ == "__main__":
    main()
