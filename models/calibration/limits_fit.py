"""Finding the limits of a calibration's people, and counting who lies beyond them."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.labelled.beyond import FoundFaces, measured, together
from service.scoring.parameters import Parameters
from service.scoring.population import MEASURES, MeasureLimit, PopulationLimits, population_limits
from service.scoring.terms import TermSource


def find_limits(
    faces: Sequence[FoundFaces], parameters: Parameters, source: TermSource | None, shares: Mapping[str, float]
) -> tuple[PopulationLimits, dict[str, int]]:
    """Return the limits beyond which the asked shares of faces lie, and how many do of each measure that has one.

    A limit is a quantile, rounded: of few faces, or where many have the same value, another share lies beyond it than
    was asked for.

    Args:
        faces: of each set, those that were found.
        parameters: those that the crowding depends on.
        source: gives it; None to do without.
        shares: as of ``population_limits``.

    Raises:
        TooFewAnchors, DimensionMismatch, SearchFailed: as ``TermSource.terms`` says.
    """
    values = together([measured(of_set, parameters, source) for of_set in faces])
    limits = population_limits(values, parameters, shares)
    beyond = {
        name: int(np.count_nonzero(MEASURES[name].is_beyond(values[name], one.limit)))
        for name, one in limits.measures.items()
        if one.limit is not None
    }
    return limits, beyond


def limit_text(limit: MeasureLimit, beyond: int | None) -> str:
    """Return a limit, the share that was asked for and what was seen, in words."""
    if limit.limit is None or beyond is None:
        return f"no limit, {limit.faces:,} faces"
    seen = f"{beyond:,} of {limit.faces:,} faces seen ({beyond / limit.faces:.2%})"
    return f"limit {limit.limit:g}: {limit.share:.2%} asked to be beyond it, {seen}"
