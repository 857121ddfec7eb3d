"""Pixels of a face's region and of its cheeks, cut from the photograph upright and in one size.

Coordinates are those of the aligned crop, whose template places the landmarks.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np

from service.arrays import Floats32, Floats64, ImageArray
from service.faces.types import CROP_SIZE

# OFIQ's aligned picture has 113 pixels between the eyes, the crop 35.24.
_OFIQ_SCALE = 3.2
# At 0.375 times that the scores of the region are the same to some 0.2, for a seventh of the pixels.
_REGION_SCALE = 1.2
# The hull of a mean face's 68 points: half an ellipse below the eyes to the chin, and a flat one above to the brows.
_CENTRE: Final = (56.0, 52.0)
_HALF_WIDTH, _BELOW, _ABOVE = 42.5, 70.0, 14.0
_REGION_ORIGIN = (_CENTRE[0] - _HALF_WIDTH, _CENTRE[1] - _ABOVE)
_CHEEK = 0.3
# A cheek of which the photograph shows less is not measured.
_LEAST_SHOWN = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A piece of a face.

    Attributes:
        pixels: (rows, columns, 3) uint8, RGB.
        mask: (rows, columns) uint8, 1 where the face is and the photograph shows it, else 0.
    """

    pixels: ImageArray
    mask: ImageArray


def face_region(image: ImageArray, matrix: Floats64) -> Patch:
    """Return the region from the brows to the chin.

    Args:
        image: (rows, columns, 3) uint8, RGB.
        matrix: (2, 3), of the similarity from the image to the aligned crop.
    """
    columns, rows = round(2 * _HALF_WIDTH * _REGION_SCALE), round((_ABOVE + _BELOW) * _REGION_SCALE)
    return _cut(image, matrix, _REGION_ORIGIN, _REGION_SCALE, outline(rows, columns, _REGION_ORIGIN, _REGION_SCALE))


def crop_mask(image: ImageArray, matrix: Floats64) -> ImageArray:
    """Return where the aligned crop shows the face and the photograph, (112, 112) uint8, 1 or 0."""
    mask = _seen_of(_crop_outline(), image, matrix)
    if mask is _crop_outline():
        return mask
    # A pixel further in, so that no slope at the photograph's edge is one of the face's.
    return _smaller(mask)


def cheeks(image: ImageArray, matrix: Floats64, landmarks: Floats32) -> tuple[Patch, Patch] | None:
    """Return the squares of 0.3 eye distances below the eyes, half-way to the mouth, on the inner side of each.

    Args:
        image: as for ``face_region``.
        matrix: as for ``face_region``.
        landmarks: (5, 2) in pixels of the image.

    Returns:
        The left and the right one as seen; None where the photograph does not show them.
    """
    (left, left_y), (right, right_y), _, *mouth = (landmarks @ matrix[:, :2].T + matrix[:, 2]).tolist()
    eyes = float(np.hypot(right - left, right_y - left_y))
    pixels = int(_CHEEK * eyes * _OFIQ_SCALE)
    if not 1 <= pixels <= _OFIQ_SCALE * 2 * _HALF_WIDTH or right <= left:
        return None
    down = np.hypot((mouth[0][0] + mouth[1][0] - left - right) / 2, (mouth[0][1] + mouth[1][1] - left_y - right_y) / 2)
    # Both from one strip, whose upper edge is the higher one's.
    top, lower = min(left_y, right_y), round(_OFIQ_SCALE * abs(left_y - right_y))
    rows, columns = pixels + lower, max(round(_OFIQ_SCALE * (right - left)), pixels)
    strip = _cut(image, matrix, (left, top + float(down) / 2), _OFIQ_SCALE, np.ones((rows, columns), np.uint8))
    found = [
        Patch(strip.pixels[start : start + pixels, across], strip.mask[start : start + pixels, across])
        for start, across in (
            (lower if left_y > right_y else 0, slice(pixels)),
            (lower if right_y > left_y else 0, slice(columns - pixels, columns)),
        )
    ]
    if any(patch.mask.sum() < _LEAST_SHOWN * patch.mask.size for patch in found):
        return None
    return found[0], found[1]


@cache
def outline(rows: int, columns: int, origin: tuple[float, float], scale: float) -> ImageArray:
    """Return a mean face's region, (rows, columns) uint8, 1 or 0; not to be written to.

    Args:
        rows: of the patch.
        columns: of the patch.
        origin: left and top edge of the patch in coordinates of the crop.
        scale: pixels of the patch to one of the crop.
    """
    mask: ImageArray = np.zeros((rows, columns), np.uint8)
    centre = [round(scale * (place - edge) - 0.5) for place, edge in zip(_CENTRE, origin, strict=True)]
    for height, start in ((_BELOW, 0), (_ABOVE, 180)):
        axes = round(scale * _HALF_WIDTH), round(scale * height)
        cv2.ellipse(mask, centre, axes, 0, start, start + 180, 1, cv2.FILLED)
    mask.flags.writeable = False
    return mask


@cache
def _crop_outline() -> ImageArray:
    mask = _smaller(outline(CROP_SIZE, CROP_SIZE, (-0.5, -0.5), 1.0))
    mask.flags.writeable = False
    return mask


def _smaller(mask: ImageArray) -> ImageArray:
    return np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=0), np.uint8)


def _cut(image: ImageArray, matrix: Floats64, origin: tuple[float, float], scale: float, mask: ImageArray) -> Patch:
    rows, columns = mask.shape
    moved = scale * matrix
    # Edges of pixels lie half a pixel off their centres, whose coordinates are whole.
    moved[0, 2] -= scale * origin[0] + 0.5
    moved[1, 2] -= scale * origin[1] + 0.5
    pixels = cv2.warpAffine(image, moved, (columns, rows), flags=cv2.INTER_LINEAR)
    return Patch(np.asarray(pixels, np.uint8), _seen_of(mask, image, moved))


def _seen_of(mask: ImageArray, image: ImageArray, matrix: Floats64) -> ImageArray:
    """Return a patch's mask without the pixels that lie outside the image; the mask itself where none does."""
    inverse = cv2.invertAffineTransform(matrix)
    (a, b, c), (d, e, f) = inverse.tolist()
    rows, columns = mask.shape
    right, bottom = image.shape[1] - 1, image.shape[0] - 1
    corners = ((x, y) for x in (0, columns - 1) for y in (0, rows - 1))
    if all(0 <= a * x + b * y + c <= right and 0 <= d * x + e * y + f <= bottom for x, y in corners):
        return mask
    x, y = np.arange(columns)[None, :], np.arange(rows)[:, None]
    across, down = a * x + b * y + c, d * x + e * y + f
    inside = (across >= 0) & (across <= right) & (down >= 0) & (down <= bottom)
    return np.asarray(mask * inside, np.uint8)
