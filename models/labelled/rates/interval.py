"""A rate with its interval."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the ends of its 95 % interval; both None where it has none."""

    value: float
    low: float | None = None
    high: float | None = None

    def over(self, divisor: float) -> Self:
        """Return all three divided by a number above 0."""
        ends = (None if end is None else end / divisor for end in (self.low, self.high))
        return type(self)(self.value / divisor, *ends)
