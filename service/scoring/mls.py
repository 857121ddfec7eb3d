"""The mutual likelihood score of uncertain embeddings (PFE), on the scale of the cosine."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating]

# Values of one pair times pairs that are computed at once; beyond it, dimension by dimension.
_AT_ONCE = 1 << 20


def mutual_likelihood(
    probe_means: ArrayLike,
    reference_means: ArrayLike,
    probe_log_variances: ArrayLike,
    reference_log_variances: ArrayLike,
) -> Floats:
    """Return the log-likelihood that both sides of each pair are one point.

    All four arrays have d values along the last axis and need only broadcast against each other in the others, so that
    a whole block of pairs is one call.

    Args:
        probe_means: (..., d), unit norm.
        reference_means: (..., d), unit norm.
        probe_log_variances: (..., d), log sigma^2 of each value.
        reference_log_variances: (..., d).

    Returns:
        (...) float; higher is more alike.
    """
    means = np.asarray(probe_means), np.asarray(reference_means)
    variances = np.exp(np.asarray(probe_log_variances)), np.exp(np.asarray(reference_log_variances))
    shape = np.broadcast_shapes(means[0].shape, means[1].shape, variances[0].shape, variances[1].shape)
    dimension = shape[-1]
    # Shi and Jain 2019, Eq. 3: -1/2 sum [(mu1 - mu2)^2 / (v1 + v2) + log(v1 + v2)] - d/2 log(2 pi).
    if np.prod(shape) <= _AT_ONCE:
        summed = np.sum(_of_values(*means, *variances), axis=-1)
    else:
        summed = np.zeros(shape[:-1], dtype=np.result_type(*means, *variances))
        for value in range(dimension):
            summed += _of_values(*(array[..., value] for array in (*means, *variances)))
    likelihood: Floats = -0.5 * summed - 0.5 * dimension * np.log(2 * np.pi)
    return likelihood


def pfe_similarity(likelihood: Floats, dimension: int, sigma0_squared: Floats) -> Floats:
    """Return mutual likelihoods on the scale of the cosine, which a head of constant variance gives exactly.

    Args:
        likelihood: as ``mutual_likelihood`` gives it.
        dimension: d.
        sigma0_squared: the variance at which the scale is the cosine's; broadcasts against ``likelihood``.
    """
    # s = 1 + 2 sigma0^2 (MLS + d/2 log(4 pi sigma0^2)): with all variances sigma0^2, 1 - |mu1 - mu2|^2 / 2.
    similarity: Floats = 1 + 2 * sigma0_squared * (likelihood + 0.5 * dimension * np.log(4 * np.pi * sigma0_squared))
    return similarity


def _of_values(mean: Floats, other_mean: Floats, variance: Floats, other_variance: Floats) -> Floats:
    summed = variance + other_variance
    difference = mean - other_mean
    found: Floats = difference * difference / summed + np.log(summed)
    return found
