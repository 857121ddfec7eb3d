"""Cuts a patch out of an image by an affine map, without the aliasing that plain sampling gives where it shrinks."""

import math
from typing import Literal

import cv2
import numpy as np

from service.arrays import Floats, Floats64, ImageArray
from service.faces.types import Box

_AVERAGED_FIRST = 4
_GREY = 128

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
    scale = _scale_of(matrix)
    if scale <= 1 / _AVERAGED_FIRST:
        image, matrix = _averaged(image, matrix, width, height, int(1 / scale) // 2, outside)
        scale = _scale_of(matrix)
    # OpenCV samples single pixels of the image. A patch that shrinks it is therefore cut at a whole multiple of its
    # size, where neighbouring samples are about a pixel apart, and averaged down.
    factor = int(max(1 / scale, 1))
    if factor > 1:
        # With whole coordinates at pixel centres, x comes to lie at factor * (x + 1/2) - 1/2.
        matrix = factor * matrix
        matrix[:, 2] += (factor - 1) / 2
    patch = cv2.warpAffine(
        _four_channels(image, matrix, factor * width, factor * height),
        matrix,
        (factor * width, factor * height),
        flags=cv2.INTER_LINEAR,
        borderMode=_border(outside),
        borderValue=_colour(outside),
    )
    patch = cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB)
    if factor > 1:
        patch = cv2.resize(patch, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(patch, dtype=np.uint8)


def _averaged(
    image: ImageArray, matrix: Floats64, width: int, height: int, factor: int, outside: Outside
) -> tuple[ImageArray, Floats64]:
    """Return the part of an image that a patch shows, so many times smaller, and the map from there to the patch.

    Averaging whole pixels costs a tenth of sampling each of them, and leaves the patch two samples for each of its own.
    """
    # Three of the small image's pixels beyond the patch: the last may be filled up, the one before it is sampled.
    seen = _region(image, matrix, width, height, margin=3 * factor)
    part: cv2.typing.MatLike = image[seen]
    down, across = (-side % factor for side in part.shape[:2])
    if down or across:
        # What is missing to the last pixels is outside the image, or is not sampled.
        part = cv2.copyMakeBorder(part, 0, down, 0, across, _border(outside), value=_colour(outside))
    size = part.shape[1] // factor, part.shape[0] // factor
    small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    # With whole coordinates at pixel centres, x of the small image lies at factor * (x + 1/2) - 1/2 of the part.
    start = np.array([seen[1].start, seen[0].start]) + (factor - 1) / 2
    return small, np.column_stack([factor * matrix[:, :2], matrix[:, :2] @ start + matrix[:, 2]])


def _four_channels(image: ImageArray, matrix: Floats64, width: int, height: int) -> ImageArray:
    """Return an image with a fourth channel, of which only what a patch samples is filled in.

    OpenCV samples four channels three times as fast as three, and to the same bits.
    """
    padded: ImageArray = np.empty((*image.shape[:2], 4), np.uint8)
    # A sample is drawn from the four pixels around it.
    seen = _region(image, matrix, width, height, margin=2)
    cv2.cvtColor(image[seen], cv2.COLOR_RGB2RGBA, dst=padded[seen])
    return padded


def _region(image: ImageArray, matrix: Floats64, width: int, height: int, *, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of an image that a patch shows, with a margin in pixels; at least one of each."""
    rows, columns = image.shape[:2]
    inverse = cv2.invertAffineTransform(matrix)
    corners = inverse @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
    least = np.clip(np.floor(corners.min(axis=1)) - margin, 0, (columns - 1, rows - 1)).astype(int)
    most = np.clip(np.ceil(corners.max(axis=1)) + margin, 0, (columns - 1, rows - 1)).astype(int)
    return slice(least[1], most[1] + 1), slice(least[0], most[0] + 1)


def _scale_of(matrix: Floats64) -> float:
    return float(np.sqrt(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])))


def _border(outside: Outside) -> int:
    return cv2.BORDER_REPLICATE if outside == "edge" else cv2.BORDER_CONSTANT


def _colour(outside: Outside) -> tuple[int, int, int, int]:
    return (_GREY,) * 4 if outside == "grey" else (0, 0, 0, 0)


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
