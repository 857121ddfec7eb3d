"""The subspace that an anchor set lies in: a backbone of 512 outputs may use a third as many dimensions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.arrays import Floats32

# Enough to know the directions; whatever else lies outside is measured, not assumed.
_SAMPLED_ROWS = 4096
# Share of the squared norm, over the whole sample, that may lie outside.
_OUTSIDE = 2e-4
# The kernel that multiplies takes so many values at a time.
_MULTIPLE = 16


def subspace_of(anchors: Floats32) -> Floats32:
    """Return an orthonormal basis (d, r) of the subspace in which almost all of each anchor's squared norm lies.

    Its directions are turned at random, always in the same way, so that no coordinate is larger than the others as a
    rule: rounding with one step for all then costs the least.

    Args:
        anchors: (n, d) float32, unit norm.
    """
    dimension = anchors.shape[1]
    sample = anchors[:: max(1, len(anchors) // _SAMPLED_ROWS)][:_SAMPLED_ROWS]
    energies, directions = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    outside = np.cumsum(energies)  # ascending: the first i+1 directions left out lose outside[i]
    needed = dimension - int(np.searchsorted(outside, _OUTSIDE * outside[-1], side="right"))
    rank = min(dimension, -(-needed // _MULTIPLE) * _MULTIPLE)
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((rank, rank)))
    basis: NDArray[Any] = directions[:, dimension - rank :] @ turn
    return np.ascontiguousarray(basis, dtype=np.float32)
