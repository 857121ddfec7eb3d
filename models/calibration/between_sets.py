"""How much the false-match rate differs between sets of people, beyond what the drawing of the people explains."""

import math
from collections.abc import Sequence

import numpy as np

from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.jackknife import moved_counts
from models.labelled.rates.measured import MEASURED_FALSE_MATCHES
from service.scoring.fmr_curve import FmrCurve

_LEVELS = (1e-2, 1e-3, 1e-4)
_LEAST_VARIANCE = 1e-9


def between_sets(measured: Sequence[tuple[FmrCurve, Sequence[Comparisons]]]) -> float | None:
    """Return the standard deviation of log10 of the false-match rate between sets, of a random-effects model.

    log10 f_s = m + b_s + e_s for set s at a threshold: e_s varies as the drawing of its people makes it, and what is
    left of the spread is b_s's (DerSimonian and Laird 1986), here averaged over thresholds and strata.

    Args:
        measured: curves, each with the sets that it was fitted to.

    Returns:
        0 or more; None where no threshold was measured on two sets.
    """
    tried = [_variance(curve.score_of(level), sets) for curve, sets in measured for level in _LEVELS]
    variances = [found for found in tried if found is not None]
    if not variances:
        return None
    # Rounded, since the last digits depend on the processor and would give the bundle another id.
    return round(math.sqrt(max(0.0, sum(variances) / len(variances))), 4)


def _variance(threshold: float, sets: Sequence[Comparisons]) -> float | None:
    """Return the variance between sets at a threshold; below 0 where they differ less than drawing explains."""
    score = np.array([threshold])
    logs, own = [], []
    for found in sets:
        matches = found.non_mated_at_least(score)
        if matches[0] < MEASURED_FALSE_MATCHES or threshold <= found.complete_above:
            continue
        logs.append(math.log10(matches[0] / found.non_mated))
        own.append(float(moved_counts(found, score, matches).squares[0]) / math.log(10) ** 2)
    if len(logs) < 2:
        return None
    precision = 1 / np.maximum(own, _LEAST_VARIANCE)
    mean = np.average(logs, weights=precision)
    spread = float(np.sum(precision * (np.array(logs) - mean) ** 2))
    return (spread - (len(logs) - 1)) / float(precision.sum() - np.sum(precision**2) / precision.sum())
