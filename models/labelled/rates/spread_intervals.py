"""Intervals of the equal error rate and of the overlap of both score distributions, people resampled."""

import numpy as np

from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, interval
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import bound_without_error
from models.labelled.rates.observed import resampled
from models.labelled.rates.threshold_rates import Distribution, threshold_at
from service.arrays import Floats64

# More take time and tell no more.
_MOST_REPLICATES = 200
# Thresholds where the rates are from an eighth of the equal error rate to eight times it.
_FURTHEST = 8.0
_THRESHOLDS = 49


def eer_interval(found: Comparisons, value: float, weights: WeightArray) -> Interval:
    """Return the equal error rate with its interval; its upper end is a bound where there is no error of either kind.

    Every replicate's rate is where its own two rates meet, between thresholds by a straight line.

    Args:
        found: the scored pairs.
        value: their equal error rate.
        weights: (b, u), how often each person is drawn.
    """
    if value == 0.0:
        # Neither rate was seen at the threshold between, and the larger bound holds for both.
        bounds = bound_without_error(found.totals.identity_pairs), bound_without_error(found.people_with_mated_pairs)
        return Interval(value, 0.0, max(bounds))
    rates = np.geomspace(max(value / _FURTHEST, 1 / found.non_mated), min(1.0, value * _FURTHEST), _THRESHOLDS)
    thresholds = np.unique([threshold_at(found, float(rate)) for rate in rates])
    thresholds = np.maximum(thresholds, found.edges[0])
    fmr, fnmr = _drawn(found, thresholds, weights)
    return _around(value, np.array([_crossing(fmr[row], fnmr[row]) for row in range(len(fmr))]))


def overlap_interval(found: Comparisons, spread: Distribution, weights: WeightArray) -> Interval:
    """Return the area under both histograms with its interval; arguments as above, ``spread`` being their histograms.

    Only bins where the strangers are fewer ask which of them were drawn, and those lie where pairs are kept.
    """
    fmr, fnmr = _drawn(found, spread.edges, weights)
    strangers = -np.diff(fmr, axis=1)
    # Lost pairs have no score: the histogram is of those that do.
    scored = np.diff(fnmr, axis=1)
    scored /= np.maximum(scored.sum(axis=1, keepdims=True), 1e-12)
    return _around(spread.overlap, np.minimum(np.maximum(strangers, 0.0), scored).sum(axis=1))


def _drawn(found: Comparisons, thresholds: Floats64, weights: WeightArray) -> tuple[Floats64, Floats64]:
    """Return FMR and FNMR (b, t) of each replicate in which both kinds of pairs were drawn."""
    total, accepted, mated, rejected = resampled(thresholds, [found], [weights[:_MOST_REPLICATES]])
    some = (total > 0) & (mated > 0)
    return accepted[some] / total[some, None], rejected[some] / mated[some, None]


def _crossing(fmr: Floats64, fnmr: Floats64) -> float:
    """Return where FMR, falling with the threshold, and FNMR, rising, meet; the nearest where they do not."""
    apart = fnmr - fmr
    after = int(np.searchsorted(apart, 0.0))
    if after in (0, len(apart)):
        at = min(after, len(apart) - 1)
        return float((fmr[at] + fnmr[at]) / 2)
    before = after - 1
    share = -apart[before] / max(apart[after] - apart[before], 1e-12)
    return float(fmr[before] + share * (fmr[after] - fmr[before]))


def _around(value: float, drawn: Floats64) -> Interval:
    if not len(drawn):
        return Interval(value)
    low, high = interval(drawn)
    return Interval(value, min(float(low), value), max(float(high), value))
