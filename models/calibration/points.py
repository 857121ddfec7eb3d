"""Operating points: thresholds for round false-match rates, and what people set aside make of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, accepted_weights, rejected_weights, share_interval
from models.labelled.rates.measured import OPERATING_FMRS, fmr_bound, fnmr_bound, point_name, quality
from service.arrays import Floats64
from service.scoring.calibration import FmrCurve, OperatingPoint
from service.scoring.dao import to_score
from service.scoring.methods import Scale


@dataclass(frozen=True, slots=True)
class ObservedRates:
    """What a threshold does to some people.

    Attributes:
        threshold: of the scores as the service gives them.
        false_matches: how many non-mated pairs reach it.
        fmr: their share of all.
        fmr_low: lower end of its 95 % interval.
        fmr_high: upper end; 3/N at least where no pair reaches the threshold.
        fnmr: share of the mated pairs that do not reach it, undetected faces counted.
        fnmr_low: lower end of its 95 % interval.
        fnmr_high: upper end.
    """

    threshold: float
    false_matches: int
    fmr: float
    fmr_low: float
    fmr_high: float
    fnmr: float
    fnmr_low: float
    fnmr_high: float


def observe(
    thresholds: Floats64, scale: Scale, sets: Sequence[Comparisons], weights: Sequence[WeightArray]
) -> list[ObservedRates]:
    """Return what thresholds do to the people of one or more sets taken together.

    Args:
        thresholds: (p,), on the scale of ``Method.combine``; where all non-mated pairs above were kept.
        scale: of the method.
        sets: the scored pairs; none across two sets.
        weights: for each set (b, u), its people's weights in each replicate of the bootstrap.
    """
    total, mated = sum(found.non_mated for found in sets), sum(found.mated for found in sets)
    reached = np.sum([found.non_mated_at_least(thresholds) for found in sets], axis=0)
    drawn_total, drawn_reached, drawn_mated, drawn_rejected = _resampled(thresholds, sets, weights)
    rejected = np.sum([_rejected(found, thresholds) for found in sets], axis=0)
    fmr_low, fmr_high = share_interval(drawn_reached, drawn_total)
    fnmr_low, fnmr_high = share_interval(drawn_rejected, drawn_mated)
    people = sum(found.people_with_mated_pairs for found in sets)
    observed = []
    for row, threshold in enumerate(thresholds):
        false_matches = round(reached[row])
        observed.append(
            ObservedRates(
                threshold=as_score(float(threshold), scale),
                false_matches=false_matches,
                fmr=false_matches / total,
                fmr_low=float(fmr_low[row]),
                fmr_high=fmr_bound(false_matches, total, float(fmr_high[row])),
                fnmr=float(rejected[row]) / mated,
                fnmr_low=float(fnmr_low[row]),
                fnmr_high=fnmr_bound(rejected[row], people, float(fnmr_high[row])),
            )
        )
    return observed


def operating_points(
    curve: FmrCurve, scale: Scale, sets: Sequence[Comparisons], weights: Sequence[WeightArray]
) -> tuple[OperatingPoint, ...]:
    """Return the operating points of a curve, with what was measured on the people that it was fitted to.

    Args:
        curve: score to false-match rate; gives the thresholds and the intervals of their rates.
        scale: of the method.
        sets: the scored pairs that the curve was fitted to.
        weights: as for ``observe``.
    """
    thresholds = np.array([curve.score_of(fmr) for fmr in OPERATING_FMRS])
    total = sum(found.non_mated for found in sets)
    points = []
    for fmr, threshold, seen in zip(OPERATING_FMRS, thresholds, observe(thresholds, scale, sets, weights), strict=True):
        stated = curve.at(float(threshold))
        points.append(
            OperatingPoint(
                name=point_name(fmr),
                fmr=fmr,
                threshold=seen.threshold,
                quality=quality(total, fmr),
                fmr_low=stated.low,
                fmr_high=fmr_bound(seen.false_matches, total, stated.high),
                fnmr=seen.fnmr,
                fnmr_low=seen.fnmr_low,
                fnmr_high=seen.fnmr_high,
                false_matches=seen.false_matches,
                non_mated_pairs=total,
                mated_pairs=sum(found.mated for found in sets),
                people=sum(found.people for found in sets),
                identity_pairs=sum(found.totals.identity_pairs for found in sets),
            )
        )
    return tuple(points)


def as_score(value: float, scale: Scale) -> float:
    """Return the score that a value on the scale of ``Method.combine`` stands for."""
    return float(to_score(value)) if scale == "log" else value


def on_scale(score: float, scale: Scale) -> float:
    """Return a score on the scale of ``Method.combine``: the inverse of ``as_score``."""
    return math.log(score) if scale == "log" else score


def _resampled(
    thresholds: Floats64, sets: Sequence[Comparisons], weights: Sequence[WeightArray]
) -> tuple[Floats64, Floats64, Floats64, Floats64]:
    """Return, summed over the sets, the weight of all non-mated pairs, of accepted ones, of mated and rejected ones."""
    replicates = len(weights[0])
    total, mated = np.zeros(replicates), np.zeros(replicates)
    accepted, rejected = np.zeros((replicates, len(thresholds))), np.zeros((replicates, len(thresholds)))
    for found, drawn in zip(sets, weights, strict=True):
        total += found.totals.weigh(drawn)
        kept = len(found.top_scores) - np.searchsorted(found.top_scores[::-1], thresholds, side="left")
        # More pairs reach the lowest thresholds than are kept, if a set is that much harder than the others: the
        # replicates of the rest are taken to vary as the kept ones do.
        beyond = found.non_mated_at_least(thresholds) / np.maximum(kept, 1)
        accepted += accepted_weights(found, thresholds, drawn) * np.maximum(beyond, 1.0)
        below, of_all = rejected_weights(found, thresholds, drawn)
        rejected += below
        mated += of_all
    return total, accepted, mated, rejected


def _rejected(found: Comparisons, thresholds: Floats64) -> Floats64:
    accepted = np.searchsorted(-found.mated_scores, -thresholds, side="right")
    return (found.mated - accepted).astype(np.float64)
