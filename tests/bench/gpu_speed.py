"""The backbone and the search on a device: how fast, and whether they find what the CPU finds.

    IDA_HOME=... python tests/bench/gpu_speed.py [--device cuda] [--engines cuda,cuda-graphs,tensorrt]
        [--counts 50000,1000000] [--bandwidth GB_PER_SECOND] [--json FILE]

Faces a second in batches of 1, 8 and 64 by each engine, and the least cosine of their embeddings with the CPU's;
milliseconds of a search for as many faces, the share of support sets that are the CPU's (ties aside), and with the
device's bandwidth the least time in which the anchors could be read once. With --device cpu it runs anywhere.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from drawn_anchors import drawn_like
from hardware import hardware

from service.bundle.anchors_part import Anchors
from service.pipeline import load_pipeline
from service.search.engines import open_search
from service.settings import DEFAULT_BUNDLE, load_settings

_BATCHES = (1, 8, 64)
_K = 10
_TIE = 1e-6


def least_seconds(call: Callable[[], object], rounds: int) -> float:
    """Return the least time of one call, the first not counted."""
    call()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


def backbone_rows(options: argparse.Namespace) -> list[dict]:
    """Return a row for each engine and size of batch."""
    crops = np.random.default_rng(0).integers(0, 256, (max(_BATCHES), 112, 112, 3), dtype=np.uint8)
    expected = load_pipeline(load_settings(device="cpu")).embed(crops)
    rows = []
    for engine in options.engines.split(","):
        pipeline = load_pipeline(load_settings(device=options.device, gpu_engine=engine))
        for batch in _BATCHES:
            part = crops[:batch]
            seconds = least_seconds(lambda part=part, pipeline=pipeline: pipeline.embed(part), options.rounds)
            cosines = np.einsum("nd,nd->n", pipeline.embed(part), expected[:batch])
            rows.append(
                {
                    "engine": engine if options.device == "cuda" else "cpu",
                    "batch": batch,
                    "faces_per_second": round(batch / seconds, 1),
                    "least_cosine_with_cpu": float(cosines.min()),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def search_rows(options: argparse.Namespace) -> list[dict]:
    """Return a row for each number of anchors and of faces."""
    random, stored = np.random.default_rng(0), np.load(DEFAULT_BUNDLE / "embeddings.npy")
    faces, rows = drawn_like(stored, max(_BATCHES), random), []
    for count in map(int, options.counts.split(",")):
        anchors = Anchors.from_stored(drawn_like(stored, count, random).astype(np.float16), "bench")
        search, reference = open_search(anchors, device=options.device), open_search(anchors, device="cpu")
        for batch in _BATCHES:
            part = faces[:batch]
            seconds = least_seconds(lambda part=part, search=search: search.search(part, _K), options.rounds)
            found, expected = search.search(part, _K), reference.search(part, _K)
            same = [
                set(mine) == set(other) or np.abs(found.similarities[row] - expected.similarities[row]).max() < _TIE
                for row, (mine, other) in enumerate(zip(found.rows.tolist(), expected.rows.tolist(), strict=True))
            ]
            rows.append(
                {
                    "anchors": count,
                    "faces": batch,
                    "ms": round(1000 * seconds, 3),
                    "same_support_sets": float(np.mean(same)),
                }
            )
            if options.bandwidth:
                rows[-1]["ms_to_read_all_once"] = round(anchors.embeddings.size * 2 / options.bandwidth / 1e6, 3)
            print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--engines", default="cuda")
    parser.add_argument("--counts", default="50000,1000000")
    parser.add_argument("--bandwidth", type=float, default=0.0, help="of the device's memory, in GB a second")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = {"hardware": hardware(), "backbone": backbone_rows(options), "search": search_rows(options)}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
