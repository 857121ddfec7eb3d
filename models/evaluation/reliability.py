"""Whether a bundle's stated false-match rates hold on a set: stated against observed."""

from dataclasses import dataclass

import numpy as np

from models.evaluation.method_rates import FMRS
from models.evaluation.scored import ScoredSet
from models.labelled.labelled_faces import InputForm
from models.labelled.pairs.resampling import WeightArray
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import shown_down_to
from models.labelled.rates.observed import ObservedRates, observe
from models.labelled.rates.rate_ratio import RateRatio, Verdict, rate_ratio
from service.arrays import Floats64
from service.scoring.calibration import Calibrations, MethodCalibration, on_scale

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
        stated_fnmr: the false non-match rate on the calibration people; None where nobody said who is whom.
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
    stated_fnmr: Interval | None
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
        observed=tuple(fmr for fmr, _ in _observed(scored, on_curve, weights)),
    )


def _grid(non_mated: int) -> tuple[float, ...]:
    """Return rates at which the set should show at least three false matches."""
    lowest = shown_down_to(non_mated)
    steps = round(_PER_DECADE * (np.log10(FMRS[0]) - np.log10(FMRS[-1]))) + 1
    return tuple(float(rate) for rate in np.logspace(np.log10(FMRS[0]), np.log10(FMRS[-1]), steps) if rate >= lowest)


def _points(calibration: MethodCalibration, scored: ScoredSet, weights: WeightArray) -> tuple[CheckedPoint, ...]:
    limits = np.array([on_scale(point.threshold, scored.variant.method.scale) for point in calibration.points])
    found = []
    for point, (observed, seen) in zip(calibration.points, _observed(scored, limits, weights), strict=True):
        ratio = rate_ratio(point.fmr, observed)
        found.append(
            CheckedPoint(
                name=point.name,
                threshold=point.threshold,
                target=point.fmr,
                stated_fmr=Interval(point.fmr, point.fmr_low, point.fmr_high),
                observed_fmr=observed,
                false_matches=seen.false_matches,
                stated_fnmr=None if point.fnmr is None else Interval(point.fnmr, point.fnmr_low, point.fnmr_high),
                observed_fnmr=Interval(seen.fnmr, seen.fnmr_low, seen.fnmr_high),
                ratio=ratio,
                verdict=ratio.verdict,
            )
        )
    return tuple(found)


def _observed(scored: ScoredSet, limits: Floats64, weights: WeightArray) -> list[tuple[Interval, ObservedRates]]:
    """Return the false-match rate at each limit, with its interval where that can be drawn, and all rates there."""
    seen = observe(limits, scored.variant.method.scale, [scored.comparisons], [weights])
    held = limits > scored.comparisons.complete_above
    return [
        (rates.fmr_interval if drawn or not rates.false_matches else Interval(rates.fmr), rates)
        for rates, drawn in zip(seen, held, strict=True)
    ]
