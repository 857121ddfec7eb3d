"""Scores of faces nobody named, as a mixture: an exponential tail of strangers, one person's pairs above it."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from service.arrays import Floats64

_MOST_ITERATIONS = 300
_CONVERGED = 1e-3
_LEAST_ITERATIONS = 5
# Where between the start and the highest score the mated pairs are first looked for.
_PLACES = (0.3, 0.45, 0.6, 0.75, 0.9)
_FIRST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Mixture:
    """A mixture of two kinds of pairs beyond a score.

    Attributes:
        start: the score; the mixture is that of what lies above it.
        share: of the mated pairs among these, from 0 to 1.
        scale: mean exceedance of the non-mated ones, above 0.
        mean: of the mated pairs' scores, were all of them seen.
        spread: their standard deviation, the scale at least.
        log_likelihood: of the scores that it was fitted to.
    """

    start: float
    share: float
    scale: float
    mean: float
    spread: float
    log_likelihood: float

    def non_mated_beyond(self, scores: Floats64, pairs: int) -> Floats64:
        """Return how many of so many pairs above the start are expected to be non-mated and score at least so much."""
        expected: Floats64 = (1 - self.share) * pairs * np.exp(-(scores - self.start) / self.scale)
        return expected

    def mated_probability(self, scores: Floats64, below: float = np.inf) -> Floats64:
        """Return how likely each pair is mated, (n,); mated pairs from ``below`` on are known not to be among them."""
        _, probability = _expected(scores, self, below)
        return probability


def fit_mixture(scores: Floats64, start: float, near: Mixture | None = None) -> Mixture | None:
    """Return the likeliest mixture of those found from several beginnings (expectation maximisation).

    Args:
        scores: (n,) above the start.
        start: from where on the non-mated scores are taken for exponential.
        near: a mixture beyond a lower start, which is one of the beginnings.

    Returns:
        None where no group of mated pairs holds itself from any beginning.
    """
    spare, top = float(np.mean(scores - start)), float(scores.max() - start)
    firsts = [Mixture(start, _FIRST_SHARE, spare, start + p * top, max(spare, p * top / 4), 0.0) for p in _PLACES]
    if near is not None:
        firsts.append(Mixture(start, min(0.9, max(1e-6, 2 * near.share)), near.scale, near.mean, near.spread, 0.0))
    found = [mixture for first in firsts if (mixture := _maximised(scores, first)) is not None]
    return max(found, key=lambda mixture: mixture.log_likelihood, default=None)


def share_left(scores: Floats64, mixture: Mixture, below: float) -> Mixture:
    """Return the mixture of what is left of its pairs once those that are surely mated are gone.

    Args:
        scores: (n,), what is left.
        mixture: of all; where its mated pairs lie is kept, and how many of them are left is found.
        below: those that are gone scored at least so much.
    """
    first = float(np.clip(np.mean(mixture.mated_probability(scores, below)), 1e-4, 0.999))
    begun = Mixture(mixture.start, first, mixture.scale, mixture.mean, mixture.spread, 0.0)
    return _maximised(scores, begun, below) or begun


def exponential_log_likelihood(scores: Floats64, start: float) -> float:
    """Return the log likelihood of scores above a start where all are non-mated: what a mixture has to beat."""
    mean = float(np.mean(scores - start))
    return -len(scores) * (math.log(mean) + 1)


def _maximised(scores: Floats64, first: Mixture, below: float = np.inf) -> Mixture | None:
    exceedances = scores - first.start
    mixture = first
    for iteration in range(_MOST_ITERATIONS):
        total, mated = _expected(scores, mixture, below)
        if iteration > _LEAST_ITERATIONS and abs(total - mixture.log_likelihood) < _CONVERGED:
            break
        count = float(np.sum(mated))
        scale = float(np.sum((1 - mated) * exceedances)) / max(len(scores) - count, 1e-9)
        mean, spread = mixture.mean, mixture.spread
        if np.isinf(below):
            if count < 1:
                return None
            mean = float(np.sum(mated * scores)) / count
            # Without a floor one pair alone would be a group without any spread, of infinite likelihood.
            spread = max(float(np.sqrt(np.sum(mated * (scores - mean) ** 2) / count)), scale)
        share = float(np.clip(count / len(scores), 1e-9, 0.999))
        mixture = Mixture(first.start, share, scale, mean, spread, total)
    return mixture


def _expected(scores: Floats64, mixture: Mixture, below: float) -> tuple[float, Floats64]:
    """Return the log likelihood of scores, and how likely each is of a mated pair."""
    # f(s) = (1 - w) exp(-(s - u) / b) / b + w N(s; m, t) / P(u < N < below).
    non_mated = np.log1p(-mixture.share) - np.log(mixture.scale) - (scores - mixture.start) / mixture.scale
    z = (scores - mixture.mean) / mixture.spread
    low, high = (mixture.start - mixture.mean) / mixture.spread, (below - mixture.mean) / mixture.spread
    seen = np.exp(log_ndtr(high)) - np.exp(log_ndtr(low)) if np.isfinite(high) else np.exp(log_ndtr(-low))
    mated = np.log(mixture.share) - 0.5 * z**2 - np.log(mixture.spread * np.sqrt(2 * np.pi)) - np.log(max(seen, 1e-12))
    mated = np.where(scores < below, mated, -np.inf)
    both = np.logaddexp(non_mated, mated)
    return float(np.sum(both)), np.exp(mated - both)
