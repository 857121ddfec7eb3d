"""The curve from score to false-match rate: counted where pairs are many, fitted where they end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.calibration.tail import Tail, fit_tail
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, accepted_weights, interval, share_interval
from models.labelled.rates.measured import shown_down_to
from models.tool_errors import CalibrationImpossible
from service.arrays import Floats64
from service.scoring.calibration import FmrCurve

FLOOR = 1e-9
# Enough to fit two parameters, few enough to be a tail.
_TAIL_PAIRS = 250
_TAIL_SHARE = 0.1
_LEAST_TAIL_PAIRS = 20
_KNOTS_PER_DECADE = 16
_LOW_FLOOR = 1e-12


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


def fit_curve(sets: Sequence[Comparisons], weights: Sequence[WeightArray]) -> FittedCurve:
    """Fit the curve of one method over the non-mated pairs of one or more sets of people.

    Args:
        sets: the scored pairs; none across two sets.
        weights: for each set (b, u), its people's weights in each replicate of the bootstrap.

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
    scores, rates = _body(sets, top, start, total)
    totals = np.sum([found.totals.weigh(drawn) for found, drawn in zip(sets, weights, strict=True)], axis=0)
    exceeding = [found.top_scores > start for found in sets]
    exceedances = np.concatenate([found.top_scores[chosen] for found, chosen in zip(sets, exceeding, strict=True)])
    tail = fit_tail(exceedances - start, np.ones((1, len(exceedances))))
    tail_rates = np.geomspace(rates[-1], FLOOR, int(_KNOTS_PER_DECADE * np.log10(rates[-1] / FLOOR)) + 2)[1:]
    # Exceedances' share of the pairs at the start of the tail is all of them there: the curve is continuous.
    beyond = tail.exceedance(np.log(tail_rates / rates[-1]))
    body_low, body_high = _body_interval(sets, weights, totals, scores, rates, complete)
    drawn = np.concatenate(
        [
            w[:, found.top_people[chosen, 0]] * w[:, found.top_people[chosen, 1]]
            for found, w, chosen in zip(sets, weights, exceeding, strict=True)
        ],
        axis=1,
    ).astype(np.float64)
    tail_low, tail_high = _tail_interval(exceedances - start, drawn, totals, beyond)
    fmrs = np.concatenate([rates, tail_rates])
    low, high = np.concatenate([body_low, tail_low]), np.concatenate([body_high, tail_high])
    # Fitted scores may lie closer than float64 tells apart only if the tail has no spread, which is refused above.
    curve = FmrCurve(
        scores=np.concatenate([scores, start + beyond]),
        log10_fmr=np.log10(fmrs),
        log10_low=np.log10(np.clip(np.minimum(low, fmrs), _LOW_FLOOR, 1.0)),
        log10_high=np.log10(np.clip(np.maximum(high, fmrs), FLOOR, 1.0)),
        shown_down_to=shown_down_to(total),
    )
    return FittedCurve(curve, start, len(exceedances), float(tail.scale[0]), float(tail.shape[0]))


def _body(sets: Sequence[Comparisons], top: Floats64, start: float, total: int) -> tuple[Floats64, Floats64]:
    """Return knots up to the start of the tail: scores ascending, and their rates, strictly descending from 1."""
    counts = np.unique(np.geomspace(len(top), np.count_nonzero(top > start) + 1, 2000).astype(np.int64))
    candidates = np.concatenate([*(found.edges for found in sets), top[counts - 1], [start]])
    candidates = np.unique(candidates[candidates <= start])
    # (errors + 1) / (N + 1): no rate is 0, whatever the pairs.
    reached = np.sum([found.non_mated_at_least(candidates) for found in sets], axis=0)
    rates = np.minimum((reached + 1) / (total + 1), 1.0)
    rates[0] = 1.0
    level = np.floor(-np.log10(rates) * _KNOTS_PER_DECADE).astype(np.int64)
    # The first of each level; rates of different levels differ, so that the curve falls strictly.
    _, chosen = np.unique(level, return_index=True)
    last = len(candidates) - 1
    chosen = np.append(chosen[level[chosen] < level[last]], last)
    return candidates[chosen], rates[chosen]


def _body_interval(
    sets: Sequence[Comparisons],
    weights: Sequence[WeightArray],
    totals: Floats64,
    scores: Floats64,
    rates: Floats64,
    complete: float,
) -> tuple[Floats64, Floats64]:
    """Return both ends of the interval at the knots of the body.

    Below the lowest score of which all pairs are kept it is not known who meets whom; the interval there is as wide,
    in proportion, as at that score, which is wider than it need be.
    """
    kept = scores > complete
    reached = np.sum(
        [accepted_weights(found, scores[kept], drawn) for found, drawn in zip(sets, weights, strict=True)], axis=0
    )
    low, high = share_interval(reached, totals)
    first = np.argmax(kept)
    below, above = low[0] / rates[first], high[0] / rates[first]
    ends = np.concatenate([rates[~kept] * below, low]), np.concatenate([rates[~kept] * above, high])
    return ends[0], ends[1]


def _tail_interval(
    exceedances: Floats64, drawn: Floats64, totals: Floats64, beyond: Floats64
) -> tuple[Floats64, Floats64]:
    share = np.sum(drawn, axis=1)
    some = share > 0
    tails: Tail = fit_tail(exceedances, drawn[some])
    survival = Tail(tails.scale[:, None], tails.shape[:, None]).log_survival(beyond[None, :])
    # A replicate in which nobody of the tail was drawn says that the rate is 0.
    rates = np.zeros((len(drawn), len(beyond)))
    rates[some] = (share[some] / totals[some])[:, None] * np.exp(survival)
    return interval(rates)
