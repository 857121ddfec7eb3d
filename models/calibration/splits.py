"""Parting people, never pictures: into the parts tune, calibrate and report, and into folds."""

import hashlib
from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np

from models.labelled.labelled_faces import LabelledFaces
from models.tool_errors import CalibrationImpossible
from service.arrays import Ints

PARTS = ("tune", "calibrate", "report")


def part_people(labelled: LabelledFaces, shares: Sequence[float], seed: int) -> list[Ints]:
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
        for part, members in enumerate(np.split(shuffled, np.cumsum(_dealt(len(shuffled), shares))[:-1])):
            part_of[members] = part
    for part in range(len(shares)):
        if np.count_nonzero(part_of == part) < 2:
            raise CalibrationImpossible(
                f"{labelled.name} has {np.count_nonzero(pictures)} people, too few to be parted into {len(shares)}. "
                "Add people, or ask for fewer parts."
            )
    return [np.flatnonzero(part_of[labelled.identities] == part) for part in range(len(shares))]


def check_people(labelled: LabelledFaces, shares: Sequence[float], folds: int, *, chooses: bool) -> None:
    """Refuse a set that is too small for any calibration, saying how large it has to be.

    Args:
        labelled: the set.
        shares: of the people, to tune, to calibrate and to report on.
        folds: of the people that tune.
        chooses: whether parameters are chosen.

    Raises:
        CalibrationImpossible: if it has too few people to be parted.
    """
    people = len(np.unique(labelled.identities))
    least = least_people(shares, folds if chooses else 1)
    if people < least:
        raise CalibrationImpossible(
            f"{labelled.name} has {people} people, and {least} are the least for {len(shares)} parts"
            f"{f' and {folds} folds' if chooses else ''}, each with several pictures. "
            f"{least_pictures(shares, folds, chooses=chooses)} Add people."
        )


def least_people(shares: Sequence[float], folds: int) -> int:
    """Return how many people with several pictures give two to every part, and to every fold of the first."""
    for people in range(2 * len(shares), 100_000):
        parts = _dealt(people, shares)
        if parts.min() >= 2 and _dealt(int(parts[0]), [1.0] * folds).min() >= 2:
            return people
    raise CalibrationImpossible("The shares give one part next to nobody: ask for more even ones.")


def least_pictures(shares: Sequence[float], folds: int, *, chooses: bool) -> str:
    """Return in a sentence how many pictures in all the least of what is measured takes."""
    tune, calibrate = shares[0] / sum(shares), shares[1] / sum(shares)
    to_tune = folds * _pictures(3000) / tune if chooses else 0.0
    pictures = ceil(max(to_tune, _pictures(200) / calibrate))
    large = ceil(_pictures(300_000) / calibrate)
    return (
        f"A false-match rate needs pairs of different people: some {pictures:,} pictures in all are the least, and "
        f"1e-4 is measured from some {large:,}."
    )


def _pictures(pairs: int) -> float:
    """Return how many pictures have so many pairs."""
    return ceil(0.5 + sqrt(0.25 + 2 * pairs))


def _dealt(people: int, shares: Sequence[float]) -> Ints:
    ends = np.rint(np.cumsum(shares) / np.sum(shares) * people).astype(np.int64)
    return np.asarray(np.diff(ends, prepend=0), np.int64)


def people_folds(labelled: LabelledFaces, folds: int, seed: int) -> list[Ints]:
    """Return the faces of each of equally large folds of the people; as ``part_people``."""
    return part_people(labelled, [1.0] * folds, seed + 1)
