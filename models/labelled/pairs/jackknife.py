"""Intervals of false-match rates without drawing: by how much each person moves the rate (infinitesimal jackknife).

The rate is r = R / N over non-mated pairs. Person i moves log r by about

    g_i = (reached pairs of i - r_s * pairs of i) / R,    r_s the rate of i's own set,

and its variance is the sum of g_i^2: a pair counts for both of its people, so the pairs of one person rise and fall
together. Where few people make most of the false matches, that sum itself is uncertain, and too small wherever these
people happen to be missing: Student's t with (sum g^2)^2 / sum g^4 degrees of freedom, and Hall's correction for the
skewness sum g^3 / (sum g^2)^1.5 at the upper end (Hall 1992).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2
from scipy.stats import t as student_t

from models.labelled.pairs.comparisons import Comparisons
from service.arrays import Floats64

_CONFIDENCE = 0.975
# With fewer degrees of freedom than these, t says more of the sum's own noise than of the rate.
_LEAST_FREEDOM = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """Sums over people of how they move the logarithm of rates, by rate; of several sets, they add up.

    Attributes:
        squares: (s,), of g^2: the variance.
        cubes: (s,), of g^3.
        fourths: (s,), of g^4.
    """

    squares: Floats64
    cubes: Floats64
    fourths: Floats64

    @classmethod
    def of(cls, influence: Floats64) -> "Moved":
        """Return the sums of g (u, s)."""
        return cls(np.sum(influence**2, axis=0), np.sum(influence**3, axis=0), np.sum(influence**4, axis=0))

    @classmethod
    def together(cls, parts: Sequence["Moved"]) -> "Moved":
        """Return the sums over the people of several sets, 1 or more."""
        columns = ([part.squares for part in parts], [part.cubes for part in parts], [part.fourths for part in parts])
        return cls(*(np.sum(column, axis=0) for column in columns))

    def widths(self) -> tuple[Floats64, Floats64]:
        """Return how far both ends of the 95 % interval lie from log r, (s,) each and 0 or more."""
        deviation = np.sqrt(self.squares)
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = np.where(self.fourths > 0, self.squares**2 / self.fourths, _LEAST_FREEDOM)
            skewness = np.where(self.squares > 0, self.cubes / self.squares**1.5, 0.0)
        z = student_t.ppf(_CONFIDENCE, np.maximum(freedom, _LEAST_FREEDOM))
        corrected = z + np.maximum(skewness, 0.0) * (2 * z**2 + 1) / 6
        return deviation * z, deviation * corrected


def least_widths(expected: Floats64) -> tuple[Floats64, Floats64]:
    """Return how far both ends of the 95 % interval lie from log r at the least, (s,) each: those of a Poisson count.

    Below some ten false matches a rate is a fitted tail's, and the tail's shape is assumed: the people who were drawn
    tell how its scale varies, and not whether pairs end as it does. As many independent pairs of people as are
    expected to reach the score tell its rate no better than a count of them does (Garwood 1936):

        L = chi2(0.025; 2 n) / 2,    U = chi2(0.975; 2 n + 2) / 2.

    Args:
        expected: (s,) above 0, n: pairs of people, each counted once, times the rate.
    """
    low, high = chi2.ppf(1 - _CONFIDENCE, 2 * expected) / 2, chi2.ppf(_CONFIDENCE, 2 * expected + 2) / 2
    # Far below one pair nothing is known: any rate down to the smallest that is told.
    return np.log(expected / np.maximum(low, expected * 1e-12)), np.log(high / expected)


def moved_counts(found: Comparisons, scores: Floats64, reached: Floats64) -> Moved:
    """Return how people move the log of the rates at some scores.

    Args:
        found: the scored pairs of one set.
        scores: (s,), where all non-mated pairs were kept.
        reached: (s,), above 0: pairs of all sets together that score at least so much.
    """
    kept = len(found.top_scores) - np.searchsorted(found.top_scores[::-1], scores, side="left")
    counts = np.empty((found.people, len(scores)))
    seen, done = np.zeros(found.people, np.int64), 0
    for column in np.argsort(kept):
        seen += np.bincount(found.top_people[done : kept[column]].ravel(), minlength=found.people)
        done = int(kept[column])
        counts[:, column] = seen
    expected = np.outer(found.totals.of_people(), kept / max(1, found.non_mated))
    return Moved.of((counts - expected) / reached)


def moved_tail(found: Comparisons, start: float, pulls: Floats64, exceeding: float, bends: Floats64) -> Moved:
    """Return how people move the log of rates in a fitted tail.

    Args:
        found: the scored pairs of one set.
        start: score above which the tail is fitted.
        pulls: (p,), by how much each of the set's p pairs beyond it moves the log of the tail's scale.
        exceeding: pairs of all sets beyond it, above 0.
        bends: (s,), derivative of the log of each rate by the log of the scale.
    """
    people = found.top_people[found.top_scores > start].ravel()
    many = np.bincount(people, minlength=found.people)
    expected = found.totals.of_people() * (len(pulls) / max(1, found.non_mated))
    pulled = np.bincount(people, np.repeat(pulls, 2), minlength=found.people)
    return Moved.of(((many - expected) / exceeding)[:, None] + np.outer(pulled, bends))
