"""The curve from score to false-match rate: counted where pairs are many, fitted where they end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.calibration.tail import Tail, fit_scale, fit_tail
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.jackknife import Moved, least_widths, moved_counts, moved_tail
from models.labelled.rates.measured import shown_down_to
from models.tool_errors import CalibrationImpossible
from service.arrays import Floats64
from service.scoring.fmr_curve import FmrCurve

FLOOR = 1e-9
# Enough to fit two parameters, few enough to be a tail.
_TAIL_PAIRS = 250
_TAIL_SHARE = 0.1
_LEAST_TAIL_PAIRS = 20
_KNOTS_PER_DECADE = 16
_LOW_FLOOR = 1e-12
# Of the natural logarithm: no more than all pairs.
_WIDEST = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class FittedCurve:
    """A curve and how its end was fitted.

    Attributes:
        curve: the curve.
        tail_start: score from which on it is fitted.
        tail_pairs: non-mated pairs beyond that.
        scale: scale of the generalised Pareto distribution.
        shape: its shape, 0 or more.
    """

    curve: FmrCurve
    tail_start: float
    tail_pairs: int
    scale: float
    shape: float


def fit_curve(
    sets: Sequence[Comparisons], *, shape: float | None = None, knots_per_decade: int = _KNOTS_PER_DECADE
) -> FittedCurve:
    """Fit the curve of one method over the non-mated pairs of one or more sets of people.

    Args:
        sets: the scored pairs; none across two sets.
        shape: of the tail, where more pairs than these tell it; None to fit it too.
        knots_per_decade: of rates, at which the curve is stated.

    Raises:
        CalibrationImpossible: if there are too few non-mated pairs, or scores, to fit a tail to.
    """
    total = sum(found.non_mated for found in sets)
    complete = max(found.complete_above for found in sets)
    top = np.concatenate([found.top_scores for found in sets])
    top = np.sort(top[top > complete])[::-1]
    tail_pairs = min(_TAIL_PAIRS, int(_TAIL_SHARE * total), len(top) - 1)
    if tail_pairs < _LEAST_TAIL_PAIRS or top[0] == top[tail_pairs]:
        raise CalibrationImpossible(
            f"{total} pairs of different people are too few to say what a score means: "
            f"{int(_LEAST_TAIL_PAIRS / _TAIL_SHARE)} are the least, and 3,000,000 measure a rate of 1e-5."
        )
    start = float(top[tail_pairs])
    scores, rates = _body(sets, top, start, total, knots_per_decade)
    exceedances = [found.top_scores[found.top_scores > start] - start for found in sets]
    together = np.concatenate(exceedances)
    tail = fit_tail(together, np.ones((1, len(together)))) if shape is None else fit_scale(together, shape)
    tail_rates = np.geomspace(rates[-1], FLOOR, int(knots_per_decade * np.log10(rates[-1] / FLOOR)) + 2)[1:]
    # Exceedances' share of the pairs at the start of the tail is all of them there: the curve is continuous.
    beyond = tail.exceedance(np.log(tail_rates / rates[-1]))
    below, above = (
        np.concatenate(ends)
        for ends in zip(
            _body_widths(sets, scores, complete), _tail_widths(sets, exceedances, start, tail, beyond), strict=True
        )
    )
    fmrs = np.concatenate([rates, tail_rates])
    least_below, least_above = least_widths(fmrs * sum(found.totals.identity_pairs for found in sets))
    below, above = np.maximum(below, least_below), np.maximum(above, least_above)
    # Fitted scores may lie closer than float64 tells apart only if the tail has no spread, which is refused above.
    curve = FmrCurve(
        scores=np.concatenate([scores, start + beyond]),
        log10_fmr=np.log10(fmrs),
        log10_low=np.log10(np.clip(fmrs * np.exp(-below), _LOW_FLOOR, 1.0)),
        log10_high=np.log10(np.clip(fmrs * np.exp(np.minimum(above, _WIDEST)), FLOOR, 1.0)),
        shown_down_to=shown_down_to(total),
    )
    return FittedCurve(curve, start, len(together), float(tail.scale[0]), float(tail.shape[0]))


def _body(
    sets: Sequence[Comparisons], top: Floats64, start: float, total: int, knots_per_decade: int
) -> tuple[Floats64, Floats64]:
    """Return knots up to the start of the tail: scores ascending, and their rates, strictly descending from 1."""
    counts = np.unique(np.geomspace(len(top), np.count_nonzero(top > start) + 1, 2000).astype(np.int64))
    candidates = np.concatenate([*(found.edges for found in sets), top[counts - 1], [start]])
    candidates = np.unique(candidates[candidates <= start])
    # (errors + 1) / (N + 1): no rate is 0, whatever the pairs.
    reached = np.sum([found.non_mated_at_least(candidates) for found in sets], axis=0)
    rates = np.minimum((reached + 1) / (total + 1), 1.0)
    rates[0] = 1.0
    level = np.floor(-np.log10(rates) * knots_per_decade).astype(np.int64)
    # The first of each level; rates of different levels differ, so that the curve falls strictly.
    _, chosen = np.unique(level, return_index=True)
    last = len(candidates) - 1
    chosen = np.append(chosen[level[chosen] < level[last]], last)
    return candidates[chosen], rates[chosen]


def _body_widths(sets: Sequence[Comparisons], scores: Floats64, complete: float) -> tuple[Floats64, Floats64]:
    """Return how far both ends of the interval lie from the log of the rate, at the knots of the body.

    Below the lowest score of which all pairs are kept it is not known who meets whom; the interval there is as wide,
    in proportion, as at that score, which is wider than it need be.
    """
    kept = scores > complete
    reached = np.sum([found.non_mated_at_least(scores[kept]) for found in sets], axis=0)
    widths = Moved.together([moved_counts(found, scores[kept], np.maximum(reached, 1.0)) for found in sets]).widths()
    below, above = (np.concatenate([np.full(np.count_nonzero(~kept), ends[0]), ends]) for ends in widths)
    return below, above


def _tail_widths(
    sets: Sequence[Comparisons], exceedances: Sequence[Floats64], start: float, tail: Tail, beyond: Floats64
) -> tuple[Floats64, Floats64]:
    """Return the same in the tail: of the share of the pairs beyond its start, and of its scale, the shape held."""
    count = sum(len(of_set) for of_set in exceedances)
    pulls = np.split(tail.pulls(np.concatenate(exceedances)), np.cumsum([len(one) for one in exceedances])[:-1])
    bends = tail.bends(beyond)
    return Moved.together(
        [moved_tail(found, start, pulled, float(count), bends) for found, pulled in zip(sets, pulls, strict=True)]
    ).widths()
