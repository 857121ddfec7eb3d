"""What scores are worth as evidence: the cost of log-likelihood ratios, Cllr, and what no rescaling can take away.

Bruemmer and du Preez 2006, "Application-independent evaluation of speaker detection", in bits: 0 where every pair is
told for certain, 1 where scores say nothing, more where they mislead. Pairs with a face that was not found have no
score and count nowhere here.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from models.labelled.pairs.comparisons import Comparisons
from service.arrays import Floats64

# Of stated ratios, a whole power of e to a bin; what lies beyond is in the outer ones.
_FURTHEST_BIN = 20
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
    """

    cllr: float | None
    min_cllr: float
    reliability: tuple[LlrBin, ...] = ()


def likelihood_cost(found: Comparisons, *, tells_llr: bool) -> LikelihoodCost:
    """Return the cost of a method's scores, of which ``tells_llr`` says whether they are natural log ratios."""
    scores, mated, non_mated = _points(found)
    best = min_cllr(scores, mated, non_mated)
    if not tells_llr:
        return LikelihoodCost(None, best)
    return LikelihoodCost(cllr(scores, mated, non_mated), best, _reliability(scores, mated, non_mated))


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
    _, at = np.unique(scores, return_inverse=True)
    ones: Floats64 = np.bincount(at, weights=mated / mated.sum()).astype(np.float64)
    others: Floats64 = np.bincount(at, weights=non_mated / non_mated.sum()).astype(np.float64)
    counted = ones + others > 0
    ones, others = ones[counted], others[counted]
    # Pool adjacent violators: the likeliest probabilities that never fall, both kinds of pairs weighing alike.
    probability = isotonic_regression(ones / (ones + others), weights=ones + others).x
    probability = np.clip(probability, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        return cllr(np.log(probability) - np.log1p(-probability), ones, others)


def _points(found: Comparisons) -> tuple[Floats64, Floats64, Floats64]:
    """Return scores with the numbers of mated and of non-mated pairs at each, those that were not kept by their bin."""
    kept = found.top_scores
    middles = 0.5 * (found.edges[1:] + found.edges[:-1])
    rest = found.histogram.astype(np.float64)
    if len(kept) >= found.non_mated:
        rest[:] = 0.0
    elif len(kept):
        last = float(kept[-1])
        rest[middles > last] = 0.0
        # So many are not kept, whichever side of the last one the middle of its bin lies.
        rest *= (found.non_mated - len(kept)) / max(rest.sum(), 1.0)
    scores = np.concatenate([found.mated_scores, kept, middles])
    mated = np.concatenate([np.ones(len(found.mated_scores)), np.zeros(len(kept) + len(middles))])
    non_mated = np.concatenate([np.zeros(len(found.mated_scores)), np.ones(len(kept)), rest])
    return scores, mated, non_mated


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
