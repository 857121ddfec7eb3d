"""Strata of pairs: curves from score to false-match rate by how much both pictures show of a face.

A face is in a band by its norm, the length of what the backbone gave, which is known of every picture; a pair is in the
stratum of its two bands. What a score means differs between strata: strangers in poor pictures are more alike.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from service.arrays import Floats, Ints
from service.scoring.fmr_curve import FmrCurve
from service.scoring.llr_interval import LlrLine

BAND_NAMES = ("poor", "fair", "good", "best")
"""Names of the bands, the poorest first; of fewer bands, the last is the best all the same."""

Norms = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """Pairs of two bands, and what their scores mean.

    Attributes:
        bands: the poorer and the better band, numbered from 0.
        curve: false-match rate against score.
        pairs: how many pairs of different people it rests on.
        people: how many people are in them.
        llr: what stated log-likelihood ratios are worth in them; None by other methods, and where they do not tell.
    """

    bands: tuple[int, int]
    curve: FmrCurve
    pairs: int
    people: int
    llr: LlrLine | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """All strata of one method.

    Attributes:
        cuts: norms that part the bands, ascending, 1 to 3; a norm at a cut is in the better band.
        strata: by both bands, every one with the poorer band first.
    """

    cuts: tuple[float, ...]
    strata: Mapping[tuple[int, int], Stratum]

    def of(self, norms: Norms) -> Stratum | None:
        """Return the stratum of a pair by both norms; None where one is not known."""
        if norms[0] is None or norms[1] is None:
            return None
        poorer, better = sorted(bisect_right(self.cuts, norm) for norm in norms if norm is not None)
        return self.strata[poorer, better]

    def bands_of(self, norms: Floats) -> Ints:
        """Return the bands of faces by their norms, in their shape; -1 for one that is not known, which is 0."""
        return np.where(norms > 0, np.searchsorted(self.cuts, norms, side="right"), -1)

    def name(self, stratum: Stratum) -> str:
        """Return what a stratum is called, such as "poor-good"."""
        names = band_names(len(self.cuts) + 1)
        return "-".join(names[band] for band in stratum.bands)


def band_names(bands: int) -> tuple[str, ...]:
    """Return the names of so many bands, 2 to 4."""
    return (*BAND_NAMES[: bands - 1], BAND_NAMES[-1])


def pairs_of_bands(bands: int) -> tuple[tuple[int, int], ...]:
    """Return all strata of so many bands, the poorer band of each first."""
    return tuple((poorer, better) for poorer in range(bands) for better in range(poorer, bands))
