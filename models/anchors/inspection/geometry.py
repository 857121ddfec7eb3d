"""How a set of embeddings lies on the sphere: how alike its pairs are, and in how many directions it spreads."""

from dataclasses import dataclass

import numpy as np

from models.anchors.rows import AnchorRows, mean_pair_cosine
from service.arrays import Floats32, Floats64

_BLOCK = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """How embeddings lie on the sphere.

    Attributes:
        mean_pair_cosine: mean similarity of two different ones.
        effective_dimension: number of equally used directions that would spread them as much.
        variances: (d,) float64, share of the variance along each principal direction, largest first.
    """

    mean_pair_cosine: float
    effective_dimension: float
    variances: Floats64


def geometry(embeddings: Floats32) -> Geometry:
    """Return how embeddings (n, d) of unit norm, n >= 2, lie on the sphere."""
    mean = np.mean(embeddings, axis=0, dtype=np.float64)
    covariance = np.zeros((embeddings.shape[1], embeddings.shape[1]))
    for start in range(0, len(embeddings), _BLOCK):
        centred = embeddings[start : start + _BLOCK] - mean
        covariance += centred.T @ centred
    values = np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0.0)
    total = float(values.sum())
    # The participation ratio: d for equal variances, 1 where all of it lies in one direction.
    effective = total**2 / float(values @ values) if total > 0 else 0.0
    shares = values / total if total > 0 else values
    return Geometry(mean_pair_cosine(AnchorRows.all_of(embeddings)), effective, shares)
