"""FMR of each pair of groups at one threshold for all: strangers of one group, or of two, taken for one person."""

from dataclasses import dataclass

import numpy as np

from models.labelled.comparable import Comparable
from models.labelled.pairs.sweep import excluded_pairs
from models.labelled.rates.measured import bound_without_error
from service.arrays import Ints


@dataclass(frozen=True, slots=True)
class GroupPair:
    """What a global threshold means for strangers of two groups.

    Attributes:
        first: name of the one group.
        second: of the other, the same where both faces are of one group.
        pairs: non-mated pairs.
        identity_pairs: pairs of people that they are of, each counted once.
        false_matches: how many of them reach the threshold.
        fmr: their share; None where there are no pairs.
        fmr_high: the most it may be where none does, 3/``identity_pairs``; the rate itself where some do.
    """

    first: str
    second: str
    pairs: int
    identity_pairs: int
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
    of_people = _of_people(found, groups, len(names))
    rates = []
    for one, other in zip(*np.triu_indices(len(names)), strict=True):
        count, wrong, met = (int(table[one, other]) for table in (pairs, matches, of_people))
        fmr = wrong / count if count else None
        high = fmr if fmr is None or wrong else bound_without_error(met)
        rates.append(GroupPair(names[one], names[other], count, met, wrong, fmr, high))
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


def _of_people(found: Comparable, groups: Ints, count: int) -> Ints:
    """Return how many pairs of people are compared between each two groups, (g, g), above the diagonal and on it."""
    if found.given is not None:
        given = found.given.subset(~found.given.mated)
        met, _ = _met(found.identities, groups, given.first, given.second)
        return _tally(met, count)
    faces = np.zeros((len(found.people), count), np.int64)
    np.add.at(faces, (found.identities, groups), 1)
    present = (faces > 0).astype(np.int64)
    people, both = present.sum(axis=0), present.T @ present
    # Of people with faces in both groups, one would meet himself, and two of them each other twice.
    pairs = np.outer(people, people) - both - both * (both - 1) // 2
    pairs[np.diag_indices(count)] = people * (people - 1) // 2
    first, second = excluded_pairs(found.identities, found.excluded)
    strangers = found.identities[first] != found.identities[second]
    met, left_out = _met(found.identities, groups, first[strangers], second[strangers])
    i, j, one, other = met.T
    compared = faces[i, one] * faces[j, other] + np.where(one == other, 0, faces[i, other] * faces[j, one])
    left: Ints = np.triu(pairs) - _tally(met[left_out == compared], count)
    return left


def _met(identities: Ints, groups: Ints, first: Ints, second: Ints) -> tuple[Ints, Ints]:
    """Return pairs of people and of groups (p, 4) that pairs of faces are of, each once, and how many faces' pairs."""
    people = np.sort(np.stack([identities[first], identities[second]], axis=1), axis=1)
    of_groups = np.sort(np.stack([groups[first], groups[second]], axis=1), axis=1)
    return np.unique(np.concatenate([people, of_groups], axis=1), axis=0, return_counts=True)


def _tally(met: Ints, count: int) -> Ints:
    return np.bincount(met[:, 2] * count + met[:, 3], minlength=count * count).reshape(count, count)
