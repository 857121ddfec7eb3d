"""Accuracy by cross-validation, as the LFW protocol has it: each fold judged at the threshold best for the others.

Where a set gives no folds they can be drawn as LFW's were: ten, no person in two, as many non-mated as mated pairs.
"""

from dataclasses import dataclass

import numpy as np

from models.labelled.comparable import Comparable
from models.labelled.files.listing import PairList
from models.labelled.labelled_faces import LabelledFaces
from models.labelled.pairs.resampling import WeightArray, share_interval
from models.labelled.pairs.sweep import BlockScorer, mated_pairs
from models.labelled.rates.interval import Interval
from service.arrays import Bools, Floats64, Ints

FOLDS = 10
# Mated pairs of a fold, and non-mated ones: LFW has 300 of each.
_PAIRS = 300


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of pairs decided rightly.

    Attributes:
        mean: over the folds.
        standard_error: of that mean.
        folds: of each fold.
        gain: the share of all pairs that is decided rightly, less the cosine's, paired person by person; None where
            it was not asked for.
    """

    mean: float
    standard_error: float
    folds: tuple[float, ...]
    gain: Interval | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FoldDecisions:
    """The pairs of all folds as they were decided.

    Attributes:
        accuracy: the share of them that is right.
        right: (m,) bool, which are right: the given pairs first, then those with an undetected face.
    """

    accuracy: Accuracy
    right: Bools


def fold_accuracy(found: Comparable, scorer: BlockScorer) -> Accuracy | None:
    """Return the accuracy over the given pairs' folds; None where there are no folds.

    A pair with an undetected face is never a match: an error if it is mated, right if it is not.
    """
    decided = fold_decisions(found, scorer)
    return None if decided is None else decided.accuracy


def fold_decisions(found: Comparable, scorer: BlockScorer) -> FoldDecisions | None:
    """Return the accuracy over the given pairs' folds, and which pairs are right; see ``fold_accuracy``."""
    given, lost = found.given, found.lost
    if given is None or given.fold is None or lost.fold is None:
        return None
    scores = np.concatenate([scorer.pairs(given.first, given.second), np.full(len(lost), -np.inf)]).astype(np.float64)
    mated, fold = np.concatenate([given.mated, lost.mated]), np.concatenate([given.fold, lost.fold])
    return decisions_by_fold(scores, mated, fold)


def accuracy_gain(
    found: Comparable, labelled: LabelledFaces, method: FoldDecisions, cosine: FoldDecisions, weights: WeightArray
) -> Interval | None:
    """Return how many more of the pairs a method decides rightly than the cosine, people resampled.

    Args:
        found: what is compared, the pairs of the folds given.
        labelled: the set.
        method: what the method decides.
        cosine: what the cosine decides of the same pairs.
        weights: (b, u), how often each person is drawn; a pair of two people weighs the product of both.
    """
    given, lost = found.given, found.lost
    if given is None:
        return None
    one, other = (
        np.concatenate([found.identities[side], found.person_of(labelled, rows)])
        for side, rows in ((given.first, lost.first), (given.second, lost.second))
    )
    more = method.right.astype(np.float64) - cosine.right
    errors, pairs = np.empty(len(weights)), np.empty(len(weights))
    for row, draw in enumerate(weights):
        weight = np.where(one == other, draw[one], draw[one] * draw[other])
        errors[row], pairs[row] = weight @ more, weight.sum()
    low, high = share_interval(errors, pairs)
    return Interval(float(more.mean()), float(low), float(high))


def drawn_folds(labelled: LabelledFaces, seed: int) -> PairList | None:
    """Return ten folds of pairs drawn as LFW's; None where there are too few people for ten folds of two each.

    Args:
        labelled: the set; its labels must name people.
        seed: draws people and pairs.
    """
    people = np.unique(labelled.identities)
    if len(people) < 2 * FOLDS:
        return None
    generator = np.random.default_rng(seed)
    fold_of = np.empty(int(people.max()) + 1, np.int64)
    fold_of[people] = generator.permutation(len(people)) % FOLDS
    parts = []
    for fold in range(FOLDS):
        rows = np.flatnonzero(fold_of[labelled.identities] == fold)
        first, second = mated_pairs(labelled.identities[rows])
        kept = generator.permutation(len(first))[:_PAIRS]
        mated = np.stack([first[kept], second[kept]], axis=1)
        strangers = _strangers(labelled.identities[rows], len(kept), generator)
        parts.append((rows[mated], np.ones(len(mated), bool), fold))
        parts.append((rows[strangers], np.zeros(len(strangers), bool), fold))
    pairs = np.concatenate([pair for pair, _, _ in parts])
    return PairList(
        pairs[:, 0],
        pairs[:, 1],
        np.concatenate([mated for _, mated, _ in parts]),
        np.concatenate([np.full(len(pair), fold, np.int64) for pair, _, fold in parts]),
    )


def _strangers(identities: Ints, count: int, generator: np.random.Generator) -> Ints:
    """Return up to so many different pairs (p, 2) of faces of different people."""
    # Many more than wanted: some are of one person, some twice.
    drawn = np.sort(generator.integers(0, len(identities), (8 * count + 64, 2)), axis=1)
    drawn = drawn[identities[drawn[:, 0]] != identities[drawn[:, 1]]]
    _, places = np.unique(drawn, axis=0, return_index=True)
    found: Ints = drawn[np.sort(places)[:count]]
    return found


def accuracy_by_fold(scores: Floats64, mated: Bools, fold: Ints) -> Accuracy | None:
    """Return the accuracy of each fold; see ``decisions_by_fold``."""
    decided = decisions_by_fold(scores, mated, fold)
    return None if decided is None else decided.accuracy


def decisions_by_fold(scores: Floats64, mated: Bools, fold: Ints) -> FoldDecisions | None:
    """Return the accuracy of each fold at the threshold that decides most pairs of the other folds rightly.

    Args:
        scores: (m,), minus infinity for a pair that cannot be a match.
        mated: (m,) bool.
        fold: (m,) int64.
    """
    numbers = np.unique(fold)
    if len(numbers) < 2:
        return None
    right = np.empty(len(scores), dtype=bool)
    for number in numbers:
        inside = fold == number
        right[inside] = (scores[inside] >= best_threshold(scores[~inside], mated[~inside])) == mated[inside]
    shares = [float(np.mean(right[fold == number])) for number in numbers]
    accuracy = Accuracy(
        mean=float(np.mean(shares)),
        standard_error=float(np.std(shares, ddof=1) / np.sqrt(len(shares))),
        folds=tuple(shares),
    )
    return FoldDecisions(accuracy, right)


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
