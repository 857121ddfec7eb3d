"""Which labelled faces lie beyond the limits of a calibration's people, by the measures and the rule of the service."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from models.labelled.labelled_faces import LabelledFaces
from service.arrays import Floats32, Floats64, Ints
from service.scoring.parameters import Parameters
from service.scoring.population import LimitsInForce, MeasuredValues, measured_values
from service.scoring.terms import SUPPORT, TermSource


class FoundFaces(Protocol):
    """Faces that were found; see ``LabelledFaces``."""

    @property
    def embeddings(self) -> Floats32:
        """(n, d), unit norm."""
        ...

    @property
    def norms(self) -> Floats32:
        """(n,), lengths of what the backbone gave, 0 where one is not known."""
        ...

    @property
    def pictures(self) -> Mapping[str, Floats64]:
        """(n,) by the name of a measure of the picture."""
        ...


def measured(faces: FoundFaces, parameters: Parameters, source: TermSource | None) -> dict[str, Floats64]:
    """Return what is measured of faces, by measure.

    Args:
        faces: n faces that were found.
        parameters: those that the crowding depends on.
        source: gives it; None to do without.

    Raises:
        TooFewAnchors, DimensionMismatch, SearchFailed: as ``TermSource.terms`` says.
    """
    crowding = None
    if source is not None and SUPPORT in source.provides:
        crowding = source.terms(faces.embeddings, (SUPPORT,), parameters).densities(parameters).crowding
    return measured_values(faces.norms, crowding, faces.pictures)


def together(values: Sequence[MeasuredValues]) -> dict[str, Floats64]:
    """Return the values of the faces of several sets, 1 or more, as those of one."""
    names = dict.fromkeys(name for of_set in values for name in of_set)
    return {name: np.concatenate([of_set[name] for of_set in values if name in of_set]) for name in names}


def rows_beyond(
    labelled: LabelledFaces, limits: LimitsInForce, parameters: Parameters, source: TermSource | None
) -> Ints:
    """Return the rows (m,) of the faces of a set that lie beyond a limit; arguments and errors as of ``measured``."""
    rows = np.flatnonzero(labelled.detected)
    if not len(rows) or not limits.limits:
        return np.empty(0, np.int64)
    values = measured(labelled.subset(rows), parameters, source)
    return rows[limits.outside(values, len(rows))]
