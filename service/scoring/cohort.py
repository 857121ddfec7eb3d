"""Mean and spread of a face's similarities to many anchors, for s-norm and as-norm."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from service.arrays import Floats, Floats32, Floats64
from service.scoring.support import SupportSimilarities

# Keeps a face with equal similarities to every anchor from dividing by zero; spreads are hundredths and more.
LEAST_SPREAD = 1e-6
_BLOCK = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """First and second moments of all anchors: what s-norm needs of them, without comparing a face with each.

    Attributes:
        mean: (d,) float64, the anchors' mean.
        covariance: (d, d) float64, their covariance about it, divided by the count.
        count: number of anchors.
    """

    mean: Floats64
    covariance: Floats64
    count: int

    @classmethod
    def of(cls, anchors: Floats32) -> Self:
        """Return the moments of anchors (n, d), computed by blocks."""
        mean: Floats64 = np.asarray(np.mean(anchors, axis=0, dtype=np.float64))
        rounded_mean, covariance = mean.astype(np.float32), np.zeros((len(mean), len(mean)))
        for start in range(0, len(anchors), _BLOCK):
            # In float32, twice as fast and exact to 1e-7 of the greatest value; the blocks are added up in float64.
            centred = anchors[start : start + _BLOCK] - rounded_mean
            covariance += centred.T @ centred
        return cls(mean, covariance / len(anchors), len(anchors))

    def statistics(self, embeddings: Floats, left_out: SupportSimilarities | None = None) -> tuple[Floats64, Floats64]:
        """Return mean and standard deviation of each face's similarities to all anchors.

        Args:
            embeddings: (n, d), unit norm.
            left_out: tells the anchors that a guard leaves out; None where there is no guard.

        Returns:
            Means (n,) and standard deviations (n,), the latter above 0.
        """
        faces = np.asarray(embeddings, dtype=np.float64)
        mean = faces @ self.mean
        variance = np.einsum("nd,nd->n", faces @ self.covariance, faces)
        if left_out is not None:
            remaining = self.count - left_out.left_out
            # Moments of what remains, from deviations about the full mean so that no digits cancel.
            shift = (left_out.left_out * mean - left_out.left_out_sum) / remaining
            squares = left_out.left_out_squares - 2 * mean * left_out.left_out_sum + left_out.left_out * mean**2
            variance = (self.count * variance - squares) / remaining - shift**2
            mean = mean + shift
        return mean, np.maximum(np.sqrt(np.maximum(variance, 0.0)), LEAST_SPREAD)


def mean_and_spread(similarities: ArrayLike) -> tuple[Floats64, Floats64]:
    """Return mean and standard deviation of each row of similarities (n, m); the latter is above 0."""
    rows = np.asarray(similarities, dtype=np.float64)
    return np.asarray(np.mean(rows, axis=1)), np.maximum(np.std(rows, axis=1), LEAST_SPREAD)
