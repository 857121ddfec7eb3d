"""The operations of a recipe on where the face is thought to be: the detector's box, and the landmarks within it."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from models.degrade.operations import Operation
from models.degrade.photograph import Photograph
from models.degrade.ranges import Range, within
from service.arrays import Floats32
from service.faces.types import Box

_LEAST_SIDE = 8.0
_TRIES = 1000


class Misplace(Operation):
    """Moves and resizes the box, as a detector does that takes a part of a face, or what is beside it, for the face.

    The landmarks are then located in that box, with the errors that the landmark network makes there.

    Attributes:
        offset: standard deviation of the centre's move along each axis, as a share of the face's longer side.
        limit: longer moves are drawn again.
        size: the new longer side, as a share of the old one.
        aspect: width of the new box over its height.
    """

    kind: Literal["misplace"]
    offset: float = Field(ge=0, le=2)
    limit: float = Field(gt=0, le=4)
    size: Annotated[Range, within(0.05, 10)]
    aspect: Annotated[Range, within(0.1, 10)]

    def apply(self, photograph: Photograph, generator: np.random.Generator) -> Photograph:
        """Return the photograph with its box misplaced; it stays where less than 8 pixels of the new one are inside."""
        side, (x, y) = photograph.side, photograph.box.centre
        move_x, move_y = self._move(generator) * side
        tall = side * self.size.draw(generator)
        wide = tall * self.aspect.draw(generator)
        rows, columns = photograph.pixels.shape[:2]
        left, right = np.clip((x + move_x - wide / 2, x + move_x + wide / 2), 0, columns)
        top, bottom = np.clip((y + move_y - tall / 2, y + move_y + tall / 2), 0, rows)
        if right - left < _LEAST_SIDE or bottom - top < _LEAST_SIDE:
            return photograph
        return photograph.with_box(Box(float(left), float(top), float(right), float(bottom)))

    def _move(self, generator: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        for _ in range(_TRIES):
            move = self.offset * generator.standard_normal(2)
            if np.hypot(*move) <= self.limit:
                return move
        return np.zeros(2)


class Drift(Operation):
    """Moves each landmark by itself.

    Attributes:
        amount: standard deviation of a landmark's move along each axis, as a share of their root mean square distance
            from their middle.
    """

    kind: Literal["drift"]
    amount: Annotated[Range, within(0, 2)]

    def move(self, landmarks: Floats32, generator: np.random.Generator) -> Floats32:
        """Return landmarks (5, 2), each moved."""
        radius = np.sqrt(np.mean(np.sum((landmarks - landmarks.mean(axis=0)) ** 2, axis=1)))
        moves = generator.standard_normal(landmarks.shape) * self.amount.draw(generator) * radius
        return np.asarray(landmarks + moves, dtype=np.float32)
