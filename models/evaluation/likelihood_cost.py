"""What scores are worth as evidence: the cost of log-likelihood ratios, Cllr, and what no rescaling can take away.

Bruemmer and du Preez 2006, "Application-independent evaluation of speaker detection", in bits: 0 where every pair is
told for certain, 1 where scores say nothing, more where they mislead. Pairs with a face that was not found have no
score and count nowhere here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.sparse import csr_array

from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, interval
from models.labelled.pairs.score_points import score_points
from models.labelled.rates.interval import Interval
from service.arrays import Floats64

# Of stated ratios, a whole power of e to a bin; what lies beyond is in the outer ones.
_FURTHEST_BIN = 20
# More take time and tell no more.
_MOST_REPLICATES = 200
# Natural logarithm: what a pair costs at most that the best ratios of all people call impossible.
_MOST_COST = 30.0
_LN2 = float(np.log(2))


@dataclass(frozen=True, slots=True)
class LlrBin:
    """Pairs whose stated log-likelihood ratio is alike.

    Attributes:
        stated: mean of what is stated of them, both kinds of pairs weighing alike.
        observed: log of the share of the mated pairs in the bin over the share of the non-mated ones; None where the
            bin has none of one kind.
        mated: mated pairs in it.
        non_mated: non-mated pairs in it.
    """

    stated: float
    observed: float | None
    mated: int
    non_mated: int


@dataclass(frozen=True, slots=True)
class LikelihoodCost:
    """Cllr of one method's scores.

    Attributes:
        cllr: of the scores as log-likelihood ratios; None where the method's are none.
        min_cllr: of the best ratios that keep the order of the scores.
        reliability: stated against observed ratios, by bins; empty where ``cllr`` is None.
        cllr_interval: ``cllr`` with its 95 % interval, people resampled; None as above.
        min_cllr_interval: ``min_cllr`` likewise, by the best ratios of all people in every replicate: at the least, a
            small change of the ratios costs nothing.
    """

    cllr: float | None
    min_cllr: float
    reliability: tuple[LlrBin, ...] = ()
    cllr_interval: Interval | None = None
    min_cllr_interval: Interval | None = None


def likelihood_cost(found: Comparisons, *, tells_llr: bool, weights: WeightArray | None = None) -> LikelihoodCost:
    """Return the cost of a method's scores.

    Args:
        found: the scored pairs.
        tells_llr: whether the scores are natural log-likelihood ratios.
        weights: (b, u), how often each person is drawn in each replicate; None for no intervals.
    """
    scores, mated, non_mated = score_points(found)
    levels, ratios = best_ratios(scores, mated, non_mated)
    best = min_cllr(scores, mated, non_mated)
    drawn = None if weights is None else weights[:_MOST_REPLICATES]

    def by_best(some: Floats64) -> Floats64:
        places = np.clip(np.searchsorted(levels, some), 0, len(levels) - 1)
        return ratios[places]

    of_best = None if drawn is None else _interval(found, best, by_best, drawn)
    if not tells_llr:
        return LikelihoodCost(None, best, min_cllr_interval=of_best)
    cost = cllr(scores, mated, non_mated)
    of_cost = None if drawn is None else _interval(found, cost, lambda some: some, drawn)
    return LikelihoodCost(cost, best, _reliability(scores, mated, non_mated), of_cost, of_best)


def _interval(
    found: Comparisons, value: float, ratios: Callable[[Floats64], Floats64], weights: WeightArray
) -> Interval:
    """Return a cost with the interval that resampled people give it; what is stated of a score stays as it is."""
    drawn = weights.astype(np.float64)
    with np.errstate(over="ignore"):
        of_mated = np.minimum(np.logaddexp(0.0, -ratios(found.mated_scores)), _MOST_COST)
        of_others = np.minimum(np.logaddexp(0.0, ratios(found.top_scores)), _MOST_COST)
    people = found.people
    mated = drawn @ np.bincount(found.mated_person, of_mated, people)
    pairs = drawn @ np.bincount(found.mated_person, minlength=people)
    one, other = found.top_people.T
    costs = csr_array((of_others, (one, other)), shape=(people, people))
    kept = csr_array((np.ones(len(one)), (one, other)), shape=(people, people))
    # sum over pairs of w_i w_j c_ij
    others = np.einsum("bu,ub->b", drawn, costs @ drawn.T)
    total = found.totals.weigh(drawn)
    if len(one) < found.non_mated:
        scores, _, non_mated = score_points(found)
        rest = slice(len(found.mated_scores) + len(one), None)
        counts = non_mated[rest]
        # A ratio may be infinite where there is no pair, and none of those counts.
        of_rest = np.where(counts > 0, np.minimum(np.logaddexp(0.0, ratios(scores[rest])), _MOST_COST), 0.0)
        mean = float(counts @ of_rest) / max(1.0, float(counts.sum()))
        others += mean * (total - np.einsum("bu,ub->b", drawn, kept @ drawn.T))
    cost = (mated / np.maximum(pairs, 1e-9) + others / np.maximum(total, 1e-9)) / (2 * _LN2)
    low, high = interval(cost)
    return Interval(value, min(float(low), value), max(float(high), value))


def cllr(llr: Floats64, mated: Floats64, non_mated: Floats64) -> float:
    """Return the cost of log-likelihood ratios.

    Args:
        llr: (n,), natural logarithms.
        mated: (n,), how many mated pairs have each.
        non_mated: (n,), how many non-mated ones.
    """
    # Cllr = (mean over mated of log2(1 + 1/LR) + mean over non-mated of log2(1 + LR)) / 2.
    of_mated = mated @ np.where(mated > 0, np.logaddexp(0.0, -llr), 0.0) / mated.sum()
    of_others = non_mated @ np.where(non_mated > 0, np.logaddexp(0.0, llr), 0.0) / non_mated.sum()
    return float(of_mated + of_others) / (2 * _LN2)


def min_cllr(scores: Floats64, mated: Floats64, non_mated: Floats64) -> float:
    """Return the least cost of ratios that rise with the scores; arguments as of ``cllr``, in any order."""
    levels, ratios = best_ratios(scores, mated, non_mated)
    # A score of no pair costs nothing, whatever its ratio.
    places = np.clip(np.searchsorted(levels, scores), 0, len(levels) - 1)
    return cllr(ratios[places], mated, non_mated)


def best_ratios(scores: Floats64, mated: Floats64, non_mated: Floats64) -> tuple[Floats64, Floats64]:
    """Return scores (s,) ascending, and the ratios that cost least among those that rise with them."""
    levels, at = np.unique(scores, return_inverse=True)
    ones: Floats64 = np.bincount(at, weights=mated / mated.sum()).astype(np.float64)
    others: Floats64 = np.bincount(at, weights=non_mated / non_mated.sum()).astype(np.float64)
    counted = ones + others > 0
    ones, others = ones[counted], others[counted]
    # Pool adjacent violators: the likeliest probabilities that never fall, both kinds of pairs weighing alike.
    probability = isotonic_regression(ones / (ones + others), weights=ones + others).x
    probability = np.clip(probability, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        ratios: Floats64 = np.log(probability) - np.log1p(-probability)
    return levels[counted], ratios


def _reliability(llr: Floats64, mated: Floats64, non_mated: Floats64) -> tuple[LlrBin, ...]:
    number = np.clip(np.rint(llr), -_FURTHEST_BIN, _FURTHEST_BIN).astype(np.int64) + _FURTHEST_BIN
    bins = 2 * _FURTHEST_BIN + 1
    ones, others = np.bincount(number, mated, bins), np.bincount(number, non_mated, bins)
    weights = mated / mated.sum() + non_mated / non_mated.sum()
    total, stated = np.bincount(number, weights, bins), np.bincount(number, weights * llr, bins)
    found = []
    for place in np.flatnonzero(total > 0).tolist():
        both = ones[place] > 0 and others[place] > 0
        ratio = ones[place] / mated.sum() / (others[place] / non_mated.sum()) if both else 1.0
        found.append(
            LlrBin(
                stated=float(stated[place] / total[place]),
                observed=float(np.log(ratio)) if both else None,
                mated=round(ones[place]),
                non_mated=round(others[place]),
            )
        )
    return tuple(found)
