"""Pairs files as Labelled Faces in the Wild has them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from models.labelled.files.listing import Listing, Names, PairList, is_picture, refuse
from models.labelled.files.text import DELIMITERS, read_lines
from service.arrays import Ints
from service.faces.pictures.formats import SUFFIXES

_MOST_DIGITS = 9
# Characters of a file's own that an error repeats.
_SHOWN = 100
_ROW = "a line is `name i j` (one person's pictures i and j) or `name i other j` (two people's)"


@dataclass(slots=True)
class _Pictures:
    """The pictures that a file's lines speak of, each found once."""

    path: Path
    root: Path
    images: Names = field(default_factory=Names)
    people: Names = field(default_factory=Names)
    identities: list[int] = field(default_factory=list)
    _rows: dict[tuple[str, str], int] = field(default_factory=dict)

    def row(self, name: str, number: str, line: int) -> int:
        """Return the row of a person's picture."""
        if (name, number) not in self._rows:
            row = self.images.number(self._find(name, number, line))
            if row == len(self.identities):
                self.identities.append(self.people.number(name))
            self._rows[name, number] = row
        return self._rows[name, number]

    def _find(self, name: str, number: str, line: int) -> str:
        if not number.isdecimal() or len(number) > _MOST_DIGITS:
            refuse(self.path, line, f"{number[:_SHOWN]!r} is not the number of a picture; {_ROW}.")
        stem = f"{name}_{int(number):04d}"
        places = [f"{place}{suffix}" for place in (f"{name}/{stem}", stem) for suffix in (".jpg", *SUFFIXES)]
        found = next((place for place in places if is_picture(self.root / place)), None)
        if found is None:
            refuse(
                self.path,
                line,
                f"neither {name}/{stem}.jpg nor {stem}.jpg is in {self.root}. Name the folder of the pictures with "
                "--images.",
            )
        return found


def read_lfw_pairs(path: Path, root: Path) -> Listing:
    """Read an LFW-style pairs file.

    The first line may hold the number of folds and of mated pairs in each (``10 300``), or the number of mated pairs
    alone (``1100``): as many non-mated ones follow. Without it there are no folds.

    Args:
        path: the file.
        root: where ``NAME/NAME_0001.jpg`` or ``NAME_0001.jpg`` lie.

    Raises:
        LabelsInvalid: naming the line that is wrong, or whose picture is not there.
    """
    lines: Iterator[tuple[int, list[str]]] = (
        (number, [token.strip() for token in (text.split("\t") if "\t" in text else text.split())])
        for number, text in read_lines(path)
    )
    head = next(lines, None)
    header = head[1] if head and all(token.isdecimal() for token in head[1]) else []
    if head and not header:
        lines = chain([head], lines)
    pictures = _Pictures(path, root)
    first, second, mated = [], [], []
    for line, tokens in lines:
        if len(tokens) not in (3, 4):
            other = next((name for mark, name in DELIMITERS.items() if mark in " ".join(tokens)), None)
            hint = (
                f"; they are perhaps parted by {other}, and then the first line must name the columns" if other else ""
            )
            refuse(path, line, f"{len(tokens)} fields; {_ROW}{hint}.")
        same = len(tokens) == 3
        if not same and tokens[0] == tokens[2]:
            refuse(path, line, f"{tokens[0]} stands on both sides of a pair of two people; {_ROW}.")
        first.append(pictures.row(tokens[0], tokens[1], line))
        second.append(pictures.row(tokens[0] if same else tokens[2], tokens[-1], line))
        mated.append(same)
        if first[-1] == second[-1]:
            refuse(path, line, "the picture is compared with itself.")
    if not mated:
        refuse(path, None, f"there is no pair: {_ROW}.")
    fold = _folds(path, header, mated)
    return Listing(
        root=root,
        images=tuple(Path(image) for image in pictures.images.all()),
        identities=np.array(pictures.identities, np.int64),
        identity_names=pictures.people.all(),
        pairs=PairList(np.array(first, np.int64), np.array(second, np.int64), np.array(mated), fold),
    )


def _folds(path: Path, header: list[str], mated: list[bool]) -> Ints | None:
    """Return the fold of each pair, found as the header says; None where there are no folds."""
    if not header:
        return None
    numbers = [int(token) if len(token) <= _MOST_DIGITS else 0 for token in header[:3]]
    if len(numbers) > 2 or 0 in numbers:
        refuse(path, 1, "the header is the number of folds and of mated pairs in each, or the latter alone.")
    folds, each = (1, *numbers)[-2:]
    # Counted first: the header alone may name more pairs than memory holds.
    if len(mated) != 2 * folds * each or mated != ([True] * each + [False] * each) * folds:
        refuse(
            path,
            1,
            f"the header says {folds} times {each} mated and {each} non-mated pairs in turn, and the lines do not: "
            f"there are {sum(mated)} mated and {len(mated) - sum(mated)} non-mated ones.",
        )
    return None if folds == 1 else np.arange(len(mated), dtype=np.int64) // (2 * each)
