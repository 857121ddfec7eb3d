"""Whether a bundle's stated false-match rates hold on a set: stated against observed."""

from dataclasses import dataclass
from math import log

import numpy as np

from models.evaluation.rates import FMRS, Interval
from models.evaluation.scored import ScoredSet
from models.labelled.labelled_faces import InputForm
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, accepted_weights, rejected_weights, share_interval
from models.labelled.rates.measured import RULE_OF_THREE, fmr_bound, fnmr_bound
from models.labelled.rates.rate_ratio import RateRatio, Verdict, rate_ratio
from models.labelled.rates.threshold_rates import fnmr_above
from service.arrays import Floats64
from service.scoring.calibration import Calibrations, MethodCalibration

# Points of the curve for every power of ten.
_PER_DECADE = 4


@dataclass(frozen=True, slots=True)
class CheckedPoint:
    """An operating point, as stated and as observed.

    Attributes:
        name: as requests call it.
        threshold: a score of at least this much is a match.
        target: the false-match rate it is meant for.
        stated_fmr: its rate with the interval that the calibration states.
        observed_fmr: the share of the set's non-mated pairs that reach it.
        false_matches: how many that is.
        stated_fnmr: the false non-match rate on the calibration people.
        observed_fnmr: on this set.
        ratio: observed over stated FMR.
        verdict: whether the observed rate is higher or lower than the stated one, as stated, or undecided.
    """

    name: str
    threshold: float
    target: float
    stated_fmr: Interval
    observed_fmr: Interval
    false_matches: int
    stated_fnmr: Interval
    observed_fnmr: Interval
    ratio: RateRatio
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far a method's stated false-match rates can be relied on.

    Attributes:
        population: the people of the calibration, in the bundle's words.
        points: the operating points.
        stated: false-match rates along the curve.
        observed: what the set shows at the scores that state them.
    """

    population: str
    points: tuple[CheckedPoint, ...]
    stated: tuple[float, ...]
    observed: tuple[Interval, ...]


def reliability(
    calibrations: Calibrations | None, scored: ScoredSet, form: InputForm, weights: WeightArray
) -> Reliability | str:
    """Return stated against observed rates of one method, or the reason why there is nothing to compare.

    Args:
        calibrations: the bundle's; None where it has none.
        scored: the scores of the method.
        form: what the faces are.
        weights: (b, u), how often each person is drawn.
    """
    if calibrations is None:
        return "the bundle is not calibrated"
    variant = scored.variant
    calibration = calibrations.find(variant.method.name, (form, form), variant.parameters)
    if isinstance(calibration, str):
        return calibration
    comparisons = scored.comparisons
    stated = _grid(comparisons.non_mated)
    on_curve = np.array([calibration.curve.score_of(rate) for rate in stated])
    return Reliability(
        population=calibrations.population,
        points=_points(calibration, scored, weights),
        stated=stated,
        observed=tuple(_observed(comparisons, on_curve, weights)),
    )


def _grid(non_mated: int) -> tuple[float, ...]:
    """Return rates at which the set should show at least three false matches."""
    lowest = RULE_OF_THREE / non_mated
    steps = round(_PER_DECADE * (np.log10(FMRS[0]) - np.log10(FMRS[-1]))) + 1
    return tuple(float(rate) for rate in np.logspace(np.log10(FMRS[0]), np.log10(FMRS[-1]), steps) if rate >= lowest)


def _points(calibration: MethodCalibration, scored: ScoredSet, weights: WeightArray) -> tuple[CheckedPoint, ...]:
    comparisons, log_scale = scored.comparisons, scored.variant.method.scale == "log"
    limits = np.array([log(point.threshold) if log_scale else point.threshold for point in calibration.points])
    observed = _observed(comparisons, limits, weights)
    # At least the threshold is a match; the curve's own rates are for scores above one.
    fnmr = fnmr_above(comparisons, np.nextafter(limits, -np.inf))
    rejected, mated = rejected_weights(comparisons, limits, weights)
    low, high = share_interval(rejected, mated)
    people = comparisons.people_with_mated_pairs
    ratios = [rate_ratio(p.fmr, o.value, o.low, o.high) for p, o in zip(calibration.points, observed, strict=True)]
    return tuple(
        CheckedPoint(
            name=point.name,
            threshold=point.threshold,
            target=point.fmr,
            stated_fmr=Interval(point.fmr, point.fmr_low, point.fmr_high),
            observed_fmr=observed[place],
            false_matches=round(observed[place].value * comparisons.non_mated),
            stated_fnmr=Interval(point.fnmr, point.fnmr_low, point.fnmr_high),
            observed_fnmr=Interval(
                float(fnmr[place]), float(low[place]), fnmr_bound(fnmr[place], people, float(high[place]))
            ),
            ratio=ratios[place],
            verdict=ratios[place].verdict,
        )
        for place, point in enumerate(calibration.points)
    )


def _observed(comparisons: Comparisons, limits: Floats64, weights: WeightArray) -> list[Interval]:
    """Return the share of non-mated pairs that score at least so much, with its interval where that can be drawn."""
    pairs = comparisons.non_mated
    shares = comparisons.non_mated_at_least(limits) / pairs
    held = limits > comparisons.complete_above
    intervals: dict[int, tuple[float, float]] = {}
    if held.any():
        accepted = accepted_weights(comparisons, limits[held], weights)
        low, high = share_interval(accepted, comparisons.totals.weigh(weights))
        intervals = {int(place): (float(low[at]), float(high[at])) for at, place in enumerate(np.flatnonzero(held))}
    found = []
    for place, share in enumerate(shares):
        if share == 0:
            found.append(Interval(0.0, 0.0, fmr_bound(0, pairs, 0.0)))
        else:
            found.append(Interval(float(share), *intervals.get(place, (None, None))))
    return found
