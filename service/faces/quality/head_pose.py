"""How a head is turned, from five landmarks, and what that is worth."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from service.arrays import Floats32, Floats64

# A mean face in distances between its eyes, (x, y, depth towards the camera): the eyes, the tip of the nose, the
# corners of the mouth. x and y are the mean of what landmark networks find on frontal faces (eyes to mouth 1.04 to
# 1.15). With a nose of 0.5 the distance of turned faces' eyes shrinks as the cosine of the yaw that is found.
_MEAN_FACE: Final = (
    (-0.5, 0.0, 0.0),
    (0.5, 0.0, 0.0),
    (0.0, 0.59, 0.5),
    (-0.42, 1.08, 0.05),
    (0.42, 1.08, 0.05),
)


@dataclass(frozen=True, slots=True)
class HeadAngles:
    """How a head is turned against one that faces the camera upright, in radians.

    Attributes:
        yaw: to the side.
        pitch: up or down.
        roll: within the picture, clockwise above 0.
    """

    yaw: float
    pitch: float
    roll: float


def head_angles(landmarks: Floats32) -> HeadAngles:
    """Return how a head is turned, by the rotation that brings a mean face nearest to its landmarks.

    The camera is taken to be far away (weak perspective). One person's nose is longer than another's: an angle is good
    to some 10 degrees. Beyond 60 degrees landmarks of a far eye are guesses, and so is this.

    Args:
        landmarks: (5, 2), (x, y) in pixels.
    """
    # The affine camera of least squares, and the rotation nearest to it whatever its scale.
    left, _, right = np.linalg.svd(landmarks.T @ _solution(), full_matrices=False)
    across, down = (left @ right).tolist()
    x, y, z = (across[i] * down[j] - across[j] * down[i] for i, j in ((1, 2), (2, 0), (0, 1)))
    # The rotation is roll after yaw after pitch, as OFIQ takes one apart.
    return HeadAngles(
        yaw=math.asin(min(max(-x, -1.0), 1.0)), pitch=math.atan2(y, z), roll=math.atan2(down[0], across[0])
    )


@cache
def _solution() -> Floats64:
    """Return what takes landmarks (2, 5), wherever they lie, to the camera (2, 3) that sees the mean face so."""
    model = np.array(_MEAN_FACE)
    return np.linalg.pinv(model - model.mean(axis=0)).T


def pose_score(angle: float) -> float:
    """Return 100 cos^2 of an angle in radians; 0 from a right angle on, where OFIQ's would rise again."""
    return 100 * max(math.cos(angle), 0.0) ** 2
