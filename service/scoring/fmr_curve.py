"""False-match rate against score, with what is not known of it."""

import math
from dataclasses import dataclass

import numpy as np

from service.arrays import Floats, Floats64

Z95 = 1.96
"""Standard deviations on either side of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class StatedFmr:
    """The false-match rate of a score: how many pairs of different people score at least so much.

    Attributes:
        fmr: the rate, above 0.
        low: lower end of its 95 % interval, that between sets of people included where it is known.
        high: upper end.
        extrapolated: whether it lies beyond what the calibration pairs can show.
        sampling: both ends of the interval by the sampling of people alone.
        between_sets: by what factor, 1 or more, the rate of another set of people may lie on either side besides, with
            95 % confidence; None where one set alone was measured.
    """

    fmr: float
    low: float
    high: float
    extrapolated: bool
    sampling: tuple[float, float]
    between_sets: float | None = None

    @property
    def evidence(self) -> float:
        """-log10 of the rate: 4 where 1 pair of different people in 10,000 scores at least so much."""
        return _evidence(self.fmr)

    @property
    def evidence_interval(self) -> tuple[float, float]:
        """Both ends of its 95 % interval, the lower first."""
        return _evidence(self.high), _evidence(self.low)


def _evidence(fmr: float) -> float:
    # Not -0.0 where every pair scores so much.
    return max(0.0, -math.log10(fmr))


@dataclass(frozen=True, slots=True, eq=False)
class FmrCurve:
    """False-match rate against score: continuous, strictly decreasing from 1 to its floor, and never 0.

    Attributes:
        scores: (m,) float64, increasing; logarithms where the method's scale is "log".
        log10_fmr: (m,) float64, decreasing; straight lines between the knots.
        log10_low: (m,) float64, lower ends of the 95 % intervals by the sampling of people.
        log10_high: (m,) float64, upper ends.
        shown_down_to: the smallest rate that the calibration pairs show; below it, the curve is extrapolated.
        between_sets: standard deviation of log10 of the rate between sets of people; None where it is not known.
    """

    scores: Floats64
    log10_fmr: Floats64
    log10_low: Floats64
    log10_high: Floats64
    shown_down_to: float
    between_sets: float | None = None

    def at(self, score: float) -> StatedFmr:
        """Return the rate of a score on the curve's own scale; beyond the last knot it stays at the floor."""
        log_fmr, log_low, log_high = (
            float(np.interp(score, self.scores, values)) for values in (self.log10_fmr, self.log10_low, self.log10_high)
        )
        below, above = max(0.0, log_fmr - log_low), max(0.0, log_high - log_fmr)
        other = Z95 * (self.between_sets or 0.0)
        fmr = 10.0**log_fmr
        return StatedFmr(
            fmr=fmr,
            # Who was drawn, and which set they are of, are independent: their spreads add up as squares.
            low=10.0 ** (log_fmr - math.hypot(below, other)),
            high=min(1.0, 10.0 ** (log_fmr + math.hypot(above, other))),
            extrapolated=fmr < self.shown_down_to,
            sampling=(10.0 ** (log_fmr - below), 10.0 ** (log_fmr + above)),
            between_sets=None if self.between_sets is None else 10.0**other,
        )

    def log10_at(self, scores: Floats) -> Floats64:
        """Return log10 of the rates of many scores, of any shape, on the curve's own scale; as ``at`` states them."""
        rates: Floats64 = np.interp(scores, self.scores, self.log10_fmr)
        return rates

    def score_of(self, fmr: float) -> float:
        """Return the score of a rate, on the curve's own scale."""
        return float(np.interp(-math.log10(fmr), -self.log10_fmr, self.scores))
