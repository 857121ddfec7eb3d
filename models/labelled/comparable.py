"""The faces of a labelled set that can be compared, and the mated pairs that were lost for want of a face."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from models.labelled.exclusions import SetExclusions
from models.labelled.labelled_faces import LabelledFaces, PairList
from models.labelled.pairs.comparisons import Comparisons, compare_all, compare_given
from models.labelled.pairs.sweep import BlockScorer, ExcludedPairs, mated_pairs
from models.progress import Tick, silent
from models.tool_errors import LabelsInvalid
from service.arrays import Bools, Floats32, Floats64, Ints
from service.scoring.methods import Method
from service.scoring.parameters import Parameters
from service.scoring.terms import TermSource

# A threshold of several sets together may be passed by far more pairs of the hardest of them.
_KEEP_SHARE = 0.1
_LEAST_KEEP = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Comparable:
    """The detected faces of a labelled set, its people numbered without gaps.

    Attributes:
        name: of the set.
        embeddings: (m, d) float32, unit norm, of the detected faces.
        norms: (m,) float32, lengths of what the backbone gave for them; 0 where one is not known.
        images: pictures of the people, with a face or without, excluded ones not among them.
        rows: (m,) int64, the row of each face in the labelled set.
        identities: (m,) int64, who each is, from 0 to u - 1.
        people: (u,) int64, the identity of each person in the labelled set.
        failed: (u,) int64, mated pairs of each person that were lost because a face was not detected.
        excluded: pairs that count for nothing.
        given: the pairs to compare, by positions in ``rows``; None where all pairs are compared.
        lost: pairs with a face that was not detected, by rows of the labelled set: the mated ones, and where pairs
            are given the non-mated ones too.
        pictures: (m,) float64 by the name of a measure, as of the labelled set.
    """

    name: str
    embeddings: Floats32
    norms: Floats32
    images: int
    rows: Ints
    identities: Ints
    people: Ints
    failed: Ints
    excluded: ExcludedPairs
    given: PairList | None
    lost: PairList
    pictures: Mapping[str, Floats64] = field(default_factory=dict)

    def mated(self) -> tuple[Ints, Ints]:
        """Return the mated pairs that are compared, as positions (p,) of both faces."""
        if self.given is not None:
            return self.given.first[self.given.mated], self.given.second[self.given.mated]
        first, second = mated_pairs(self.identities)
        counted = ~_is_listed(first, second, self.excluded.faces, len(self.rows))
        return first[counted], second[counted]

    def person_of(self, labelled: LabelledFaces, rows: Ints) -> Ints:
        """Return who the faces in rows (r,) of the labelled set are, from 0 to u - 1."""
        return np.searchsorted(self.people, labelled.identities[rows])

    def compare(self, scorer: BlockScorer, *, keep: int | None = None, tick: Tick = silent) -> Comparisons:
        """Score the pairs: all of them, or the given ones.

        Args:
            scorer: of the m faces.
            keep: how many of the highest non-mated pairs are kept; see ``sweep``.
            tick: told the share done.
        """
        if self.given is None:
            return compare_all(
                self.name, scorer, self.identities, self.failed, exclude=self.excluded, keep=keep, tick=tick
            )
        others = self.given.subset(~self.given.mated)
        tick(1.0)
        return compare_given(
            self.name, scorer, self.identities, self.failed, self.mated(), (others.first, others.second)
        )

    def compare_by(
        self, method: Method, parameters: Parameters, source: TermSource, tick: Tick = silent
    ) -> Comparisons:
        """Score the pairs by a method, whose terms a source gives; raises as ``TermSource.terms`` says."""
        return self.compare_with(self.scorer_by(method, parameters, source), tick)

    def scorer_by(self, method: Method, parameters: Parameters, source: TermSource) -> BlockScorer:
        """Return what scores the faces by a method; raises as ``TermSource.terms`` says."""
        terms = source.terms(self.embeddings, method.needs, parameters, self.norms).with_norms(self.norms, parameters)
        return BlockScorer(self.embeddings, method, terms, parameters)

    def compare_with(self, scorer: BlockScorer, tick: Tick = silent) -> Comparisons:
        """Score the pairs, as many of the highest kept as thresholds of several sets together need."""
        faces = len(self.rows)
        return self.compare(scorer, keep=int(_KEEP_SHARE * faces * (faces - 1) / 2) + _LEAST_KEEP, tick=tick)


def comparable(labelled: LabelledFaces, exclusions: SetExclusions | None, *, given: bool) -> Comparable:
    """Return what can be compared of a labelled set.

    Args:
        labelled: the set.
        exclusions: what is left out; None for nothing.
        given: whether only the given pairs are compared, not all of them.

    Raises:
        LabelsInvalid: if there is no mated or no non-mated pair left, or the labels do not allow all pairs.
    """
    kept = np.ones(len(labelled), dtype=bool) if exclusions is None else ~exclusions.dropped
    pairs = labelled.pairs if given else None
    if pairs is None and not labelled.identities_stated:
        raise LabelsInvalid(
            f"{labelled.name} names no subjects, so two of its pictures may be of one person though no pair says so: "
            "only its given pairs can be compared. Add the columns probe_subject and reference_subject."
        )
    if pairs is None:
        detected, lost = None, _mated(labelled, kept, exclusions)
    else:
        pairs = pairs.subset(kept[pairs.first] & kept[pairs.second])
        detected = lost = pairs.subset(~_excludes(exclusions, pairs, labelled.identities, len(labelled)))
        detected = detected.subset(_both(labelled.detected, detected))
    lost = lost.subset(~_both(labelled.detected, lost))
    rows = np.flatnonzero(kept & labelled.detected)
    people, numbers = np.unique(labelled.identities[kept], return_inverse=True)
    person = np.full(len(labelled), -1, np.int64)
    person[kept] = numbers
    found = Comparable(
        name=labelled.name,
        embeddings=labelled.embeddings[rows],
        norms=labelled.norms[rows],
        images=int(np.count_nonzero(kept)),
        rows=rows,
        identities=person[rows],
        people=people,
        failed=np.bincount(person[lost.first[lost.mated]], minlength=len(people)),
        excluded=ExcludedPairs.none() if exclusions is None else exclusions.among(rows, people),
        given=None if detected is None else _moved(detected, rows, len(labelled)),
        lost=lost,
        pictures={name: values[rows] for name, values in labelled.pictures.items()},
    )
    for kind, count in _counts(found):
        if not count:
            raise LabelsInvalid(f"{found.name} has no {kind} pair whose two faces were found: nothing can be measured.")
    return found


def comparable_part(labelled: LabelledFaces, exclusions: SetExclusions, rows: Ints) -> Comparable:
    """Return what can be compared of some people of a set.

    Args:
        labelled: the whole set.
        exclusions: of the whole set.
        rows: (m,) int64, the faces of those people.

    Raises:
        LabelsInvalid: as ``comparable`` says.
    """
    return comparable(labelled.subset(rows), exclusions.subset(rows), given=not labelled.identities_stated)


def _mated(labelled: LabelledFaces, kept: Bools, exclusions: SetExclusions | None) -> PairList:
    """Return all mated pairs that count, whether their faces were detected or not."""
    rows = np.flatnonzero(kept)
    first, second = (rows[side] for side in mated_pairs(labelled.identities[rows]))
    listed = np.empty((0, 2), np.int64) if exclusions is None else exclusions.faces
    counted = ~_is_listed(first, second, listed, len(labelled))
    return PairList(first[counted], second[counted], np.ones(int(counted.sum()), dtype=bool))


def _both(flags: Bools, pairs: PairList) -> Bools:
    return flags[pairs.first] & flags[pairs.second]


def _moved(pairs: PairList, rows: Ints, size: int) -> PairList:
    place = np.full(size, -1, np.int64)
    place[rows] = np.arange(len(rows))
    return PairList(place[pairs.first], place[pairs.second], pairs.mated, pairs.fold)


def _excludes(exclusions: SetExclusions | None, pairs: PairList, identities: Ints, size: int) -> Bools:
    """Return which of the given pairs (m,) are excluded."""
    if exclusions is None:
        return np.zeros(len(pairs), dtype=bool)
    people = int(identities.max(initial=0)) + 1
    by_people = _is_listed(identities[pairs.first], identities[pairs.second], exclusions.identities, people)
    return by_people | _is_listed(pairs.first, pairs.second, exclusions.faces, size)


def _is_listed(first: Ints, second: Ints, listed: Ints, size: int) -> Bools:
    """Return which pairs are, in either order, among the listed ones (e, 2)."""
    keys = np.minimum(first, second) * size + np.maximum(first, second)
    ordered = np.sort(listed, axis=1)
    return np.isin(keys, ordered[:, 0] * size + ordered[:, 1])


def _counts(found: Comparable) -> Iterator[tuple[str, int]]:
    yield "mated", len(found.mated()[0])
    if found.given is not None:
        yield "non-mated", int(np.count_nonzero(~found.given.mated))
    else:
        yield "non-mated", len(np.unique(found.identities)) - 1
