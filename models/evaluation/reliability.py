"""Whether a bundle's stated false-match rates hold on a set: stated against observed."""

from dataclasses import dataclass

import numpy as np

from models.evaluation.method_rates import FMRS
from models.evaluation.scored import ScoredSet, score_set
from models.evaluation.systems import Variant
from models.labelled.labelled_faces import InputForm
from models.labelled.pairs.resampling import WeightArray
from models.labelled.pairs.stated_scorer import AsServed
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import shown_down_to
from models.labelled.rates.observed import ObservedRates, observe
from models.labelled.rates.rate_ratio import RateRatio, Verdict, rate_ratio
from models.labelled.rates.seen_strata import SeenStratum, seen_strata
from service.arrays import Floats64
from service.scoring.calibration import Calibrations, MethodCalibration

# Points of the curve for every power of ten.
_PER_DECADE = 4


@dataclass(frozen=True, slots=True)
class CheckedPoint:
    """An operating point, as stated and as observed.

    Attributes:
        name: as requests call it.
        threshold: a score of at least this much is a match; in strata, where a pair's own is not known.
        target: the false-match rate it is meant for.
        stated_fmr: its rate with the interval that the calibration states.
        observed_fmr: the share of the set's non-mated pairs that match there, each by its own stratum's threshold.
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
        stated: false-match rates.
        observed: the share of the set's non-mated pairs of which so much or less is stated, each by its own curve.
        strata: the same of each stratum's pairs at the operating points; empty where all pairs are one, or are given.
    """

    population: str
    points: tuple[CheckedPoint, ...]
    stated: tuple[float, ...]
    observed: tuple[Interval, ...]
    strata: tuple[SeenStratum, ...] = ()


def calibration_of(calibrations: Calibrations | None, variant: Variant, form: InputForm) -> MethodCalibration | str:
    """Return the calibration of a variant's scores of two faces of one form, or the reason why there is none."""
    if calibrations is None:
        return "the bundle is not calibrated"
    return calibrations.find(variant.method.name, (form, form), variant.parameters)


def reliability(
    calibrations: Calibrations | None, scored: ScoredSet, form: InputForm, weights: WeightArray
) -> Reliability | str:
    """Return stated against observed rates, each pair judged as the service judges it, or why there are none.

    Args:
        calibrations: the bundle's; None where it has none.
        scored: the scores of the method.
        form: what the faces are.
        weights: (b, u), how often each person is drawn.
    """
    calibration = calibration_of(calibrations, scored.variant, form)
    if calibrations is None or isinstance(calibration, str):
        return str(calibration)
    served, judged = AsServed(calibration), as_served(calibration, scored)
    stated = _grid(judged.comparisons.non_mated)
    by_strata = calibration.strata if scored.found.given is None else None
    return Reliability(
        population=calibrations.population,
        points=_points(calibration, served.thresholds(), judged, weights),
        stated=stated,
        observed=tuple(fmr for fmr, _ in _observed(judged, served.scores_of(stated), weights)),
        strata=seen_strata(by_strata, scored.variant.method, [scored.found], [scored.scorer]),
    )


def as_served(calibration: MethodCalibration, scored: ScoredSet) -> ScoredSet:
    """Return the same pairs on the scale on which one threshold decides as the service does."""
    if calibration.strata is None:
        return scored
    found = scored.found
    return score_set(found, scored.variant, AsServed(calibration).scorer(scored.scorer, found.norms))


def _grid(non_mated: int) -> tuple[float, ...]:
    """Return rates at which the set should show at least three false matches."""
    lowest = shown_down_to(non_mated)
    steps = round(_PER_DECADE * (np.log10(FMRS[0]) - np.log10(FMRS[-1]))) + 1
    return tuple(float(rate) for rate in np.logspace(np.log10(FMRS[0]), np.log10(FMRS[-1]), steps) if rate >= lowest)


def _points(
    calibration: MethodCalibration, limits: Floats64, scored: ScoredSet, weights: WeightArray
) -> tuple[CheckedPoint, ...]:
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
