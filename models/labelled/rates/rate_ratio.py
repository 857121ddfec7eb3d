"""Whether a stated false-match rate holds on some people: how many times the stated rate is observed there."""

from dataclasses import dataclass
from typing import Literal

from models.labelled.rates.interval import Interval

Verdict = Literal["higher", "lower", "as_stated", "undecided"]

FACTOR = 2.0
"""A rate is as stated if its whole interval is within this factor of the stated one."""


@dataclass(frozen=True, slots=True)
class RateRatio(Interval):
    """Observed over stated false-match rate, 1 where they are equal.

    The stated rate is taken as the promise that it is; the interval is that of the observed one.
    """

    @property
    def verdict(self) -> Verdict:
        """Whether the whole interval is above 1, below 1, or within a factor of 2 of it; undecided otherwise."""
        if self.low is None or self.high is None:
            return "undecided"
        if self.low > 1:
            return "higher"
        if self.high < 1:
            return "lower"
        return "as_stated" if self.low >= 1 / FACTOR and self.high <= FACTOR else "undecided"


def rate_ratio(stated: float, observed: Interval) -> RateRatio:
    """Return how many times a stated false-match rate (above 0) is observed."""
    return RateRatio(observed.value, observed.low, observed.high).over(stated)


_VERDICTS: dict[Verdict, str] = {
    "higher": "higher than stated",
    "lower": "lower than stated",
    "as_stated": f"as stated, within a factor of {FACTOR:g}",
    "undecided": "undecided: too few pairs to tell",
}


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict in words."""
    return _VERDICTS[verdict]


def ratio_text(ratio: RateRatio) -> str:
    """Return how many times the stated rate is observed, its interval in brackets."""
    return ratio.text(lambda value: times_text(value, 3), times_text)


def times_text(value: float, digits: int = 2) -> str:
    """Return a ratio with so many digits, a large one as a whole number."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.{digits}g}"
