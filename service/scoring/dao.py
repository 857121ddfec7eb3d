"""The Discrepancy Alignment Operator: a pair's similarity, lowered where its faces sit among many others."""

import numpy as np
from numpy.typing import ArrayLike

from service.arrays import Floats, Floats64

_LARGEST_LOG = float(np.log(np.finfo(np.float64).max))


def log_dao(
    similarity: ArrayLike,
    log_density_probe: ArrayLike,
    log_density_reference: ArrayLike,
    *,
    tau: float,
    strength: float,
) -> Floats:
    """Return the log of each pair's DAO score, the same to the bit with its sides swapped.

    The three arrays need only broadcast against each other; the result has their common float type, so that float32
    terms keep a large block of pairs in float32.

    Args:
        similarity: (n,) in [-1, 1].
        log_density_probe: (n,), log F of the probes.
        log_density_reference: (n,), log F of the references.
        tau: inverse temperature, above 0; the one that gave the densities.
        strength: exponent of the summed densities; 1 is the paper's Eq. 4.

    Returns:
        (n,) float; higher is more alike.
    """
    summed = np.logaddexp(np.asarray(log_density_probe), np.asarray(log_density_reference))
    # Eq. 4, its sum of densities raised to the strength: exp(tau * s) * (F1 + F2)^a.
    log_score: Floats = tau * np.asarray(similarity) + strength * summed
    return log_score


def dao(
    similarity: ArrayLike,
    log_density_probe: ArrayLike,
    log_density_reference: ArrayLike,
    *,
    tau: float,
    strength: float,
) -> Floats64:
    """Return each pair's DAO score; arguments as for ``log_dao``, result as ``to_score`` says."""
    return to_score(log_dao(similarity, log_density_probe, log_density_reference, tau=tau, strength=strength))


def to_score(log_score: ArrayLike) -> Floats64:
    """Return the scores of log-scores.

    Returns:
        (n,) float64, 0 or more; higher is more alike. A large tau or strength may exceed the float64 range: the score
        then stays at its end, where only the log-score still tells pairs apart.
    """
    score: Floats64 = np.exp(np.minimum(np.asarray(log_score, dtype=np.float64), _LARGEST_LOG))
    return score
