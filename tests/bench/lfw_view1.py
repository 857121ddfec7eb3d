"""LFW view 1 through the service's own code: the accuracy of cosine similarity on the served model pack.

The threshold is the one that decides most pairs of pairsDevTrain.txt rightly; the accuracy is its share of rightly
decided pairs of pairsDevTest.txt. A pair with a photograph in which no face is found counts as decided "different".

    IDA_FACES_DIR=/path/to/faces python tests/bench/lfw_view1.py [--json FILE]
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hardware import hardware

from service.arrays import ImageArray
from service.errors import IdaError, InputError
from service.pipeline import FacePipeline, load_pipeline
from service.settings import load_settings

BATCH = 32
Photograph = tuple[str, int]


@dataclass(frozen=True)
class Pair:
    probe: Photograph
    reference: Photograph
    mated: bool


@dataclass
class Stages:
    """Milliseconds of each run of each stage."""

    taken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def __call__(self, name: str, /) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.taken[name].append(1000 * (time.perf_counter() - start))

    def medians(self) -> dict[str, float]:
        return {name: round(statistics.median(times), 2) for name, times in self.taken.items()}


def read_pairs(path: Path) -> list[Pair]:
    """Read `name i j` (mated) and `name i other j` (non-mated) lines; a header line has another number of words."""
    pairs = []
    for line in path.read_text("utf-8").splitlines():
        match line.split():
            case [name, first, second]:
                pairs.append(Pair((name, int(first)), (name, int(second)), mated=True))
            case [name, first, other, second]:
                pairs.append(Pair((name, int(first)), (other, int(second)), mated=False))
    return pairs


def embed_all(pipeline: FacePipeline, photographs: list[Photograph], folder: Path, policy: str, stages: Stages):
    """Return the embedding of each photograph whose face is found, and the reason for each other one."""
    failures: dict[Photograph, str] = {}
    crops: dict[Photograph, ImageArray] = {}
    for name, number in photographs:
        data = (folder / name / f"{name}_{number:04d}.jpg").read_bytes()
        try:
            crops[name, number] = pipeline.extract(data, policy, stages).crop
        except InputError as error:
            failures[name, number] = error.code
    found = list(crops)
    embeddings = {}
    for start in range(0, len(found), BATCH):
        batch = found[start : start + BATCH]
        begun = time.perf_counter()
        rows = pipeline.embed(np.stack([crops[photograph] for photograph in batch]))
        stages.taken["embed"].append(1000 * (time.perf_counter() - begun) / len(batch))
        embeddings.update(zip(batch, rows, strict=True))
    return embeddings, failures


def similarities(pairs: list[Pair], embeddings) -> np.ndarray:
    """Return the cosine of each pair; minus infinity where a face is missing."""
    return np.array(
        [
            float(embeddings[pair.probe] @ embeddings[pair.reference])
            if pair.probe in embeddings and pair.reference in embeddings
            else -np.inf
            for pair in pairs
        ]
    )


def best_threshold(scores: np.ndarray, mated: np.ndarray) -> float:
    """Return the threshold that decides most pairs rightly: of equally good ones the median."""
    candidates = np.unique(scores[np.isfinite(scores)])
    right = np.array([np.mean((scores >= candidate) == mated) for candidate in candidates])
    return float(np.median(candidates[right == right.max()]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # Each photograph is centred on the person it is named after; others may stand nearer to the camera.
    parser.add_argument("--policy", choices=["largest", "most_central"], default="most_central")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    if not os.environ.get("IDA_FACES_DIR"):
        print("Set IDA_FACES_DIR to the folder that holds dev/lfw.", file=sys.stderr)
        return 2
    lfw = Path(os.environ["IDA_FACES_DIR"]) / "dev" / "lfw"
    try:
        pipeline = load_pipeline(load_settings())
    except IdaError as error:
        print(error.message, file=sys.stderr)
        return 2
    pipeline.warm_up()

    train, test = read_pairs(lfw / "pairsDevTrain.txt"), read_pairs(lfw / "pairsDevTest.txt")
    photographs = sorted({side for pair in train + test for side in (pair.probe, pair.reference)})
    stages = Stages()
    begun = time.perf_counter()
    embeddings, failures = embed_all(pipeline, photographs, lfw / "images", arguments.policy, stages)

    train_mated, test_mated = (np.array([pair.mated for pair in pairs]) for pairs in (train, test))
    train_scores, test_scores = similarities(train, embeddings), similarities(test, embeddings)
    threshold = best_threshold(train_scores, train_mated)
    accepted = test_scores >= threshold
    result = {
        "benchmark": "lfw_view1",
        "pack": pipeline.manifest.name,
        "pipeline_id": pipeline.pipeline_id,
        "policy": arguments.policy,
        "photographs": len(photographs),
        "photographs_without_a_face": {f"{name}_{number:04d}": why for (name, number), why in failures.items()},
        "pairs": {"train": len(train), "test": len(test)},
        "pairs_without_a_face": {
            "train": int(np.isneginf(train_scores).sum()),
            "test": int(np.isneginf(test_scores).sum()),
        },
        "threshold": round(threshold, 4),
        "train_accuracy": round(float(np.mean((train_scores >= threshold) == train_mated)), 5),
        "test_accuracy": round(float(np.mean(accepted == test_mated)), 5),
        "test_fmr": round(float(np.mean(accepted[~test_mated])), 5),
        "test_fnmr": round(float(np.mean(~accepted[test_mated])), 5),
        "median_ms": stages.medians(),
        "threads": pipeline.threads,
        "provider": pipeline.provider,
        "hardware": hardware(),
        "seconds": round(time.perf_counter() - begun, 1),
    }
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(
        f"LFW view 1, {result['pack']}, policy {arguments.policy}: {result['test_accuracy']:.1%} of {len(test)} test "
        f"pairs right at threshold {threshold:.4f} (chosen on {len(train)} pairs, {result['train_accuracy']:.2%} right)"
    )
    print(f"test FMR {result['test_fmr']:.2%}, FNMR {result['test_fnmr']:.2%}")
    print(f"{len(photographs)} photographs, {len(failures)} without a face {sorted(failures)[:10] or ''}".rstrip())
    print("median ms: " + ", ".join(f"{name} {taken}" for name, taken in result["median_ms"].items()))
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
