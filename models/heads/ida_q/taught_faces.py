"""The faces that a likelihood network learns from: people as they are, and degraded copies of their pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.heads.ida_q.likelihood_training import LikelihoodOptions, TrainingPairs
from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons, compare_all
from models.labelled.pairs.sweep import BlockScorer, ExcludedPairs, sweep
from service.arrays import Bools, Floats32, Ints
from service.scoring.methods import COSINE, METHODS, Method
from service.scoring.parameters import Parameters
from service.scoring.terms import TermSource

# Of a set's pairs, as many of the highest as a rate of 1e-2 takes, also where a bootstrap moves it.
_KEEP_SHARE = 0.03
_LEAST_KEEP = 1000


@dataclass(frozen=True, slots=True, eq=False)
class TaughtFaces:
    """Faces of one set, some of them degraded copies of pictures that others show as they are.

    Attributes:
        name: of the set.
        embeddings: (n, d) float32, unit norm.
        norms: (n,) float32, lengths of what the backbone gave; 0 where one is not known.
        people: (n,) int64, who each is, by any numbers.
        pictures: (n,) int64, which picture each shows or is a copy of; no face is compared with its picture's other.
        is_copy: (n,) bool, which are degraded copies.
        excluded_pictures: (e, 2) int64, pairs of pictures that count for nothing.
        excluded_people: (f, 2) int64, pairs of people likewise.
    """

    name: str
    embeddings: Floats32
    norms: Floats32
    people: Ints
    pictures: Ints
    is_copy: Bools
    excluded_pictures: Ints
    excluded_people: Ints

    @classmethod
    def of(cls, faces: Comparable, embeddings: Floats32, norms: Floats32, originals: Ints) -> "TaughtFaces":
        """Return m faces with copies of some of them behind.

        Args:
            faces: the m faces as they are.
            embeddings: (c, d) float32, unit norm, of the copies.
            norms: (c,) float32 likewise.
            originals: (c,) int64, the row in ``faces`` of the face that each is a copy of.
        """
        own = np.arange(len(faces.rows))
        return cls(
            name=faces.name,
            embeddings=np.concatenate([faces.embeddings, embeddings]),
            norms=np.concatenate([faces.norms, norms]),
            people=faces.identities[np.concatenate([own, originals])],
            pictures=np.concatenate([own, originals]),
            is_copy=np.arange(len(own) + len(originals)) >= len(own),
            excluded_pictures=faces.excluded.faces,
            excluded_people=faces.excluded.identities,
        )

    def __len__(self) -> int:
        return len(self.people)

    def subset(self, faces: Bools) -> "TaughtFaces":
        """Return the faces that a mask (n,) names."""
        return TaughtFaces(
            self.name,
            self.embeddings[faces],
            self.norms[faces],
            self.people[faces],
            self.pictures[faces],
            self.is_copy[faces],
            self.excluded_pictures,
            self.excluded_people,
        )

    def compare(self, method: Method, parameters: Parameters, source: TermSource) -> Comparisons:
        """Score all pairs by a method; raises as ``TermSource.terms`` says."""
        terms = source.terms(self.embeddings, method.needs, parameters, self.norms)
        scorer = BlockScorer(self.embeddings, method, terms.with_norms(self.norms, parameters), parameters)
        identities, excluded = self._numbered()
        keep = int(_KEEP_SHARE * len(self) * (len(self) - 1) / 2) + _LEAST_KEEP
        nobody = np.zeros(int(identities.max(initial=-1)) + 1, np.int64)
        return compare_all(self.name, scorer, identities, nobody, exclude=excluded, keep=keep)

    def training_pairs(self, options: LikelihoodOptions, draw: np.random.Generator) -> TrainingPairs:
        """Return the mated pairs, the non-mated ones of the highest cosines, and some drawn to stand for the others.

        Their weights are counts; ``joined_pairs`` makes shares of them.

        Args:
            options: how many there are of each.
            draw: draws the others.
        """
        scorer = BlockScorer(self.embeddings, METHODS[COSINE], None, Parameters())
        identities, excluded = self._numbered()
        found = sweep(scorer, identities, exclude=excluded, keep=options.hard)
        hard, mated = (np.stack([each.first, each.second]) for each in (found.top, found.mated))
        drawn = self._drawn(options.drawn, draw, excluded, identities)
        drawn = drawn[:, ~np.isin(self._keys(drawn), self._keys(hard))]
        of_person = np.bincount(identities[mated[0]], minlength=len(self))
        weight = np.concatenate(
            [
                # A person's pairs grow with the square of his pictures: by the root of them, nobody is all there is.
                1 / np.sqrt(of_person[identities[mated[0]]]),
                np.ones(hard.shape[1]),
                np.full(drawn.shape[1], (found.non_mated_count - hard.shape[1]) / max(1, drawn.shape[1])),
            ]
        )
        first, second = np.concatenate([mated, hard, drawn], axis=1)
        as_they_are = ~self.is_copy[first] & ~self.is_copy[second]
        return TrainingPairs(
            first,
            second,
            np.einsum("nd,nd->n", self.embeddings[first], self.embeddings[second]).astype(np.float64),
            np.arange(len(first)) < mated.shape[1],
            weight * np.where(as_they_are, options.clean_share, 1.0),
        )

    def _numbered(self) -> tuple[Ints, ExcludedPairs]:
        """Return who each face is, numbered without gaps, and the pairs of faces and people that count for nothing."""
        names, identities = np.unique(self.people, return_inverse=True)
        order = np.argsort(self.pictures, kind="stable")
        twice = self.pictures[order][1:] == self.pictures[order][:-1]
        faces = [np.stack([order[:-1][twice], order[1:][twice]], axis=1)]
        for one, other in self.excluded_pictures:
            rows = np.flatnonzero(self.pictures == one), np.flatnonzero(self.pictures == other)
            faces.append(np.stack(np.meshgrid(*rows, indexing="ij"), axis=-1).reshape(-1, 2))
        there = np.all(np.isin(self.excluded_people, names), axis=1)
        people = np.searchsorted(names, self.excluded_people[there]).reshape(-1, 2)
        return identities, ExcludedPairs(np.concatenate(faces), people)

    def _drawn(self, count: int, draw: np.random.Generator, excluded: ExcludedPairs, identities: Ints) -> Ints:
        """Return non-mated pairs (2, p) drawn at random, none of them excluded, each once."""
        pairs = draw.integers(0, len(self), (2, count))
        _, once = np.unique(self._keys(pairs), return_index=True)
        pairs = pairs[:, once]
        apart = identities[pairs[0]] != identities[pairs[1]]
        apart &= ~np.isin(self._keys(pairs), self._keys(excluded.faces.T))
        return pairs[:, apart & ~np.isin(self._keys(identities[pairs]), self._keys(excluded.identities.T))]

    def _keys(self, pairs: Ints) -> Ints:
        """Return a number for each pair (2, p), the same for either order."""
        keys: Ints = np.min(pairs, axis=0) * len(self) + np.max(pairs, axis=0)
        return keys


def joined_pairs(of_sets: Sequence[TrainingPairs], sizes: Sequence[int]) -> TrainingPairs:
    """Return the pairs of several sets as those of one, whose faces lie behind each other, their weights as shares.

    Args:
        of_sets: of each set, 1 or more.
        sizes: faces of each.
    """
    starts = np.cumsum([0, *sizes[:-1]])
    mated = np.concatenate([pairs.mated for pairs in of_sets])
    weight = np.concatenate([pairs.weight for pairs in of_sets])
    for kind in (mated, ~mated):
        weight[kind] /= weight[kind].sum()
    return TrainingPairs(
        np.concatenate([pairs.first + start for pairs, start in zip(of_sets, starts, strict=True)]),
        np.concatenate([pairs.second + start for pairs, start in zip(of_sets, starts, strict=True)]),
        np.concatenate([pairs.similarity for pairs in of_sets]),
        mated,
        weight,
    )
