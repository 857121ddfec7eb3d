"""Exclusions: images and pairs that are label noise, written down by who looked at them, the same for every method.

Scores never decide what is excluded. The file says why for each entry, and results are given with and without it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from models.labelled.labelled_faces import LabelledFaces
from models.labelled.pairs.sweep import ExcludedPairs
from models.tool_errors import ExclusionsInvalid
from service.arrays import Bools, Ints

# How alike two names are from which on the one is taken for the other misspelt, as difflib has it.
_ALIKE = 0.7
_SHOWN = 3

Text = Annotated[str, StringConstraints(max_length=4096)]


class Entry(BaseModel):
    """One exclusion.

    Attributes:
        set: name of the labelled set it belongs to.
        kind: "image" leaves an image out; "images" a pair of images; "identities" all pairs of images of two people.
        first: the image or the person.
        second: the other one; "" for an image.
        reason: what was seen.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    set: Text
    kind: Literal["image", "images", "identities"]
    first: Text = Field(min_length=1)
    second: Text = ""
    reason: Text = Field(min_length=3)


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

    dropped: Bools
    faces: Ints
    identities: Ints

    def subset(self, rows: Ints) -> "SetExclusions":
        """Return the exclusions of some of the faces, by their positions in ``rows`` (m,)."""
        return SetExclusions(self.dropped[rows], _positions(self.faces, rows, len(self.dropped)), self.identities)

    def among(self, rows: Ints, people: Ints) -> ExcludedPairs:
        """Return the excluded pairs among some faces of some people, by their positions in those.

        Args:
            rows: (m,) int64, rows of the faces taken.
            people: (u,) int64, the people taken.
        """
        return ExcludedPairs(
            faces=_positions(self.faces, rows, len(self.dropped)), identities=_positions(self.identities, people, None)
        )


def check_sets(exclusions: Exclusions, names: Sequence[str]) -> str:
    """Refuse entries that would have no effect because the name of their set is written otherwise.

    Args:
        exclusions: the exclusions.
        names: what the labelled sets are called.

    Returns:
        A sentence about entries of other sets, which are passed over; "" where there are none.

    Raises:
        ExclusionsInvalid: if no entry is of any of the sets, or one is of a set that is called almost like one of them.
    """
    counts = Counter(entry.set for entry in exclusions.entries)
    others = {name: count for name, count in counts.items() if name not in names}
    if not others:
        return ""
    for name in others:
        near = [found for found in get_close_matches(name, names, 1, _ALIKE) if _letters(found) != _letters(name)]
        if near:
            raise ExclusionsInvalid(
                f"The exclusions name the set {name!r}, and there is none: perhaps {near[0]!r} is meant. Write it as "
                "the set is called here (NAME=PATH names it), or keep entries of another set in a file of their own."
            )
    if len(others) == len(counts):
        raise ExclusionsInvalid(
            f"No exclusion has an effect: they are of the set {', '.join(map(repr, list(others)[:_SHOWN]))}, and there "
            f"{'is' if len(names) == 1 else 'are'} {', '.join(map(repr, names))}. Write `set` as the set is called "
            "here (NAME=PATH names it)."
        )
    return (
        f"{sum(others.values()):,} exclusions are of sets that are not looked at now: "
        f"{', '.join(map(repr, list(others)[:_SHOWN]))}{' and others' if len(others) > _SHOWN else ''}."
    )


def _letters(name: str) -> str:
    """Return a name without its digits: part-1 and part-2 are two sets, not one misspelt."""
    return "".join(character for character in name.casefold() if not character.isdigit())


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


def _positions(pairs: Ints, taken: Ints, size: int | None) -> Ints:
    """Return the pairs whose both members are taken, by their positions among those."""
    largest = size if size is not None else int(max(pairs.max(initial=-1), taken.max(initial=-1))) + 1
    place = np.full(largest, -1, np.int64)
    place[taken] = np.arange(len(taken))
    moved = place[pairs]
    return moved[np.all(moved >= 0, axis=1)]
