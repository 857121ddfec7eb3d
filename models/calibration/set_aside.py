"""The people of a labelled set who are set aside, whom any bundle can judge by its own limits."""

from dataclasses import dataclass

import numpy as np

from models.labelled.beyond import measured
from models.labelled.comparable import Comparable, comparable_part
from models.labelled.exclusions import SetExclusions
from models.labelled.labelled_faces import LabelledFaces
from service.arrays import Bools, Ints
from service.errors import LowQuality
from service.scoring.parameters import Parameters
from service.scoring.population import LimitsInForce
from service.scoring.terms import TermSource


@dataclass(frozen=True, slots=True, eq=False)
class SetAside:
    """Who of a set is in the part "report", before any limits.

    Attributes:
        labelled: the whole set.
        exclusions: of the whole set.
        rows: (m,) int64, the pictures of those people.
    """

    labelled: LabelledFaces
    exclusions: SetExclusions
    rows: Ints

    def everybody(self) -> Comparable:
        """Return all faces that were found; raises as ``comparable`` says."""
        return comparable_part(self.labelled, self.exclusions, self.rows)

    def within(self, everybody: Comparable, outside: Bools) -> Comparable:
        """Return them with the faces that are ``outside`` (n,) of ``everybody`` as not found; raises as above."""
        if not np.any(outside):
            return everybody
        beyond = self.rows[everybody.rows[outside]]
        return comparable_part(self.labelled.without(beyond, LowQuality.code), self.exclusions, self.rows)


def outside_of(everybody: Comparable, limits: LimitsInForce, parameters: Parameters, source: TermSource) -> Bools:
    """Return which of n faces (n,) lie beyond limits; ``parameters`` and errors as of ``measured``."""
    if not limits.limits:
        return np.zeros(len(everybody.rows), dtype=bool)
    return limits.outside(measured(everybody, parameters, source), len(everybody.rows))
