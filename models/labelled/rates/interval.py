"""A rate with its interval."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the ends of its 95 % interval; both None where it has none."""

    value: float
    low: float | None = None
    high: float | None = None

    def text(self, value: Callable[[float], str], end: Callable[[float], str] | None = None) -> str:
        """Return it in words, its ends in brackets; numbers are written by ``value``, the ends by ``end`` if given."""
        if self.low is None or self.high is None:
            return value(self.value)
        written = end or value
        return f"{value(self.value)} [{written(self.low)}, {written(self.high)}]"

    def over(self, divisor: float) -> Self:
        """Return all three divided by a number above 0."""
        ends = (None if end is None else end / divisor for end in (self.low, self.high))
        return type(self)(self.value / divisor, *ends)
