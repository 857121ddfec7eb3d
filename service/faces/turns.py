"""Quarter turns of a picture, and the way back of what was found in a turned one."""

from dataclasses import replace
from typing import Literal

import numpy as np

from service.arrays import ImageArray
from service.faces.types import Box, DetectedFace

QUARTER_TURNS = (1, 2, 3)
"""The turns, in quarters anticlockwise, besides none."""


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
    width, height = size
    box, landmarks = face.box, face.landmarks
    for quarter in range(quarters % 4, 0, -1):
        # A quarter anticlockwise brought the picture's right edge to the top.
        right = width if quarter % 2 else height
        box = Box(right - box.bottom, box.left, right - box.top, box.right)
        if landmarks is not None:
            # A box's edges are edges of pixels, whole coordinates of points are centres of pixels.
            landmarks = np.stack([right - 1 - landmarks[:, 1], landmarks[:, 0]], axis=1).astype(np.float32)
    return replace(face, box=box, landmarks=landmarks)


def clockwise_degrees(quarters: int) -> Literal[0, 90, 180, 270]:
    """Return by how many degrees clockwise some quarters anticlockwise turn."""
    degrees: tuple[Literal[0, 90, 180, 270], ...] = (0, 270, 180, 90)
    return degrees[quarters % 4]
