"""Quarter turns of a picture, and the way back of what was found in a turned one."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from service.arrays import Floats32, ImageArray
from service.faces.types import Box, DetectedFace

QUARTER_TURNS = (1, 2, 3)
"""The turns, in quarters anticlockwise, besides none."""

QUARTER = math.pi / 2
"""A quarter of a turn in radians."""


def turned(image: ImageArray, quarters: int) -> ImageArray:
    """Return a picture turned anticlockwise by some quarters."""
    return image if quarters % 4 == 0 else np.ascontiguousarray(np.rot90(image, quarters))


def turned_back(face: DetectedFace, quarters: int, size: tuple[int, int]) -> DetectedFace:
    """Return a face of a turned picture in pixels of the picture as it was.

    Args:
        face: in pixels of the turned picture; its landmarks keep their order, that of the upright face.
        quarters: by how many quarters anticlockwise the picture was turned.
        size: (width, height) of the picture as it was.
    """
    box, landmarks = face.box, face.landmarks
    for right in _right_edges(quarters, size):
        box = Box(right - box.bottom, box.left, right - box.top, box.right)
    if landmarks is not None:
        landmarks = points_turned_back(landmarks, quarters, size)
    return replace(face, box=box, landmarks=landmarks, roll=math.remainder(face.roll + quarters * QUARTER, math.tau))


def points_turned_back(points: Floats32, quarters: int, size: tuple[int, int]) -> Floats32:
    """Return points (n, 2) of a turned picture in pixels of the picture as it was; see ``turned_back``."""
    for right in _right_edges(quarters, size):
        # Whole coordinates of points are centres of pixels, a box's edges are edges of pixels.
        points = np.stack([right - 1 - points[:, 1], points[:, 0]], axis=1)
    return points.astype(np.float32)


def _right_edges(quarters: int, size: tuple[int, int]) -> list[int]:
    # A quarter anticlockwise brought the picture's right edge to the top.
    return [size[0] if quarter % 2 else size[1] for quarter in range(quarters % 4, 0, -1)]


def clockwise_degrees(quarters: int) -> Literal[0, 90, 180, 270]:
    """Return by how many degrees clockwise some quarters anticlockwise turn."""
    degrees: tuple[Literal[0, 90, 180, 270], ...] = (0, 270, 180, 90)
    return degrees[quarters % 4]
