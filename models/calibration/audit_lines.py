"""What a service's audit log says of the pairs that it scored: stated rates, qualities and reasons, no faces."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from service.arrays import Floats64

MARK = b'"event"'
"""In every line of an audit log."""

_MOST_INPUTS = 64
_Code = Annotated[str, Field(max_length=64)]


class _Picture(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    quality: Annotated[float, Field(ge=0, le=100)] | None = None


class _Input(_Picture):
    pictures: Annotated[list[_Picture], Field(max_length=_MOST_INPUTS)] = []


class _Reason(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    image: _Code
    code: _Code


class AuditLine(BaseModel):
    """What is read of a line; the rest is passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)

    event: Literal["verify", "embed"]
    anchor_set_id: _Code | None
    method: _Code | None = None
    fmr_at_score: Annotated[float, Field(gt=0, le=1)] | None = None
    reasons: Annotated[list[_Reason], Field(max_length=_MOST_INPUTS)] = []
    inputs: dict[Literal["probe", "reference", "image"], _Input]


@dataclass(slots=True)
class AuditedPairs:
    """What an audit log says of one anchor set's faces.

    Attributes:
        pairs: that the calibration held for.
        unstated: pairs that it did not hold for: of other inputs, by other methods or parameters.
        rates: by method, the stated false-match rates of the pairs' scores; none of a pair with a doubted face.
        qualities: unified qualities of the pairs' faces, and of those that were embedded.
        judged: faces of the pairs of one picture and another.
        doubted: how many of these had each reason, by its code.
    """

    pairs: int = 0
    unstated: int = 0
    rates: dict[str, "array[float]"] = field(default_factory=dict)
    qualities: "array[float]" = field(default_factory=lambda: array("d"))
    judged: int = 0
    doubted: Counter[str] = field(default_factory=Counter)

    def add(self, line: AuditLine) -> None:
        """Take a line of the anchor set."""
        if line.event == "verify":
            if line.fmr_at_score is None and not line.reasons:
                self.unstated += 1
                return
            self.pairs += 1
            if line.fmr_at_score is not None and line.method is not None:
                self.rates.setdefault(line.method, array("d")).append(line.fmr_at_score)
            if not any(found.pictures for found in line.inputs.values()):
                self.judged += len(line.inputs)
                self.doubted.update(code for _, code in {(reason.image, reason.code) for reason in line.reasons})
        for found in line.inputs.values():
            for picture in found.pictures or (found,):
                if picture.quality is not None:
                    self.qualities.append(picture.quality)

    def stated(self, method: str) -> Floats64:
        """Return the stated rates (n,) of the scores by a method."""
        return np.array(self.rates.get(method, ()), dtype=np.float64)
