"""Parting people, never pictures: into the parts tune, calibrate and report, and into folds."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.labels.labelled import LabelledFaces
from service.errors import CalibrationImpossible

IntArray = NDArray[np.int64]

PARTS = ("tune", "calibrate", "report")


def part_people(labelled: LabelledFaces, shares: Sequence[float], seed: int) -> list[IntArray]:
    """Return the faces of each part; no person is in two.

    Whoever has only one picture is dealt out apart from the others, so that every part gets its share of mated pairs.
    The parts follow from the people's names and the seed, in whatever order the pictures are listed.

    Args:
        labelled: n faces.
        shares: of the people, one for each part, in any unit.
        seed: chooses who is where.

    Returns:
        For each part the rows (m,) int64 of its faces, ascending.

    Raises:
        CalibrationImpossible: if there are fewer than two people for a part.
    """
    pictures = np.bincount(labelled.identities, minlength=len(labelled.identity_names))
    order = np.argsort(np.array(labelled.identity_names))
    # Sets of one operator must not be dealt out alike only for having equally many people.
    digest = hashlib.sha256(labelled.name.encode()).digest()
    generator = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    part_of = np.full(len(pictures), -1, np.int64)
    for people in (order[pictures[order] > 1], order[pictures[order] == 1]):
        shuffled = generator.permutation(people)
        ends = np.rint(np.cumsum(shares) / np.sum(shares) * len(shuffled)).astype(np.int64)
        for part, members in enumerate(np.split(shuffled, ends[:-1])):
            part_of[members] = part
    for part in range(len(shares)):
        if np.count_nonzero(part_of == part) < 2:
            raise CalibrationImpossible(
                f"{labelled.name} has {np.count_nonzero(pictures)} people, too few to be parted into {len(shares)}. "
                "Add people, or ask for fewer parts."
            )
    return [np.flatnonzero(part_of[labelled.identities] == part) for part in range(len(shares))]


def people_folds(labelled: LabelledFaces, folds: int, seed: int) -> list[IntArray]:
    """Return the faces of each of equally large folds of the people; as ``part_people``."""
    return part_people(labelled, [1.0] * folds, seed + 1)
