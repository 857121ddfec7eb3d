"""How sure a stated log-likelihood ratio is: what people of the calibration say of it, with its interval.

The ratios of a network are tried on people that it never saw: by a straight line, of greatest likelihood where both
kinds of pairs weigh alike, the true ratio of pairs of which s is stated is

    L(s) = offset + slope s,    var L(s) = v_oo + 2 v_os s + v_ss s^2,

where v is what the drawing of the people makes of both, and the difference between sets besides.
"""

import math
from dataclasses import dataclass

from service.scoring.fmr_curve import Z95


@dataclass(frozen=True, slots=True)
class LlrLine:
    """What the stated ratios of some pairs are worth.

    Attributes:
        offset: the true ratio, natural logarithm, where 0 is stated.
        slope: by how much it rises with the stated one, above 0.
        offset_variance: of ``offset``, as the drawing of the people makes it.
        slope_variance: of ``slope``.
        covariance: of both.
        between_sets: variance of the true ratio between sets of people besides; None where one set alone was measured.
    """

    offset: float
    slope: float
    offset_variance: float
    slope_variance: float
    covariance: float
    between_sets: float | None = None

    def interval(self, llr: float) -> tuple[float, float]:
        """Return both ends of the 95 % interval of the true ratio where ``llr`` is stated.

        It is that of the line, and reaches out to the stated ratio where the people say that this is off: what is
        stated always lies in it.
        """
        variance = self.offset_variance + 2 * self.covariance * llr + self.slope_variance * llr**2
        half = Z95 * math.sqrt(max(0.0, variance) + (self.between_sets or 0.0))
        told = self.offset + self.slope * llr
        return min(told - half, llr), max(told + half, llr)
