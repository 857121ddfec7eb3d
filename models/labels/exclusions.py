"""Exclusions: images and pairs that are label noise, written down by who looked at them, the same for every method.

Scores never decide what is excluded. The file says why for each entry, and results are given with and without it.
"""

import csv
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.labels.labelled import LabelledFaces
from models.pairs.sweep import ExcludedPairs
from service.errors import ExclusionsInvalid

_COLUMNS = ("set", "kind", "first", "second", "reason")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Entry(_Strict):
    """One exclusion.

    Attributes:
        set: name of the labelled set it belongs to.
        kind: "image" leaves an image out; "images" a pair of images; "identities" all pairs of images of two people.
        first: the image or the person.
        second: the other one; "" for an image.
        reason: what was seen.
    """

    set: str
    kind: Literal["image", "images", "identities"]
    first: str = Field(min_length=1)
    second: str = ""
    reason: str = Field(min_length=3)


class _Document(_Strict):
    version: str = Field(min_length=1)
    exclusion: list[Entry]


@dataclass(frozen=True, slots=True)
class Exclusions:
    """A file of exclusions.

    Attributes:
        version: what the file calls itself.
        digest: 16 hex digits of its sha256.
        entries: the exclusions.
    """

    version: str
    digest: str
    entries: tuple[Entry, ...]

    @classmethod
    def none(cls) -> "Exclusions":
        """Return no exclusions."""
        return cls("none", "", ())


@dataclass(frozen=True, slots=True, eq=False)
class SetExclusions:
    """The exclusions of one labelled set, by its rows.

    Attributes:
        dropped: (n,) bool, faces left out.
        faces: (e, 2) int64, rows of pairs of faces.
        identities: (f, 2) int64, pairs of people.
    """

    dropped: NDArray[np.bool_]
    faces: NDArray[np.int64]
    identities: NDArray[np.int64]

    def subset(self, rows: NDArray[np.int64]) -> "SetExclusions":
        """Return the exclusions of some of the faces, by their positions in ``rows`` (m,)."""
        return SetExclusions(self.dropped[rows], _positions(self.faces, rows, len(self.dropped)), self.identities)

    def among(self, rows: NDArray[np.int64], people: NDArray[np.int64]) -> ExcludedPairs:
        """Return the excluded pairs among some faces of some people, by their positions in those.

        Args:
            rows: (m,) int64, rows of the faces taken.
            people: (u,) int64, the people taken.
        """
        return ExcludedPairs(
            faces=_positions(self.faces, rows, len(self.dropped)), identities=_positions(self.identities, people, None)
        )


def read_exclusions(path: Path) -> Exclusions:
    """Read a file of exclusions.

    Args:
        path: a TOML file with ``version`` and ``[[exclusion]]`` tables, or a CSV whose first line is
            ``# version: NAME`` and whose columns are set, kind, first, second, reason.

    Raises:
        ExclusionsInvalid: if it cannot be read, or an entry says something it must not.
    """
    try:
        content = path.read_bytes()
        document = _parse_csv(content) if path.suffix == ".csv" else tomllib.loads(content.decode("utf-8"))
        parsed = _Document.model_validate(document)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else _reasons(error)
        raise ExclusionsInvalid(f"{path} cannot be used as a file of exclusions: {reason}.") from error
    return Exclusions(parsed.version, hashlib.sha256(content).hexdigest()[:16], tuple(parsed.exclusion))


def resolve(exclusions: Exclusions, labelled: LabelledFaces) -> SetExclusions:
    """Return the exclusions of a labelled set by its rows.

    Raises:
        ExclusionsInvalid: if an entry names an image or a person that the set does not have.
    """
    rows = {image: row for row, image in enumerate(labelled.images)}
    people = {name: person for person, name in enumerate(labelled.identity_names)}
    dropped = np.zeros(len(labelled.images), dtype=bool)
    faces: list[list[int]] = []
    identities: list[list[int]] = []
    for entry in exclusions.entries:
        if entry.set != labelled.name:
            continue
        known = people if entry.kind == "identities" else rows
        names = [entry.first] if entry.kind == "image" else [entry.first, entry.second]
        missing = [name for name in names if name not in known]
        if missing:
            what = "person" if entry.kind == "identities" else "image"
            raise ExclusionsInvalid(f"The exclusions name a {what} that {labelled.name} does not have: {missing[0]!r}.")
        if entry.kind == "image":
            dropped[rows[entry.first]] = True
        else:
            (identities if known is people else faces).append([known[name] for name in names])
    return SetExclusions(
        dropped, np.array(faces, np.int64).reshape(-1, 2), np.array(identities, np.int64).reshape(-1, 2)
    )


def _parse_csv(content: bytes) -> dict[str, object]:
    head, _, table = content.decode("utf-8").partition("\n")
    mark, _, version = head.partition(":")
    if mark.strip().removeprefix("#").strip() != "version":
        raise ValueError("its first line must be `# version: NAME`")
    reader = csv.DictReader(table.splitlines())
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise ValueError(f"its columns must be {', '.join(_COLUMNS)}")
    return {"version": version.strip(), "exclusion": list(reader)}


def _reasons(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())


def _positions(pairs: NDArray[np.int64], taken: NDArray[np.int64], size: int | None) -> NDArray[np.int64]:
    """Return the pairs whose both members are taken, by their positions among those."""
    largest = size if size is not None else int(max(pairs.max(initial=-1), taken.max(initial=-1))) + 1
    place = np.full(largest, -1, np.int64)
    place[taken] = np.arange(len(taken))
    moved = place[pairs]
    return moved[np.all(moved >= 0, axis=1)]
