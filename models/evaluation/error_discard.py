"""Error against discard: how much of FNMR goes with the poorest faces, which is what a quality is worth (EDC)."""

from dataclasses import dataclass

import numpy as np

from models.evaluation.scored import ScoredSet
from models.labelled.comparable import Comparable
from models.labelled.pairs.resampling import WeightArray, interval, share_interval
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import upper_end
from models.labelled.rates.threshold_rates import threshold_at
from service.arrays import Bools, Floats64, Ints

SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
TOLD_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class DiscardPoint:
    """What is left of a set without its poorest faces.

    Attributes:
        discarded: share of the faces that are left out, those of the lowest unified quality.
        pairs_left: share of the mated pairs that have both faces left.
        fnmr: of those pairs at the threshold of the whole set.
    """

    discarded: float
    pairs_left: float
    fnmr: Interval


@dataclass(frozen=True, slots=True)
class ErrorDiscard:
    """FNMR of one method as poor faces are left out. Pairs without a detected face have no quality and count nowhere.

    Attributes:
        fmr: the false-match rate of the whole set that places the threshold, which stays where it is.
        points: by the share that is left out, that of nothing first.
        gone: share of the whole set's FNMR that goes with the poorest fifth of the faces; None where it is 0.
    """

    fmr: float
    points: tuple[DiscardPoint, ...]
    gone: Interval | None


def error_discard(found: Comparable, scored: ScoredSet, fmr: float, weights: WeightArray) -> ErrorDiscard | None:
    """Return how FNMR falls as the faces of the shortest embeddings are left out; None where norms are not known.

    The unified quality rises with the norm alone, whatever the calibration, so the order of the norms is its order. A
    pair is as good as its poorer face: it is left out with that.

    Args:
        found: what is compared.
        scored: the scores of one method.
        fmr: the false-match rate that places the threshold.
        weights: (b, u), how often each person is drawn.
    """
    if not np.all(found.norms > 0):
        return None
    first, second = found.mated()
    people = len(found.people)
    rejected = scored.mated < threshold_at(scored.comparisons, fmr)
    rank = np.empty(len(found.norms), np.int64)
    rank[np.argsort(found.norms, kind="stable")] = np.arange(len(rank))
    poorer, person = np.minimum(rank[first], rank[second]), found.identities[first]
    points: list[DiscardPoint] = []
    drawn: dict[float, tuple[Floats64, Floats64]] = {}
    for share in SHARES:
        left = poorer >= int(share * len(rank))
        if not left.any():
            break
        errors, pairs = (_by_person(person, kept, people) for kept in (left & rejected, left))
        drawn[share] = weights.astype(np.float64) @ errors, weights.astype(np.float64) @ pairs
        low, high = share_interval(*drawn[share])
        count = int(errors.sum())
        fnmr = Interval(
            count / int(pairs.sum()), float(low), upper_end(count, int(np.count_nonzero(pairs)), float(high))
        )
        points.append(DiscardPoint(share, float(left.mean()), fnmr))
    return ErrorDiscard(fmr, tuple(points), _gone(points, drawn))


def _by_person(person: Ints, kept: Bools, people: int) -> Ints:
    return np.bincount(person[kept], minlength=people)


def _gone(points: list[DiscardPoint], drawn: dict[float, tuple[Floats64, Floats64]]) -> Interval | None:
    told = next((point for point in points if point.discarded == TOLD_SHARE), None)
    if told is None or not points[0].fnmr.value:
        return None
    (errors, pairs), (errors_left, pairs_left) = drawn[0.0], drawn[TOLD_SHARE]
    shown = (errors > 0) & (pairs_left > 0)
    value = 1 - told.fnmr.value / points[0].fnmr.value
    if not shown.any():
        return Interval(value)
    rates = errors_left[shown] / pairs_left[shown] / (errors[shown] / pairs[shown])
    low, high = interval(1 - rates)
    return Interval(value, float(low), float(high))
