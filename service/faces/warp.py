"""Cuts a patch out of an image by an affine map, without the aliasing that plain sampling gives where it shrinks."""

import math
from typing import Literal

import cv2
import numpy as np

from service.arrays import Floats, Floats64, ImageArray
from service.faces.types import Box

_MOST_OVERSAMPLING = 16
_GREY = 128
_MARGIN = 2

Outside = Literal["black", "grey", "edge"]
"""What lies outside the image: one colour, or that of its nearest pixel."""


def warp(image: ImageArray, matrix: Floats64, width: int, height: int, *, outside: Outside = "black") -> ImageArray:
    """Return a patch of an image.

    Args:
        image: (rows, columns, 3) uint8, RGB.
        matrix: (2, 3); ``matrix @ (x, y, 1)`` is where the image's point (x, y) comes to lie in the patch. Whole
            coordinates are pixel centres.
        width: of the patch, in pixels.
        height: of the patch, in pixels.
        outside: what is taken for pixels outside the image.

    Returns:
        (height, width, 3) uint8, RGB.
    """
    scale = float(np.sqrt(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])))
    # OpenCV samples single pixels of the image. A patch that shrinks it is therefore cut at a whole multiple of its
    # size, where neighbouring samples are about a pixel apart, and averaged down.
    factor = int(min(max(1 / scale, 1), _MOST_OVERSAMPLING))
    if factor > 1:
        # With whole coordinates at pixel centres, x comes to lie at factor * (x + 1/2) - 1/2.
        matrix = factor * matrix
        matrix[:, 2] += (factor - 1) / 2
    patch = cv2.warpAffine(
        _four_channels(image, matrix, factor * width, factor * height),
        matrix,
        (factor * width, factor * height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE if outside == "edge" else cv2.BORDER_CONSTANT,
        borderValue=(_GREY,) * 4 if outside == "grey" else (0, 0, 0, 0),
    )
    patch = cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB)
    if factor > 1:
        patch = cv2.resize(patch, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(patch, dtype=np.uint8)


def _four_channels(image: ImageArray, matrix: Floats64, width: int, height: int) -> ImageArray:
    """Return an image with a fourth channel, of which only what a patch samples is filled in.

    OpenCV samples four channels three times as fast as three, and to the same bits.
    """
    rows, columns = image.shape[:2]
    padded: ImageArray = np.empty((rows, columns, 4), np.uint8)
    inverse = cv2.invertAffineTransform(matrix)
    corners = inverse @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
    # Beyond the corners of the patch, since a sample is drawn from the four pixels around it.
    least = np.clip(np.floor(corners.min(axis=1)) - _MARGIN, 0, (columns - 1, rows - 1)).astype(int)
    most = np.clip(np.ceil(corners.max(axis=1)) + _MARGIN, 0, (columns - 1, rows - 1)).astype(int)
    seen = slice(least[1], most[1] + 1), slice(least[0], most[0] + 1)
    cv2.cvtColor(image[seen], cv2.COLOR_RGB2RGBA, dst=padded[seen])
    return padded


def box_to_patch(box: Box, width: int, height: int, roll: float = 0.0) -> Floats64:
    """Return the (2, 3) matrix of the map that fills a patch of this many pixels with a box.

    A box's edges are the edges of its outermost pixels, half a pixel off their centres.

    Args:
        box: of some area, in pixels of the image.
        width: of the patch, in pixels.
        height: of the patch, in pixels.
        roll: angle in radians by which the box is rolled clockwise around its centre.
    """
    size = np.array([[width / box.width], [height / box.height]])
    turn = size * _rotation(-roll)
    middle = np.array([(width - 1) / 2, (height - 1) / 2]) - turn @ (np.array(box.centre) - 0.5)
    return np.hstack([turn, middle[:, None]])


def rolled(points: Floats, roll: float) -> Floats64:
    """Return points (n, 2) rolled clockwise around the origin by an angle in radians."""
    turned: Floats64 = points @ _rotation(roll).T
    return turned


def _rotation(angle: float) -> Floats64:
    # Clockwise as seen, since y grows downwards.
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])
