"""FMR and FNMR of each group of faces at one threshold for all: the domain bias that a global threshold hides."""

from dataclasses import dataclass

import numpy as np

from models.evaluation.group_pairs import GroupPair, group_pairs
from models.evaluation.scored import ScoredSet
from models.labelled.comparable import Comparable
from models.labelled.labelled_faces import LabelledFaces
from models.labelled.pairs.comparisons import NonMatedTotals
from models.labelled.pairs.resampling import WeightArray, share_interval
from models.labelled.pairs.sweep import excluded_pairs
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import bound_without_error, upper_end
from models.labelled.rates.threshold_rates import threshold_at
from service.arrays import Bools, Ints

LEAST_MATED_PEOPLE = 10
"""People with mated pairs, fewer than whom say nothing of FNMR: without one error it may still be 30 %."""


@dataclass(frozen=True, slots=True)
class GroupRate:
    """What a global threshold means for one group.

    Attributes:
        group: its name.
        faces: faces compared.
        people: people with such a face.
        mated_pairs: mated pairs within the group, those lost among them.
        non_mated_pairs: non-mated pairs within the group.
        identity_pairs: pairs of people that these are of, each counted once.
        mated_people: people with a mated pair within the group.
        fmr: false-match rate among those.
        fnmr: false non-match rate; None where there is no mated pair.
        shows_fmr: whether they say anything of the FMR: enough pairs of people to show the rate over all, or an
            interval wholly above it.
        shows_fnmr: whether they are ``LEAST_MATED_PEOPLE`` or more.
    """

    group: str
    faces: int
    people: int
    mated_pairs: int
    non_mated_pairs: int
    identity_pairs: int
    mated_people: int
    fmr: Interval | None
    fnmr: Interval | None
    shows_fmr: bool
    shows_fnmr: bool


@dataclass(frozen=True, slots=True)
class GroupRates:
    """The groups at the threshold of one false-match rate.

    Attributes:
        fmr: the rate over all pairs, across groups too.
        rows: one for each group.
        pairs: FMR of each pair of groups.
    """

    fmr: float
    rows: tuple[GroupRate, ...]
    pairs: tuple[GroupPair, ...] = ()


def group_rates(
    labelled: LabelledFaces, found: Comparable, scored: ScoredSet, fmr: float, weights: WeightArray
) -> GroupRates | None:
    """Return the rates within each group at the global threshold; None where there are no groups.

    Args:
        labelled: the set.
        found: what is compared of it.
        scored: the scores of one method.
        fmr: the global false-match rate that places the threshold.
        weights: (b, u), how often each person is drawn.
    """
    if labelled.groups is None:
        return None
    threshold = threshold_at(scored.comparisons, fmr)
    accepted = scored.comparisons.top_faces[scored.comparisons.top_scores >= threshold]
    groups = labelled.groups[found.rows]
    rows = []
    for number, name in enumerate(labelled.group_names):
        inside = groups == number
        lost = found.lost.subset(
            found.lost.mated
            & (labelled.groups[found.lost.first] == number)
            & (labelled.groups[found.lost.second] == number)
        )
        totals = _non_mated(found, inside)
        matches = found.identities[accepted[inside[accepted].all(axis=1)]]
        all_mated, rejected = _mated(found, scored, inside, threshold, found.person_of(labelled, lost.first))
        of_group, mated_people = _fmr(matches, totals, weights), int(np.count_nonzero(all_mated))
        rows.append(
            GroupRate(
                group=name,
                faces=int(inside.sum()),
                people=len(np.unique(found.identities[inside])),
                mated_pairs=int(all_mated.sum()),
                non_mated_pairs=totals.pairs,
                identity_pairs=totals.identity_pairs,
                mated_people=mated_people,
                fmr=of_group,
                fnmr=_fnmr(rejected, all_mated, weights),
                shows_fmr=_shows(of_group, totals.identity_pairs, fmr),
                shows_fnmr=mated_people >= LEAST_MATED_PEOPLE,
            )
        )
    return GroupRates(fmr, tuple(rows), group_pairs(found, groups, labelled.group_names, accepted))


def _non_mated(found: Comparable, inside: Bools) -> NonMatedTotals:
    """Return how many non-mated pairs lie within a group (m,) bool, by people."""
    none = np.zeros(len(found.people), np.int64)
    if found.given is not None:
        pairs = found.given.subset(~found.given.mated)
        within = pairs.subset(inside[pairs.first] & inside[pairs.second])
        people, count = _met(found.identities, within.first, within.second)
        return NonMatedTotals(none, people, count)
    first, second = excluded_pairs(found.identities, found.excluded)
    counted = inside[first] & inside[second] & (found.identities[first] != found.identities[second])
    people, count = _met(found.identities, first[counted], second[counted])
    return NonMatedTotals(np.bincount(found.identities[inside], minlength=len(none)), people, -count)


def _met(identities: Ints, first: Ints, second: Ints) -> tuple[Ints, Ints]:
    met = np.sort(np.stack([identities[first], identities[second]], axis=1), axis=1)
    return np.unique(met, axis=0, return_counts=True)


def _mated(found: Comparable, scored: ScoredSet, inside: Bools, threshold: float, lost: Ints) -> tuple[Ints, Ints]:
    """Return mated pairs of each person within a group, and those of them that are rejected: both (u,) int64."""
    first, second = found.mated()
    within = inside[first] & inside[second]
    people = len(found.people)
    failed = np.bincount(lost, minlength=people)
    person, scores = found.identities[first[within]], scored.mated[within]
    return (
        np.bincount(person, minlength=people) + failed,
        np.bincount(person[scores < threshold], minlength=people) + failed,
    )


def _fmr(matches: Ints, totals: NonMatedTotals, weights: WeightArray) -> Interval | None:
    pairs = totals.pairs
    if not pairs:
        return None
    drawn = np.sum(weights[:, matches[:, 0]].astype(np.float64) * weights[:, matches[:, 1]], axis=1)
    low, high = share_interval(drawn, totals.weigh(weights))
    return Interval(len(matches) / pairs, float(low), upper_end(len(matches), totals.identity_pairs, float(high)))


def _shows(found: Interval | None, identity_pairs: int, fmr: float) -> bool:
    """Return whether so many pairs of people could show a group below the rate over all, or it is seen above."""
    if found is None or found.low is None:
        return False
    return bound_without_error(identity_pairs) <= fmr or found.low > fmr


def _fnmr(rejected: Ints, all_mated: Ints, weights: WeightArray) -> Interval | None:
    if not all_mated.any():
        return None
    errors, people = int(rejected.sum()), int(np.count_nonzero(all_mated))
    drawn = weights.astype(np.float64)
    low, high = share_interval(drawn @ rejected, drawn @ all_mated)
    return Interval(errors / int(all_mated.sum()), float(low), upper_end(errors, people, float(high)))
