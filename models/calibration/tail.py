"""The tail of the non-mated scores: a generalised Pareto distribution of what exceeds a high score."""

from dataclasses import dataclass

import numpy as np

from service.arrays import Floats64

# Shape over scale, in units of the mean exceedance: fine enough that the likelihood is flat between neighbours.
_RATIOS = np.concatenate([[0.0], np.geomspace(1e-3, 20.0, 240)])

# Scales in units of the mean exceedance, which is that of an exponential and more than that of any heavier tail.
_SCALES = np.geomspace(0.05, 3.0, 400)


@dataclass(frozen=True, slots=True)
class Tail:
    """Tails of one or more fits.

    Attributes:
        scale: (...,) above 0.
        shape: (...,) 0 or more; 0 is the exponential distribution.
    """

    scale: Floats64
    shape: Floats64

    def log_survival(self, exceedance: Floats64) -> Floats64:
        """Return the log of the share of exceedances that are at least so much, broadcast against the fits."""
        ratio = np.asarray(exceedance) / self.scale
        with np.errstate(divide="ignore", invalid="ignore"):
            heavy = -np.log1p(self.shape * ratio) / self.shape
        return np.where(self.shape > 0, heavy, -ratio)

    def pulls(self, exceedances: Floats64) -> Floats64:
        """Return by how much each of the n exceedances of one fit moves the log of its scale, (n,), the shape held."""
        ratio = exceedances / self.scale
        # Score over information: the derivative of the log density by log scale, and 1 / (1 + 2 shape) of each.
        score = (1 + self.shape) * ratio / (1 + self.shape * ratio) - 1
        pulled: Floats64 = score * (1 + 2 * self.shape) / len(exceedances)
        return pulled

    def bends(self, exceedances: Floats64) -> Floats64:
        """Return the derivatives of the log survival of one fit by the log of its scale, at exceedances (s,)."""
        ratio = exceedances / self.scale
        bent: Floats64 = ratio / (1 + self.shape * ratio)
        return bent

    def exceedance(self, log_survival: Floats64) -> Floats64:
        """Return the exceedance that so large a share exceeds: the inverse of ``log_survival``."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            heavy = np.expm1(-self.shape * np.asarray(log_survival)) / self.shape
        return self.scale * np.where(self.shape > 0, heavy, -np.asarray(log_survival))


def fit_tail(exceedances: Floats64, weights: Floats64) -> Tail:
    """Return the tails of greatest likelihood among those of shape 0 or more.

    Cosines are bounded, so the true tail is no heavier than exponential unless labels are wrong; a shape below 0 would
    state the rate 0 beyond some score, and is never fitted. The exponential is what remains then: it errs to the safe
    side.

    Args:
        exceedances: (n,) above 0, by how much scores exceed the start of the tail.
        weights: (b, n), how much each counts in each of b fits; no row all zero.

    Returns:
        Scales and shapes, (b,) each.
    """
    mean = float(np.mean(exceedances))
    total = np.sum(weights, axis=1)
    # Profile likelihood (Grimshaw 1993): given theta = shape / scale, the best shape is the mean of log(1 + theta y).
    logs = np.log1p(np.outer(_RATIOS / mean, exceedances))
    shapes = (weights @ logs.T) / total[:, None]
    own_mean = (weights @ exceedances) / total
    with np.errstate(divide="ignore", invalid="ignore"):
        scales = np.where(_RATIOS > 0, shapes * mean / _RATIOS, own_mean[:, None])
    likelihood = -np.log(scales) - shapes - 1
    best = np.argmax(likelihood, axis=1)
    rows = np.arange(len(weights))
    return Tail(scale=scales[rows, best], shape=shapes[rows, best])


def fit_scale(exceedances: Floats64, shape: float) -> Tail:
    """Return the tail of greatest likelihood among those of a given shape.

    Few exceedances do not tell the shape of their tail: it is taken from many others that are like them.

    Args:
        exceedances: (n,) above 0.
        shape: 0 or more.

    Returns:
        Its scale and shape, (1,) each.
    """
    mean = float(np.mean(exceedances))
    # log density of a generalised Pareto distribution: -log(scale) - (1 + 1/shape) log(1 + shape y / scale)
    scale = mean
    if shape > 0:
        tried = mean * _SCALES
        likelihood = -np.log(tried) - (1 + 1 / shape) * np.mean(np.log1p(shape * exceedances[:, None] / tried), axis=0)
        scale = float(tried[np.argmax(likelihood)])
    return Tail(scale=np.array([scale]), shape=np.array([shape]))
