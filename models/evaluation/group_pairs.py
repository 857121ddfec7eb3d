"""FMR of each pair of groups at one threshold for all: strangers of one group, or of two, taken for one person."""

from dataclasses import dataclass

import numpy as np

from models.labelled.comparable import Comparable
from models.labelled.pairs.sweep import excluded_pairs
from models.labelled.rates.measured import shown_down_to
from service.arrays import Ints


@dataclass(frozen=True, slots=True)
class GroupPair:
    """What a global threshold means for strangers of two groups.

    Attributes:
        first: name of the one group.
        second: of the other, the same where both faces are of one group.
        pairs: non-mated pairs.
        false_matches: how many of them reach the threshold.
        fmr: their share; None where there are no pairs.
        fmr_high: the most it may be where none does, by the rule of three; the rate itself where some do.
    """

    first: str
    second: str
    pairs: int
    false_matches: int
    fmr: float | None
    fmr_high: float | None


def group_pairs(found: Comparable, groups: Ints, names: tuple[str, ...], accepted: Ints) -> tuple[GroupPair, ...]:
    """Return the rates of all pairs of groups, each once.

    Args:
        found: what is compared.
        groups: (m,) the group of each face, a position in ``names``.
        names: of the groups.
        accepted: (a, 2) rows of the faces of the non-mated pairs that reach the threshold.
    """
    pairs, matches = _non_mated(found, groups, len(names)), _between(groups, accepted, len(names))
    rates = []
    for one, other in zip(*np.triu_indices(len(names)), strict=True):
        count, wrong = int(pairs[one, other]), int(matches[one, other])
        fmr = wrong / count if count else None
        high = fmr if fmr is None or wrong else shown_down_to(count)
        rates.append(GroupPair(names[one], names[other], count, wrong, fmr, high))
    return tuple(rates)


def _between(groups: Ints, pairs: Ints, count: int) -> Ints:
    """Return how many pairs (p, 2) of faces lie between each two groups, (g, g), above the diagonal and on it."""
    met = np.sort(groups[pairs], axis=1)
    return np.bincount(met[:, 0] * count + met[:, 1], minlength=count * count).reshape(count, count)


def _non_mated(found: Comparable, groups: Ints, count: int) -> Ints:
    if found.given is not None:
        given = found.given.subset(~found.given.mated)
        return _between(groups, np.stack([given.first, given.second], axis=1), count)
    pictures = np.zeros((len(found.people), count), np.int64)
    np.add.at(pictures, (found.identities, groups), 1)
    total = pictures.sum(axis=0)
    # Pairs of faces of two groups, less those of one person; within a group each is counted from both sides.
    pairs = np.outer(total, total) - pictures.T @ pictures
    pairs[np.diag_indices(count)] //= 2
    first, second = excluded_pairs(found.identities, found.excluded)
    strangers = found.identities[first] != found.identities[second]
    left: Ints = np.triu(pairs) - _between(groups, np.stack([first, second], axis=1)[strangers], count)
    return left
