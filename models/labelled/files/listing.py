"""What a label file says: pictures, who is on them, and which of them are compared."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from models.tool_errors import LabelsInvalid
from service.arrays import Bools, Ints

_SHOWN = 1000


@dataclass(frozen=True, slots=True, eq=False)
class PairList:
    """Given pairs of faces.

    Attributes:
        first: (m,) int64, row of the one face.
        second: (m,) int64, row of the other.
        mated: (m,) bool, whether both are the same person.
        fold: (m,) int64, the part of a cross-validation protocol that a pair belongs to, from 0; None where there
            are no parts.
    """

    first: Ints
    second: Ints
    mated: Bools
    fold: Ints | None = None

    def __len__(self) -> int:
        return len(self.first)

    def subset(self, pairs: Bools | Ints) -> "PairList":
        """Return some of the pairs: a mask (m,) bool, or their positions."""
        return PairList(
            self.first[pairs], self.second[pairs], self.mated[pairs], None if self.fold is None else self.fold[pairs]
        )


@dataclass(frozen=True, slots=True, eq=False)
class TemplateList:
    """Faces gathered into templates; a face may be in several.

    Attributes:
        names: names of the t templates.
        template: (r,) int64, the template of each membership.
        face: (r,) int64, the row of the face that is in it.
    """

    names: tuple[str, ...]
    template: Ints
    face: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """What a label file says of n pictures.

    Attributes:
        root: the folder that the pictures' paths start from.
        images: their paths, each once.
        identities: (n,) int64, who is on each, as a position in ``identity_names``.
        identity_names: names of the identities.
        identities_stated: whether the file names people. Where it only says which pairs are of one person, pictures
            that no pair joins may still be of one person, so no pairs but the given ones can be counted.
        groups: (n,) int64, position in ``group_names``; None where there are no groups.
        group_names: names of the groups.
        pairs: the given pairs; None where the file gives none.
        templates: the templates; None where the file gives none.
    """

    root: Path
    images: tuple[Path, ...]
    identities: Ints
    identity_names: tuple[str, ...]
    identities_stated: bool = True
    groups: Ints | None = None
    group_names: tuple[str, ...] = ()
    pairs: PairList | None = None
    templates: TemplateList | None = None


@dataclass(slots=True)
class Names:
    """Numbers names in the order in which they first come."""

    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """Return the number of a name."""
        return self.numbers.setdefault(name, len(self.numbers))

    def all(self) -> tuple[str, ...]:
        """Return the names by their number."""
        return tuple(self.numbers)


def is_picture(path: Path) -> bool:
    """Return whether there is such a file; a name that no file can have is none."""
    return os.path.isfile(path)


def refuse(path: Path, line: int | None, reason: str) -> NoReturn:
    """Say what is wrong with a label file, and on which line.

    Raises:
        LabelsInvalid: always.
    """
    where = f"{path}" if line is None else f"{path}, line {line}"
    # A line of the file may be part of the reason, and as long as lines may be.
    raise LabelsInvalid(f"{where}: {reason if len(reason) <= _SHOWN else f'{reason[:_SHOWN]} ...'}")
