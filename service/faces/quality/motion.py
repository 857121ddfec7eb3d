"""Motion blur: detail that is missing in one direction alone."""

from functools import cache

import cv2
import numpy as np

from service.arrays import Floats32, ImageArray

_DIRECTIONS = 8
_REACH = 2.0
# The face without what surrounds it, and as far from the crop's edges as a kernel reaches.
_FACE = slice(16, 104), slice(16, 96)
_NOISE = 0.7
# Below it, a mean size is what rounding leaves of an even area.
_NO_DETAIL = 1e-3


@cache
def _kernels() -> tuple[Floats32, ...]:
    """Return the second difference along each direction, its far ends between pixels interpolated."""
    made = []
    for number in range(_DIRECTIONS):
        angle = np.pi * number / _DIRECTIONS
        kernel = np.zeros((7, 7), np.float32)
        kernel[3, 3] = 2
        for sign in (-1, 1):
            x, y = 3 + sign * _REACH * np.cos(angle), 3 + sign * _REACH * np.sin(angle)
            left, top = int(np.floor(x + 1e-9)), int(np.floor(y + 1e-9))
            across, down = x - left, y - top
            for column, row, weight in (
                (left, top, (1 - across) * (1 - down)),
                (left + 1, top, across * (1 - down)),
                (left, top + 1, (1 - across) * down),
                (left + 1, top + 1, across * down),
            ):
                if weight > 1e-6:
                    kernel[row, column] -= weight
        made.append(kernel)
    return tuple(made)


def evenness_of_detail(crop: ImageArray) -> float:
    """Return how much detail an aligned crop has in the direction that shows least, over the mean of all directions.

    Detail is the mean size of the second difference over two pixels each way. Sharp and evenly blurred faces have
    0.65 to 1; one that moved while it was taken has less, since a streak is smooth along itself. 1 where there is no
    detail at all.

    Args:
        crop: (112, 112, 3) uint8, RGB.
    """
    face = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[_FACE].astype(np.float32)
    grey = cv2.GaussianBlur(face, (0, 0), _NOISE)
    detail = [float(np.abs(cv2.filter2D(grey, -1, kernel)[3:-3, 3:-3]).mean()) for kernel in _kernels()]
    mean = float(np.mean(detail))
    return min(detail) / mean if mean > _NO_DETAIL else 1.0
