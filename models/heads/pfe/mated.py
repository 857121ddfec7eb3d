"""Mated pairs of labelled faces: people set aside, pairs drawn, and the constant variance that fits them best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.labelled.labelled_faces import LabelledFaces
from models.tool_errors import TrainingImpossible
from service.arrays import Floats32, Ints

LEAST_PEOPLE = 10
"""People with two or more faces that training needs, to learn from and to be tried on."""


@dataclass(frozen=True, slots=True, eq=False)
class MatedFaces:
    """Faces of people with two or more.

    Attributes:
        embeddings: (n, d) float32, unit norm, the faces of a person one after another.
        starts: (p,) int64, where each person's faces start.
        counts: (p,) int64, how many each has, 2 or more.
    """

    embeddings: Floats32
    starts: Ints
    counts: Ints

    def __len__(self) -> int:
        return len(self.counts)

    def split(self, share: float, seed: int) -> tuple["MatedFaces", "MatedFaces"]:
        """Return the faces of most people, and those of the people set aside."""
        order = np.random.default_rng(seed).permutation(len(self))
        aside = max(LEAST_PEOPLE // 5, round(share * len(self)))
        return self._of(np.sort(order[aside:])), self._of(np.sort(order[:aside]))

    def draw(self, count: int, generator: np.random.Generator) -> tuple[Ints, Ints]:
        """Return the rows of drawn pairs, each of one person's two different faces, people drawn evenly."""
        people = generator.integers(len(self), size=count)
        first = generator.integers(self.counts[people])
        other = (first + generator.integers(1, self.counts[people])) % self.counts[people]
        return self.starts[people] + first, self.starts[people] + other

    def _of(self, people: Ints) -> "MatedFaces":
        rows = [np.arange(self.starts[person], self.starts[person] + self.counts[person]) for person in people]
        counts = self.counts[people]
        return MatedFaces(self.embeddings[np.concatenate(rows)], np.cumsum(counts) - counts, counts)


def mated_faces(sets: Sequence[LabelledFaces]) -> MatedFaces:
    """Return the detected faces of everybody with two or more; the people of two sets count as others.

    Raises:
        TrainingImpossible: if there are fewer than ten such people.
    """
    embeddings, counts = [], []
    for labelled in sets:
        rows = np.flatnonzero(labelled.detected)
        order = rows[np.argsort(labelled.identities[rows], kind="stable")]
        _, of_person = np.unique(labelled.identities[order], return_counts=True)
        several = np.repeat(of_person > 1, of_person)
        embeddings.append(labelled.embeddings[order[several]])
        counts.append(of_person[of_person > 1])
    all_counts = np.concatenate(counts) if counts else np.empty(0, np.int64)
    if len(all_counts) < LEAST_PEOPLE:
        raise TrainingImpossible(
            f"{len(all_counts)} people have two or more faces, and {LEAST_PEOPLE} are needed: give more labelled faces."
        )
    return MatedFaces(np.concatenate(embeddings), np.cumsum(all_counts) - all_counts, all_counts.astype(np.int64))


def constant_variance(first: Floats32, second: Floats32) -> float:
    """Return the one variance of all values under which mated pairs (n, d) and (n, d) are likeliest.

    The sum of both sides' variances is then the mean square of the differences, so sigma0^2 is half of it.
    """
    return float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2) / 2)
