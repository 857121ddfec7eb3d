"""Choosing the strength of pfe+ida-r."""

from collections.abc import Sequence

import numpy as np

from models.calibration.selection import Grid
from models.labelled.comparable import Comparable
from models.labelled.rates.measured import measured_fmrs
from models.labelled.rates.threshold_rates import smoothed_fnmr
from models.progress import Tick, silent
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import TermSource


def pfe_strength(
    parts: Sequence[Comparable], source: TermSource, base: Parameters, grid: Grid, tick: Tick = silent
) -> float:
    """Return the strength of pfe+ida-r whose FNMR is the lowest over the measured rates, 0 where none beats pfe.

    Args:
        parts: faces of the people that tune, by set.
        source: gives the terms.
        base: the parameters of all else.
        grid: the strengths that are tried.
        tick: told the share done.
    """
    strengths = (0.0, *grid.strengths)
    method = METHODS["pfe+ida-r"]
    means = []
    for done, strength in enumerate(strengths, 1):
        logs = []
        for part in parts:
            found = part.compare_by(method, base.changed(pfe_strength=strength), source)
            logs += np.log(smoothed_fnmr(found, measured_fmrs(found.non_mated))).tolist()
        means.append(float(np.mean(logs)) if logs else 0.0)
        tick(done / len(strengths))
    return float(strengths[int(np.argmin(means))])
