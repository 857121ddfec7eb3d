"""How crowded a face's neighbourhood is: the density F of its support set, and what people read of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from service.arrays import Floats64


@dataclass(frozen=True, slots=True)
class FaceDensities:
    """Densities of n faces.

    Attributes:
        log_density: (n,) float64, log F.
        density: (n,) float64, the paper's F; lower is more crowded.
        crowding: (n,) float64, soft mean of the support similarities (cosine units); higher is more crowded.
    """

    log_density: Floats64
    density: Floats64
    crowding: Floats64


def log_density(support_similarities: ArrayLike, tau: float) -> Floats64:
    """Return the log of the density of each face's support set.

    Args:
        support_similarities: (n, k), similarities of n faces to the k anchors nearest to each, in any order.
        tau: inverse temperature, above 0.

    Returns:
        (n,) float64; lower is more crowded.
    """
    scaled = tau * np.asarray(support_similarities, dtype=np.float64)
    largest = np.max(scaled, axis=1, keepdims=True)
    # Eq. 4: F = 1 / sum_i exp(tau * s_i), the largest term taken out of the sum so that no tau overflows it.
    log_f: Floats64 = -(largest[:, 0] + np.log(np.sum(np.exp(scaled - largest), axis=1)))
    return log_f


def crowding(log_densities: ArrayLike, *, k: int, tau: float) -> Floats64:
    """Return log(1 / (k F)) / tau: a soft mean of the k support similarities, comparable across k.

    Args:
        log_densities: (n,), log F of support sets of k anchors.
        k: anchors in each support set.
        tau: inverse temperature that gave the densities.

    Returns:
        (n,) float64 in cosine units; higher is more crowded.
    """
    soft_mean: Floats64 = -(np.asarray(log_densities, dtype=np.float64) + np.log(k)) / tau
    return soft_mean


def face_densities(support_similarities: ArrayLike, tau: float) -> FaceDensities:
    """Return the densities of faces from their support similarities (n, k)."""
    similarities = np.asarray(support_similarities, dtype=np.float64)
    log_f = log_density(similarities, tau)
    return FaceDensities(
        log_density=log_f,
        density=np.exp(log_f),
        crowding=crowding(log_f, k=similarities.shape[1], tau=tau),
    )
