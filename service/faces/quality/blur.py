"""How sharp a face is. OFIQ's forest of trees cannot be had, so this measure is the project's own.

An edge that a Gaussian of width s has blurred loses more of its slope to a further blur of width t the sharper it was:
the slopes before and after have the ratio r = sqrt(1 + t^2 / s^2), so s = t / sqrt(r^2 - 1) whatever the edge's height.
"""

import math

import cv2
import numpy as np

from service.arrays import Floats32, ImageArray
from service.faces.quality.mapping import sigmoid

# In pixels of the crop. The first blur takes noise away, which has steep slopes and no edges; its width is taken off
# the result again. With both, noise of 10 levels changes the width of a photograph's blur by a twentieth.
_FIRST, _FURTHER = 0.7, 1.0
# What lies so far beside the face is blurred into it.
_BESIDE = 5
# Edges are where the slope is at least so much of the slope that the steepest 2 % of the face have.
_STEEPEST, _OF_STEEPEST = 0.02, 0.7
# Where even those are so shallow, in levels over two pixels, they are rounding rather than edges.
_LEAST_SLOPE = 0.1
_WIDEST = 56.0


def blur_width(crop: ImageArray, mask: ImageArray) -> float | None:
    """Return the width of the blur of a face's strongest edges, in pixels of the crop, whose eyes are 35 apart.

    Photographs in which a face is large enough have 0.9 to 1.7.

    Args:
        crop: (112, 112, 3) uint8, RGB.
        mask: (112, 112) uint8, not 0 where the face is; None is returned where it is nowhere.

    Returns:
        From 0 to 56, in the standard deviation of a Gaussian.
    """
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return None
    face = tuple(
        slice(max(start - _BESIDE, 0), start + side + _BESIDE) for start, side in ((top, height), (left, width))
    )
    grey = cv2.cvtColor(crop[face], cv2.COLOR_RGB2GRAY).astype(np.float32)
    first = cv2.GaussianBlur(grey, (0, 0), _FIRST)
    inside = mask[face] != 0
    before, after = (_slopes(each)[inside] for each in (first, cv2.GaussianBlur(first, (0, 0), _FURTHER)))
    # By the slopes after: noise has fewer steep ones left there.
    count = max(1, round(_STEEPEST * after.size))
    steep = float(np.partition(after, -count)[-count])
    if steep < _LEAST_SLOPE:
        return _WIDEST
    edges = after >= _OF_STEEPEST * steep
    ratio = float(before[edges].mean()) / float(after[edges].mean())
    if ratio <= 1:
        return _WIDEST
    squared = _FURTHER**2 / (ratio**2 - 1) - _FIRST**2
    return min(math.sqrt(max(squared, 0.0)), _WIDEST)


def sharpness(width: float) -> float:
    """Return 100 s((2 - width) / 0.3), the width of the blur being in pixels of the crop."""
    return 100 * sigmoid(-width, -2.0, 0.3)


def _slopes(grey: cv2.typing.MatLike) -> Floats32:
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=1)
    return np.asarray(cv2.magnitude(across, down), np.float32)
