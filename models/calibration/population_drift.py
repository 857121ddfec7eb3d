"""Whether logged pairs are of the people that an anchor set was calibrated for: distributions against its quantiles."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import chi2

from models.calibration.pair_lines import LoggedPairs
from service.arrays import Floats64
from service.scoring.calibration import MethodCalibration
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
    known = [name for name in MEASURES if name in limits.measures and name in logged.measures]
    scored = [name for name in logged.scores if name in methods]
    tests = max(1, len(known) + len(scored))
    found = [_measure(name, logged.measures[name], limits.measures[name], tests) for name in known]
    return found + [_strangers(name, logged.scores[name], methods[name], tests) for name in scored]


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


def _strangers(name: str, scores: Floats64, calibration: MethodCalibration, tests: int) -> DriftedMeasure:
    """Compare the scores that pairs of two people alone reach: the stated rate of such a pair is uniform."""
    curve = calibration.curve
    with np.errstate(divide="ignore"):
        on_scale = np.log(np.maximum(scores, 0.0)) if find_method(name).scale == "log" else scores
    rates = 10.0 ** np.interp(on_scale, curve.scores, curve.log10_fmr)
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
    is_chance = p_value * tests > LARGEST_BY_CHANCE
    verdict: DriftVerdict = "as_calibrated" if is_chance else "drifted" if effect >= SMALL_EFFECT else "slightly"
    return DriftedMeasure(name, total, effect, p_value, beyond, beyond_calibrated, verdict)


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
