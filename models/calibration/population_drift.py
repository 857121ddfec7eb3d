"""Whether logged pairs are of the people that an anchor set was calibrated for: distributions against its quantiles."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import chi2, hypergeom

from models.calibration.pair_lines import LoggedPairs
from service.arrays import Bools, Floats64
from service.scoring.calibration import MethodCalibration
from service.scoring.fmr_curve import FmrCurve
from service.scoring.methods import find_method
from service.scoring.population import MEASURES, MeasureLimit, PopulationLimits

DriftVerdict = Literal["drifted", "slightly", "as_calibrated", "too_few"]

LEAST_VALUES = 200
"""Fewer say too little of a distribution."""
SMALL_EFFECT = 0.1
"""Population stability index from which on a difference matters; 0.25 is called large."""
LARGEST_BY_CHANCE = 0.01
"""A difference that chance makes more often, over all that is compared together, is none."""

# Of fewer, the chi-square distribution is none.
_LEAST_EXPECTED = 5
# Of pairs that score so low, hardly any is one person's; in this range strangers' rates are spread evenly.
_RATES = (0.5, 0.4, 0.3, 0.2, 0.1)


@dataclass(frozen=True, slots=True)
class DriftedMeasure:
    """One distribution, as logged and as calibrated.

    Attributes:
        name: of the measure, or of the method whose low scores are compared.
        values: how many were logged.
        effect: population stability index, the sum over bins of (p - q) log(p / q); 0 for the same.
        p_value: how often chance makes as large a difference, by a chi-square test; None where there are too few.
        beyond: logged share beyond the calibration's limit; None where there is no limit.
        beyond_calibrated: the calibration's share.
        verdict: what follows.
    """

    name: str
    values: int
    effect: float
    p_value: float | None
    beyond: float | None
    beyond_calibrated: float | None
    verdict: DriftVerdict


def compare_drift(
    logged: LoggedPairs, limits: PopulationLimits, methods: Mapping[str, MethodCalibration]
) -> list[DriftedMeasure]:
    """Compare everything that is known on both sides.

    Values of one service are not independent, since people come again: chance is then larger than the test says, and
    nothing is called drifted for being unlikely alone.

    Args:
        logged: the pairs.
        limits: of the calibration's people.
        methods: the calibrations of the scores, by method.
    """
    measures, doubted = dict(logged.measures), dict[str, int]()
    rates = {
        name: stated_rates(methods[name], scores, logged.norms.get(name))
        for name, scores in logged.scores.items()
        if name in methods
    }
    if (audited := logged.audited) is not None:
        if (norms := norms_of_qualities(np.array(audited.qualities), limits)) is not None:
            measures = {"norm": norms}
        doubted = _doubted(audited.doubted, limits, but=measures)
        rates = {name: audited.stated(name) for name in audited.rates if name in methods}
    known = [name for name in MEASURES if name in limits.measures and name in measures]
    tests = max(1, len(known) + len(rates) + len(doubted))
    found = [_measure(name, measures[name], limits.measures[name], tests) for name in known]
    found += [_beyond(name, doubted[name], audited.judged, limits.measures[name], tests) for name in doubted if audited]
    return found + [_strangers(name, rates[name], methods[name], tests) for name in rates]


def drift_verdict(found: list[DriftedMeasure]) -> DriftVerdict:
    """Return the worst of what was compared; too few where nothing could be."""
    verdicts = {one.verdict for one in found}
    order: tuple[DriftVerdict, ...] = ("drifted", "slightly", "as_calibrated")
    return next((verdict for verdict in order if verdict in verdicts), "too_few")


def _measure(name: str, values: Floats64, calibrated: MeasureLimit, tests: int) -> DriftedMeasure:
    levels = sorted((float(level), value) for level, value in calibrated.quantiles.items())
    # Two levels of one value have no bin between them.
    edges = [level for place, level in enumerate(levels) if place == 0 or level[1] > levels[place - 1][1]]
    shares = np.diff([0.0, *(level for level, _ in edges), 1.0])
    places = np.searchsorted([value for _, value in edges], values, side="right")
    seen = np.bincount(places, minlength=len(shares)).astype(np.float64)
    counts, shares = _joined(seen, shares, min(len(values), calibrated.faces))
    beyond = None
    if calibrated.limit is not None and len(values):
        beyond = float(np.mean(MEASURES[name].is_beyond(values, calibrated.limit)))
    share = calibrated.share if calibrated.limit is not None else None
    return _compared(name, counts, shares, calibrated.faces, tests, beyond, share)


def _joined(counts: Floats64, shares: Floats64, sample: int) -> tuple[Floats64, Floats64]:
    """Return the bins, each joined with the next ones until a sample has five values there to expect."""
    joined = [[0.0, 0.0]]
    for count, share in zip(counts.tolist(), shares.tolist(), strict=True):
        if joined[-1][1] * sample >= _LEAST_EXPECTED:
            joined.append([0.0, 0.0])
        joined[-1][0] += count
        joined[-1][1] += share
    if len(joined) > 1 and joined[-1][1] * sample < _LEAST_EXPECTED:
        last = joined.pop()
        joined[-1] = [joined[-1][0] + last[0], joined[-1][1] + last[1]]
    found = np.array(joined)
    return found[:, 0], found[:, 1]


def stated_rates(calibration: MethodCalibration, scores: Floats64, norms: Floats64 | None) -> Floats64:
    """Return the false-match rates that scores stand for, as the service states them.

    Args:
        calibration: of their method.
        scores: (n,).
        norms: (n, 2) of both faces, NaN where one is not known; None where none is. Such a pair has the rate of all.
    """
    with np.errstate(divide="ignore"):
        on_scale = np.log(np.maximum(scores, 0.0)) if find_method(calibration.method).scale == "log" else scores

    def at(curve: FmrCurve, rows: Bools) -> Floats64:
        return np.asarray(10.0 ** np.interp(on_scale[rows], curve.scores, curve.log10_fmr))

    every = np.ones(len(scores), dtype=bool)
    rates = at(calibration.curve, every)
    if calibration.strata is not None and norms is not None:
        # A norm at a cut is in the better band, as in ``Strata.of``.
        bands = np.sort(np.searchsorted(calibration.strata.cuts, norms, side="right"), axis=1)
        known = np.all(np.isfinite(norms), axis=1)
        for of_stratum, stratum in calibration.strata.strata.items():
            rows = known & np.all(bands == of_stratum, axis=1)
            rates[rows] = at(stratum.curve, rows)
    return rates


def norms_of_qualities(qualities: Floats64, limits: PopulationLimits) -> Floats64 | None:
    """Return the norms that unified qualities (n,) stand for; None where the calibration cannot tell.

    Args:
        qualities: 0 to 100, as ``unified_quality`` has them; at both ends the norm is infinite, and in the last bin.
        limits: of the calibration by which they were told.
    """
    quantiles = limits.measures["norm"].quantiles if "norm" in limits.measures else {}
    if limits.unified_quality(1.0) is None or not len(qualities):
        return None
    median, one_percent = quantiles["0.5"], quantiles["0.01"]
    # q = 50 (1 + tanh((norm - m) / (2 w))), m half-way between the two norms, w their distance over 2 log 3.
    middle, width = (median + one_percent) / 2, (median - one_percent) / (2 * math.log(3))
    with np.errstate(divide="ignore"):
        norms: Floats64 = middle + 2 * width * np.arctanh(qualities / 50 - 1)
    return norms


def _doubted(counts: Mapping[str, int], limits: PopulationLimits, but: Collection[str]) -> dict[str, int]:
    """Return how many faces lay beyond the limit of each measure that reasons alone tell of.

    None where no reason was ever told: the service does not judge quality, or refuses what it doubts.
    """
    reasons = {name: MEASURES[name].reason for name, one in limits.measures.items() if one.limit is not None}
    if not any(counts.get(reason) for reason in reasons.values()):
        return {}
    return {name: counts.get(reason, 0) for name, reason in reasons.items() if name not in but}


def _beyond(name: str, beyond: int, faces: int, calibrated: MeasureLimit, tests: int) -> DriftedMeasure:
    """Compare the share of faces beyond a limit; fewer than calibrated is no drift: such faces may never be sent."""
    called = f"{name} beyond its limit"
    share = beyond / faces if faces else None
    if faces < LEAST_VALUES:
        return DriftedMeasure(called, faces, 0.0, None, share, calibrated.share, "too_few")
    effect = stability_index(
        np.array([beyond, faces - beyond], np.float64), np.array([calibrated.share, 1 - calibrated.share])
    )
    before = round(calibrated.share * calibrated.faces)
    # Fisher's exact test, one-sided, since so few are expected that the chi-square distribution is none.
    p_value = float(hypergeom.sf(beyond - 1, calibrated.faces + faces, before + beyond, faces))
    verdict = _verdict(p_value, effect, tests)
    return DriftedMeasure(called, faces, effect, p_value, share, calibrated.share, verdict)


def _strangers(name: str, rates: Floats64, calibration: MethodCalibration, tests: int) -> DriftedMeasure:
    """Compare the scores that pairs of two people alone reach: the stated rate of such a pair is uniform."""
    counts, _ = np.histogram(rates, _RATES[::-1])
    shares = np.full(len(counts), 1 / len(counts))
    called = f"low scores by {name}"
    people = calibration.points[0].people if calibration.points else LEAST_VALUES
    return _compared(called, counts.astype(np.float64), shares, people, tests, None, None)


def _compared(
    name: str,
    counts: Floats64,
    shares: Floats64,
    calibrated: int,
    tests: int,
    beyond: float | None,
    beyond_calibrated: float | None,
) -> DriftedMeasure:
    total = int(counts.sum())
    effect = stability_index(counts, shares)
    if total < LEAST_VALUES:
        return DriftedMeasure(name, total, effect, None, beyond, beyond_calibrated, "too_few")
    p_value = two_sample_p_value(counts, shares, calibrated)
    verdict = _verdict(p_value, effect, tests)
    return DriftedMeasure(name, total, effect, p_value, beyond, beyond_calibrated, verdict)


def _verdict(p_value: float, effect: float, tests: int) -> DriftVerdict:
    if p_value * tests > LARGEST_BY_CHANCE:
        return "as_calibrated"
    return "drifted" if effect >= SMALL_EFFECT else "slightly"


def stability_index(counts: Floats64, shares: Floats64) -> float:
    """Return the population stability index of counts (b,) against shares (b,) that sum to 1; 0 without any count."""
    total = counts.sum()
    if not total:
        return 0.0
    # A value for every bin by its share, so that an empty one does not make the index infinite.
    seen = (counts + shares) / (total + 1)
    return float(np.sum((seen - shares) * np.log(seen / shares)))


def two_sample_p_value(counts: Floats64, shares: Floats64, calibrated: int) -> float:
    """Return how often chance alone makes two samples differ so much.

    Args:
        counts: (b,) of the one sample by bin.
        shares: (b,) of the other.
        calibrated: size of the other.
    """
    total = counts.sum()
    other = shares * calibrated
    # Pearson's statistic of a table of two rows: sum of (sqrt(m/n) a - sqrt(n/m) b)^2 / (a + b).
    difference = np.sqrt(calibrated / total) * counts - np.sqrt(total / calibrated) * other
    statistic = np.sum(difference**2 / (counts + other))
    return float(chi2.sf(statistic, len(counts) - 1))
