"""Accuracy by cross-validation, as the LFW protocol has it: each fold judged at the threshold best for the others."""

from dataclasses import dataclass

import numpy as np

from models.labelled.comparable import Comparable
from models.labelled.pairs.sweep import BlockScorer
from service.arrays import Bools, Floats64, Ints


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of pairs decided rightly.

    Attributes:
        mean: over the folds.
        standard_error: of that mean.
        folds: of each fold.
    """

    mean: float
    standard_error: float
    folds: tuple[float, ...]


def fold_accuracy(found: Comparable, scorer: BlockScorer) -> Accuracy | None:
    """Return the accuracy over the given pairs' folds; None where there are no folds.

    A pair with an undetected face is never a match: an error if it is mated, right if it is not.
    """
    given, lost = found.given, found.lost
    if given is None or given.fold is None or lost.fold is None:
        return None
    scores = np.concatenate([scorer.pairs(given.first, given.second), np.full(len(lost), -np.inf)]).astype(np.float64)
    return accuracy_by_fold(scores, np.concatenate([given.mated, lost.mated]), np.concatenate([given.fold, lost.fold]))


def accuracy_by_fold(scores: Floats64, mated: Bools, fold: Ints) -> Accuracy | None:
    """Return the accuracy of each fold at the threshold that decides most pairs of the other folds rightly.

    Args:
        scores: (m,), minus infinity for a pair that cannot be a match.
        mated: (m,) bool.
        fold: (m,) int64.
    """
    numbers = np.unique(fold)
    if len(numbers) < 2:
        return None
    shares = []
    for number in numbers:
        inside = fold == number
        threshold = best_threshold(scores[~inside], mated[~inside])
        shares.append(float(np.mean((scores[inside] >= threshold) == mated[inside])))
    return Accuracy(
        mean=float(np.mean(shares)),
        standard_error=float(np.std(shares, ddof=1) / np.sqrt(len(shares))),
        folds=tuple(shares),
    )


def best_threshold(scores: Floats64, mated: Bools) -> float:
    """Return a threshold that decides most pairs rightly, a score of at least it being a match.

    Of several it is the highest, in the middle between the two scores that it parts.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    # right[c]: pairs decided rightly when the c highest are matches.
    right = np.concatenate([[0], np.cumsum(np.where(mated[order], 1, -1))]) + np.count_nonzero(~mated)
    # Equal scores cannot be parted, and minus infinity is never a match.
    possible = np.concatenate([[True], ordered[1:] < ordered[:-1], [True]]) & np.concatenate(
        [[True], ordered > -np.inf]
    )
    cut = int(np.argmax(np.where(possible, right, -1)))
    above = ordered[cut - 1] if cut else np.inf
    below = ordered[cut] if cut < len(ordered) else -np.inf
    if not np.isfinite(above):
        return float(np.nextafter(below, np.inf))
    return float(above if not np.isfinite(below) else (above + below) / 2)
