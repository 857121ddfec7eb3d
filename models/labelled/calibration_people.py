"""Whom a bundle was calibrated on, as salted digests of their names: what `evaluate` knows them by again.

Of everybody the part he was in is kept, and no name. Whoever has a list of names can try which of them are there; who
has the bundle alone learns how many people there were.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from models.bounded import read_bounded
from models.labelled.labelled_faces import LabelledFaces
from models.tool_errors import CalibrationImpossible
from service.arrays import Ints
from service.bundle.bundle_manifest import CALIBRATION_REPORT
from service.bundle.reader import read_manifest
from service.faults import faults

CHOSEN_ON = ("tune", "calibrate")
"""The parts that something was chosen or measured on."""
SET_ASIDE = "report"

# 48 bits: of a million people against a million others fewer than one in a hundred runs takes one for another.
_DIGEST_BYTES = 6
_REPORT_BYTES = 64 * 1024 * 1024
_MOST_RECORDS = 64

_Digests = Annotated[str, StringConstraints(pattern=rf"^([0-9a-f]{{{2 * _DIGEST_BYTES}}})*$")]


class NamedPeople(Protocol):
    """The people of a labelled set, embedded or not; see ``LabelledFaces`` for each."""

    @property
    def name(self) -> str:
        """What the set is called."""
        ...

    @property
    def identity_names(self) -> tuple[str, ...]:
        """Their names."""
        ...

    @property
    def identities_stated(self) -> bool:
        """Whether the labels name people."""
        ...


class Record(BaseModel):
    """The people of one calibration.

    Attributes:
        salt: goes into every digest, hex.
        parts: of each part, the digests of its people, 12 hex digits each, ascending and joined.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    salt: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    parts: dict[str, _Digests]

    def members(self, keys: Sequence[str]) -> dict[str, set[int]]:
        """Return, of people by their keys, the positions of those in each part; who is in two sets may be in two."""
        mine = [_digest(self.salt, key) for key in keys]
        width = 2 * _DIGEST_BYTES
        found = {}
        for part, digests in self.parts.items():
            known = {digests[start : start + width] for start in range(0, len(digests), width)}
            found[part] = {person for person, digest in enumerate(mine) if digest in known}
        return found


class _Report(BaseModel):
    """What is read of a calibration's report."""

    model_config = ConfigDict(extra="ignore")

    people: list[Record] = Field(default=[], max_length=_MOST_RECORDS)


@dataclass(frozen=True, slots=True)
class CalibrationPeople:
    """The people of all calibrations that a bundle's parameters and thresholds come from.

    Attributes:
        records: of each calibration; none where the bundle does not say.
    """

    records: tuple[Record, ...] = ()

    def parts_of(self, labelled: NamedPeople) -> dict[str, Ints]:
        """Return which people of a labelled set were in which part, as positions in its ``identity_names``.

        Whom any calibration chose or measured on is in no part that was set aside.
        """
        keys = people_keys(labelled)
        found: dict[str, set[int]] = {part: set() for part in (*CHOSEN_ON, SET_ASIDE)}
        for record in self.records:
            for part, people in record.members(keys).items():
                found.setdefault(part, set()).update(people)
        found["calibrate"] -= found["tune"]
        found[SET_ASIDE] -= found["tune"] | found["calibrate"]
        return {part: np.array(sorted(people), np.int64) for part, people in found.items()}

    def set_aside(self, labelled: LabelledFaces) -> Ints:
        """Return the rows (m,) of the faces of people who were set aside."""
        return np.flatnonzero(np.isin(labelled.identities, self.parts_of(labelled)[SET_ASIDE]))


def people_keys(labelled: NamedPeople) -> list[str]:
    """Return what stands for each person of a labelled set: the same in another set where he has the same name there.

    A number names somebody only within a set, and so does a picture where the labels name nobody: there the set's name
    is part of it.
    """
    return [
        unicodedata.normalize("NFC", name)
        if labelled.identities_stated and not name.strip().isdecimal()
        else f"{labelled.name}\0{name}"
        for name in labelled.identity_names
    ]


def record_of(parts: Mapping[str, Sequence[str]], seed: int) -> Record:
    """Return the record of the people of each part, whose keys are those of ``people_keys``.

    The salt follows from all of them, so that equal calibrations give equal bundles and others share no digest.
    """
    salt = hashlib.sha256(repr((seed, sorted(name for names in parts.values() for name in names))).encode())
    text = salt.hexdigest()[:32]
    return Record(
        salt=text,
        parts={part: "".join(sorted({_digest(text, name) for name in names})) for part, names in parts.items()},
    )


def read_people(folder: Path) -> CalibrationPeople:
    """Return whom a bundle was calibrated on; nobody where it is not calibrated, or does not say.

    Raises:
        BundleInvalid: if it is no bundle.
        CalibrationImpossible: if its calibration's report cannot be read.
    """
    part = read_manifest(folder).parts.get(CALIBRATION_REPORT)
    if part is None:
        return CalibrationPeople()
    path = folder / part.file
    try:
        report = _Report.model_validate(json.loads(read_bounded(path, _REPORT_BYTES)))
        return CalibrationPeople(tuple(report.people))
    except (OSError, ValueError, RecursionError) as error:
        reason = faults(error) if isinstance(error, ValidationError) else error
        raise CalibrationImpossible(
            f"The calibration report {path} cannot be read ({reason}). Calibrate the bundle again."
        ) from error


def _digest(salt: str, name: str) -> str:
    return hashlib.sha256(f"{salt}\0{name}".encode()).hexdigest()[: 2 * _DIGEST_BYTES]
