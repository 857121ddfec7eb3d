"""Ranges of a recipe: numbers between two bounds, drawn evenly, or evenly in the logarithm."""

from typing import Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


class Range(BaseModel):
    """Numbers from ``low`` to ``high``; a recipe may write ``[low, high]`` for a linear one.

    Attributes:
        low: least number.
        high: greatest number.
        scale: "linear" draws evenly, "log" evenly in the logarithm.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        if isinstance(value, list) and len(value) == 2:
            return {"low": value[0], "high": value[1]}
        return value

    @model_validator(mode="after")
    def _bounds_hold(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"a log range must lie above 0, not from {self.low}")
        return self

    def draw(self, generator: np.random.Generator) -> float:
        """Return one of the numbers; takes one number from the generator."""
        at = generator.random()
        if self.scale == "log":
            return float(self.low * (self.high / self.low) ** at)
        return float(self.low + (self.high - self.low) * at)


def within(low: float, high: float) -> AfterValidator:
    """Return the check that a range lies within these bounds."""

    def check(value: Range) -> Range:
        if not low <= value.low <= value.high <= high:
            raise ValueError(f"must lie within {low} and {high}, not from {value.low} to {value.high}")
        return value

    return AfterValidator(check)
