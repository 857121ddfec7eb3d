"""The mutual likelihood score of uncertain embeddings (PFE), on the scale of the cosine."""

import math

import numpy as np
from numpy.typing import ArrayLike

from service.arrays import Floats

# Pairs whose sums grow together: few enough for a processor's cache, which is what the time of a block hangs on.
_PAIRS_AT_ONCE = 1 << 15


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
    given = [
        np.asarray(array) for array in (probe_means, reference_means, probe_log_variances, reference_log_variances)
    ]
    shape = np.broadcast_shapes(*(array.shape for array in given))
    arrays = [np.atleast_2d(array) for array in given]
    several = np.broadcast_shapes(*(array.shape for array in arrays))
    summed = np.empty(several[:-1], dtype=np.result_type(*arrays, np.float32))
    rows = max(1, _PAIRS_AT_ONCE // max(1, math.prod(several[1:-1])))
    for start in range(0, several[0], rows):
        run = slice(start, start + rows)
        summed[run] = _sums(*(_rows(array, run, len(several)) for array in arrays))
    # Shi and Jain 2019, Eq. 3: -1/2 sum [(mu1 - mu2)^2 / (v1 + v2) + log(v1 + v2)] - d/2 log(2 pi).
    likelihood: Floats = -0.5 * summed.reshape(shape[:-1]) - 0.5 * shape[-1] * math.log(2 * math.pi)
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


def _rows(array: Floats, run: slice, dimensions: int) -> Floats:
    """Return the rows of a run where the array has any of its own, and the whole array where all rows share it."""
    shared = array.ndim < dimensions or array.shape[0] == 1
    return array if shared else array[run]


def _sums(mean: Floats, other_mean: Floats, log_variance: Floats, other_log_variance: Floats) -> Floats:
    """Return the sums over the values of pairs."""
    arrays = mean, other_mean, np.exp(log_variance), np.exp(other_log_variance)
    *pairs, dimension = np.broadcast_shapes(*(array.shape for array in arrays))
    total: Floats
    if math.prod(pairs) < dimension:
        total = np.sum(_of_values(*arrays), axis=-1)
        return total
    total = np.zeros(pairs, np.result_type(*arrays))
    by_value = [np.ascontiguousarray(np.moveaxis(array, -1, 0)) for array in arrays]
    for values in zip(*by_value, strict=True):
        total += _of_values(*values)
    return total


def _of_values(mean: Floats, other_mean: Floats, variance: Floats, other_variance: Floats) -> Floats:
    summed = variance + other_variance
    difference = mean - other_mean
    found: Floats = difference * difference / summed + np.log(summed)
    return found
