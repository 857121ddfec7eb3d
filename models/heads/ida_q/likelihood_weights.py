"""The weights of a likelihood network, and what it and a pair's equation give, in NumPy."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from service.arrays import Floats, Floats64

OUTPUTS = 4
"""What the network tells of a face: slope, middle, look and offset."""

SPREADS = 5.0
"""A statistic further than so many standard deviations from its mean counts as so far."""


_FIRST_LOOK = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class LikelihoodWeights:
    """A network from d statistics of a face to slope, middle, look and offset; h hidden values beside a straight way.

    Attributes:
        mean: (d,) of the statistics of the faces as they are.
        spread: (d,) their standard deviations, above 0.
        first: (h, d) of the first layer.
        first_bias: (h,) its bias.
        second: (4, h) of the second layer.
        straight: (4, d) of the way past the hidden layer.
        second_bias: (4,) the bias of both.
    """

    mean: Floats64
    spread: Floats64
    first: Floats64
    first_bias: Floats64
    second: Floats64
    straight: Floats64
    second_bias: Floats64

    @property
    def learned(self) -> Floats64:
        """All but the means and spreads in one array (p,), as ``with_learned`` takes them."""
        return np.concatenate([getattr(self, name).ravel() for name in _LEARNED])

    def with_learned(self, values: Floats64) -> Self:
        """Return the same network with other weights (p,)."""
        found, start = {}, 0
        for name in _LEARNED:
            shape = getattr(self, name).shape
            size = int(np.prod(shape))
            found[name] = values[start : start + size].reshape(shape)
            start += size
        return type(self)(self.mean, self.spread, **found)

    def standardised(self, statistics: Floats) -> Floats64:
        """Return statistics (n, d) in standard deviations from their means, within ``SPREADS``."""
        return np.clip((np.asarray(statistics, np.float64) - self.mean) / self.spread, -SPREADS, SPREADS)

    def of_faces(self, statistics: Floats) -> Floats64:
        """Return slope, middle, look and offset (n, 4) of faces by their statistics (n, d)."""
        told = self.standardised(statistics)
        hidden = np.tanh(told @ self.first.T + self.first_bias)
        return hidden @ self.second.T + told @ self.straight.T + self.second_bias


_LEARNED = tuple(field.name for field in fields(LikelihoodWeights) if field.name not in ("mean", "spread"))


def first_weights(statistics: Floats, middle: float, slope: float, hidden: int, seed: int) -> LikelihoodWeights:
    """Return a network to start from, by which every pair has nearly the same slope and middle.

    Args:
        statistics: (n, d) of the faces as they are, which tell the means and spreads.
        middle: the similarity at which the evidence is to be 0.
        slope: of the log-likelihood ratio in the similarity, over ``SLOPE_SCALE``.
        hidden: values between the layers.
        seed: of the draw that tells the hidden values apart.
    """
    draw, inputs = np.random.default_rng(seed), statistics.shape[1]
    spread = np.std(statistics, axis=0)
    return LikelihoodWeights(
        mean=np.asarray(np.mean(statistics, axis=0)),
        # A statistic that all faces share tells nothing, and divides nothing by 0.
        spread=np.where(spread > 0, spread, 1.0),
        first=draw.normal(0.0, 0.5, (hidden, inputs)),
        first_bias=draw.normal(0.0, 0.3, hidden),
        second=draw.normal(0.0, 0.02, (OUTPUTS, hidden)),
        straight=np.zeros((OUTPUTS, inputs)),
        # Half of each, since a pair adds those of its two faces up: the slope before its softplus. The look, whose
        # product a pair takes, may grow from a little and not from nothing.
        second_bias=np.array([np.log(np.expm1(slope)) / 2, middle / 2, _FIRST_LOOK, 0.0]),
    )
