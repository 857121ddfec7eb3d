"""Intervals of rates by resampling people: whoever is drawn twice brings all his pairs twice.

A mated pair of person i counts w_i times, a non-mated pair of i and j w_i * w_j times, and no pair of a person with
himself ever enters. Pairs are not drawn: those of one person rise and fall together, which is what makes an interval
over pairs too narrow.
"""

import numpy as np

from models.labelled.pairs.comparisons import Comparisons
from service.arrays import Floats32, Floats64, Ints

WeightArray = Floats32

_RUN = 4096


def person_weights(people: int, replicates: int, seed: int) -> WeightArray:
    """Return how often each person is drawn in each replicate: (b, u) float32, every row summing to u."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(people, np.full(people, 1.0 / max(people, 1)), replicates).astype(np.float32)


def fnmr_at_fmr(comparisons: Comparisons, fmrs: Floats64, weights: WeightArray) -> Floats64:
    """Return each replicate's FNMR where its own threshold gives the false-match rate asked for.

    Args:
        comparisons: the scored pairs.
        fmrs: (f,).
        weights: (b, u), of the people.

    Returns:
        (b, f) float64, (errors + 0.5) / (pairs + 1) in weights of pairs.
    """
    one, other = comparisons.top_people[:, 0], comparisons.top_people[:, 1]
    last = len(one) - 1
    # Scores ascending from here: how many mated pairs a threshold rejects is then a plain search.
    rejected_below = np.searchsorted(comparisons.mated_scores[::-1], comparisons.top_scores, side="right")
    person = comparisons.mated_person[::-1]
    allowed = comparisons.totals.weigh(weights)[:, None] * fmrs
    failed = weights.astype(np.float64) @ comparisons.failed
    rates = np.empty((len(weights), len(fmrs)))
    for row, draw in enumerate(weights):
        position = np.minimum(_first_beyond(draw[one] * draw[other], allowed[row] * (1 + 1e-12)), last)
        rejected = np.concatenate([[0.0], np.cumsum(draw[person], dtype=np.float64)])
        errors = rejected[rejected_below[position]] + failed[row]
        rates[row] = (errors + 0.5) / (rejected[-1] + failed[row] + 1)
    return rates


def _first_beyond(weights: WeightArray, limits: Floats64) -> Ints:
    """Return where the running sum of weights (t,) first exceeds each limit (f,); t where it never does.

    Summed by runs first: the running sum of every single weight would take most of a resampling's time.
    """
    starts = np.arange(0, len(weights), _RUN)
    sums = np.add.reduceat(weights, starts, dtype=np.float64)
    ends = np.cumsum(sums)
    positions = np.full(len(limits), len(weights))
    for place, (limit, run) in enumerate(zip(limits, np.searchsorted(ends, limits, side="right"), strict=True)):
        if run < len(starts):
            inside = np.cumsum(weights[starts[run] : starts[run] + _RUN], dtype=np.float64) + (ends[run] - sums[run])
            positions[place] = starts[run] + np.searchsorted(inside, limit, side="right")
    return positions


def accepted_weights(comparisons: Comparisons, scores: Floats64, weights: WeightArray) -> Floats64:
    """Return the weight of the kept non-mated pairs that score at least so much.

    Args:
        comparisons: the scored pairs.
        scores: (s,), where all such pairs were kept.
        weights: (b, u), of the people.

    Returns:
        (b, s) float64.
    """
    positions = len(comparisons.top_scores) - np.searchsorted(comparisons.top_scores[::-1], scores, side="left")
    needed = int(positions.max(initial=0))
    one, other = comparisons.top_people[:needed, 0], comparisons.top_people[:needed, 1]
    found = np.empty((len(weights), len(scores)))
    for row, draw in enumerate(weights):
        accepted = np.concatenate([[0.0], np.cumsum(draw[one] * draw[other], dtype=np.float64)])
        found[row] = accepted[positions]
    return found


def rejected_weights(comparisons: Comparisons, scores: Floats64, weights: WeightArray) -> tuple[Floats64, Floats64]:
    """Return the weight of the mated pairs that score less, failures among them, and that of all mated pairs.

    Args:
        comparisons: the scored pairs.
        scores: (s,).
        weights: (b, u), of the people.

    Returns:
        (b, s) and (b,) float64.
    """
    people = comparisons.people
    below = np.empty((len(scores), people))
    for row, score in enumerate(scores):
        start = np.searchsorted(-comparisons.mated_scores, -score, side="right")
        below[row] = np.bincount(comparisons.mated_person[start:], minlength=people) + comparisons.failed
    all_pairs = np.bincount(comparisons.mated_person, minlength=people) + comparisons.failed
    drawn = weights.astype(np.float64)
    return drawn @ below.T, drawn @ all_pairs


def share_interval(errors: Floats64, pairs: Floats64) -> tuple[Floats64, Floats64]:
    """Return the percentile interval of a share, replicates in which no pair was drawn left out.

    Args:
        errors: (b, ...), weight of the pairs decided wrongly in each replicate.
        pairs: (b,), weight of all of them.

    Returns:
        Lower and upper ends (...); 0 and 1 where no replicate has a pair: nothing is known then.
    """
    drawn = pairs > 0
    if not drawn.any():
        return np.zeros(errors.shape[1:]), np.ones(errors.shape[1:])
    return interval(errors[drawn] / pairs[drawn].reshape(-1, *[1] * (errors.ndim - 1)))


def interval(replicates: Floats64, confidence: float = 0.95) -> tuple[Floats64, Floats64]:
    """Return the percentile interval of replicates (b, ...) along their first axis: lower and upper ends (...)."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    return low, high
