"""The golden check: whether anchors, scores and backbone still give what they gave when the bundle was made."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.arrays import Floats32, Floats64
from service.bundle.anchors_part import Anchors
from service.bundle.golden_pairs import GoldenPairs
from service.scoring.methods import METHODS, methods_of
from service.scoring.parameters import Parameters
from service.scoring.similarity import cosine
from service.scoring.terms import TermSource
from service.search.face_terms import TermFinder
from service.search.search import Search
from service.snapshot.snapshot import Snapshot
from service.snapshot.synthetic_crop import synthetic_crop

GOLDEN_PAIRS = 16
# Another instruction set or device moves a score by 1e-6 of its size or so; another anchor set or formula by percents.
SCORE_TOLERANCE = 1e-3
# What the same network gives on another execution provider, or after an exact rewrite, is far nearer than this.
LEAST_CROP_SIMILARITY = 0.999

Embed = Callable[[NDArray[np.uint8]], Floats32]
"""Embeds aligned crops: (n, 112, 112, 3) uint8, RGB, to (n, d) float32 of unit norm."""


@dataclass(frozen=True, slots=True)
class GoldenReport:
    """How far a service is from what the bundle's maker saw.

    Attributes:
        pairs: number of golden pairs.
        score_drift: by method, those that are not served here left out, the largest change of a score over the
            largest score expected.
        crop_similarity: cosine of the synthetic crop's embedding and the stored one.
    """

    pairs: int
    score_drift: dict[str, float]
    crop_similarity: float

    @property
    def passed(self) -> bool:
        """Whether every method's drift and the crop's similarity are within their tolerance."""
        return not self.drifted and self.crop_similarity >= LEAST_CROP_SIMILARITY

    @property
    def drifted(self) -> dict[str, float]:
        """The drift of the methods where it is beyond the tolerance."""
        return {method: drift for method, drift in self.score_drift.items() if not drift <= SCORE_TOLERANCE}

    @property
    def worst_drift(self) -> float:
        """The largest drift of any method."""
        return max(self.score_drift.values(), default=0.0)

    def as_dict(self) -> dict[str, object]:
        """Return the report for JSON."""
        return {
            "golden_pairs": self.pairs,
            "score_drift": self.score_drift,
            "score_tolerance": SCORE_TOLERANCE,
            "crop_similarity": self.crop_similarity,
            "least_crop_similarity": LEAST_CROP_SIMILARITY,
        }


def make_golden(anchors: Anchors, search: Search, embed: Embed, *, parameters: Parameters, seed: int) -> GoldenPairs:
    """Return golden pairs of a new anchor set, the same ones for the same seed.

    Every other pair is an anchor and the anchor most similar to it, so that high scores are among them.

    Args:
        anchors: the anchor set, of two anchors or more.
        search: the search in it.
        embed: the backbone.
        parameters: those of the bundle.
        seed: chooses the pairs.

    Raises:
        InferenceFailed, SearchFailed: if the backbone or the search fails.
    """
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(anchors))[: min(2 * GOLDEN_PAIRS, len(anchors) // 2 * 2)]
    probes, references = anchors.embeddings[rows[0::2]], anchors.embeddings[rows[1::2]].copy()
    nearest = search.search(probes[0::2], 2).rows
    references[0::2] = anchors.embeddings[np.where(nearest[:, 0] == rows[0::4], nearest[:, 1], nearest[:, 0])]
    return GoldenPairs(
        probes=probes,
        references=references,
        scores=_scores(TermFinder(anchors, search), probes, references, parameters),
        crop_embedding=embed(synthetic_crop()[None])[0],
    )


def rescored(golden: GoldenPairs, source: TermSource, parameters: Parameters) -> GoldenPairs:
    """Return the same golden pairs with the scores that other parameters give them; raises as ``source.terms``."""
    return replace(golden, scores=_scores(source, golden.probes, golden.references, parameters))


def check_golden(snapshot: Snapshot, embed: Embed) -> GoldenReport | None:
    """Score the golden pairs at the bundle's own parameters and embed the synthetic crop; None without a bundle.

    Raises:
        InferenceFailed, SearchFailed: if a network or the search fails.
    """
    golden, manifest = snapshot.golden, snapshot.manifest
    if golden is None or manifest is None:
        return None
    found = _scores(snapshot.sources, golden.probes, golden.references, manifest.parameters)
    crop_embedding = embed(synthetic_crop()[None])
    return GoldenReport(
        pairs=len(golden.probes),
        # Nobody can ask for what is not served, such as ida-l where IDA_TAU does not fit the head: a refusal for its
        # sake would protect no answer.
        score_drift={
            name: _drift(found[name], golden.scores[name])
            for name in golden.scores
            if name in found and name not in snapshot.not_served
        },
        crop_similarity=float(cosine(crop_embedding, golden.crop_embedding[None])[0]),
    )


def _scores(source: TermSource, probes: Floats32, references: Floats32, parameters: Parameters) -> dict[str, Floats64]:
    faces = np.concatenate([probes, references])
    return {
        method.name: method.score(probes, references, source.terms(faces, method.needs, parameters), parameters).score
        for method in (METHODS[name] for name in methods_of(source.provides))
    }


def _drift(found: Floats64, expected: Floats64) -> float:
    largest = max(float(np.max(np.abs(expected))), float(np.finfo(np.float64).tiny))
    return float(np.max(np.abs(found - expected)) / largest)
