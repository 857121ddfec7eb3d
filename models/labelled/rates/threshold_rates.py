"""Rates that scored pairs have at a threshold: TAR at FAR, equal error rate, DET curve, overlap.

A score of at least the threshold is a match, as in the service; mated pairs lost for want of a detected face are
rejected at every threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.labelled.pairs.comparisons import Comparisons
from service.arrays import Floats64, Ints

OVERLAP_BINS = 120
_DET_POINTS = 121


def threshold_at(comparisons: Comparisons, fmr: float) -> float:
    """Return the lowest threshold whose false-match rate is at most ``fmr``: just above a non-mated pair's score.

    Exact where the non-mated pairs above it were all kept, else interpolated in their histogram; minus infinity where
    every pair may be a match.
    """
    allowed = int(fmr * comparisons.non_mated * (1 + 1e-12))
    if allowed >= comparisons.non_mated:
        return -np.inf
    if allowed < len(comparisons.top_scores):
        return float(np.nextafter(comparisons.top_scores[allowed], np.inf))
    beyond = np.concatenate([np.cumsum(comparisons.histogram[::-1])[::-1], [0]]).astype(np.float64)
    return float(np.interp(-allowed, -beyond, comparisons.edges))


def rejected_at(comparisons: Comparisons, fmrs: Sequence[float]) -> Ints:
    """Return how many mated pairs are rejected at the thresholds of false-match rates, (f,) int64."""
    return comparisons.mated_below(np.array([threshold_at(comparisons, fmr) for fmr in fmrs]))


def fnmr_at(comparisons: Comparisons, fmrs: Sequence[float]) -> Floats64:
    """Return their share of the mated pairs, (f,)."""
    return rejected_at(comparisons, fmrs) / comparisons.mated


def smoothed_fnmr(comparisons: Comparisons, fmrs: Sequence[float]) -> Floats64:
    """Return (errors + 0.5) / (pairs + 1) instead, (f,): never 0, so that ratios of it are defined."""
    return (rejected_at(comparisons, fmrs) + 0.5) / (comparisons.mated + 1)


def det_curve(comparisons: Comparisons) -> tuple[Floats64, Floats64]:
    """Return FMR and FNMR (d,) float64 at evenly spaced log FMR, from one non-mated pair in all to all of them."""
    fmrs = np.logspace(-np.log10(comparisons.non_mated), 0, _DET_POINTS)
    fmrs[0] = 1.0 / comparisons.non_mated
    return fmrs, fnmr_at(comparisons, fmrs.tolist())


def equal_error_rate(comparisons: Comparisons) -> float:
    """Return the rate at which FMR and FNMR are nearest to each other: the mean of the two there.

    Where mated pairs were lost the two may never meet; the rate is then above that of the scored pairs alone.
    """
    scores = np.unique(comparisons.mated_scores)
    # At a mated score, and just above it: beyond those, no threshold has both rates lower.
    thresholds = np.concatenate([scores, np.nextafter(scores, np.inf)])
    fnmr = comparisons.mated_below(thresholds) / comparisons.mated
    fmr = comparisons.non_mated_at_least(thresholds) / comparisons.non_mated
    at = int(np.argmin(np.abs(fmr - fnmr)))
    return float((fmr[at] + fnmr[at]) / 2)


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """How the scores of mated and non-mated pairs lie; two histograms on the same bins.

    Attributes:
        edges: (b + 1,) float64, on the scale of ``Method.combine``.
        mated: (b,) float64, share of the scored mated pairs.
        non_mated: (b,) float64, share of the non-mated pairs.
    """

    edges: Floats64
    mated: Floats64
    non_mated: Floats64

    @property
    def overlap(self) -> float:
        """The area under both histograms, from 0 (apart) to 1 (alike)."""
        return float(np.minimum(self.mated, self.non_mated).sum())


def distribution(comparisons: Comparisons, bins: int = OVERLAP_BINS) -> Distribution:
    """Return the distributions on equal bins that span all scores."""
    mated = comparisons.mated_scores
    fine = 0.5 * (comparisons.edges[1:] + comparisons.edges[:-1])
    scores, counts = (
        (comparisons.top_scores, np.ones(len(comparisons.top_scores)))
        if len(comparisons.top_scores) == comparisons.non_mated
        else (fine, comparisons.histogram.astype(np.float64))
    )
    seen = scores[counts > 0]
    edges = np.linspace(min(seen.min(), mated.min()), max(seen.max(), mated.max()) + 1e-9, bins + 1)
    return Distribution(
        edges=edges,
        mated=np.histogram(mated, edges)[0] / len(mated),
        non_mated=np.histogram(scores, edges, weights=counts)[0] / counts.sum(),
    )
