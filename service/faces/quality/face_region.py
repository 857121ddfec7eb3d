"""Pixels of a face's region and of its cheeks, cut from the photograph upright and in one size.

Coordinates are those of the aligned crop, whose template places the landmarks.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from service.arrays import Floats32, Floats64, ImageArray

# OFIQ's aligned picture has 113 pixels between the eyes, the crop 35.24.
_OFIQ_SCALE = 3.2
# At 0.375 times that the scores of the region are the same to some 0.2, for a seventh of the pixels.
_REGION_SCALE = 1.2
# The hull of a mean face's 68 points: half an ellipse below the eyes to the chin, and a flat one above to the brows.
_CENTRE: Final = (56.0, 52.0)
_HALF_WIDTH, _BELOW, _ABOVE = 42.5, 70.0, 14.0
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
    left, top = _CENTRE[0] - _HALF_WIDTH, _CENTRE[1] - _ABOVE
    columns, rows = round(2 * _HALF_WIDTH * _REGION_SCALE), round((_ABOVE + _BELOW) * _REGION_SCALE)
    return _cut(image, matrix, (left, top), _REGION_SCALE, outline(rows, columns, (left, top), _REGION_SCALE))


def crop_mask(image: ImageArray, matrix: Floats64, side: int) -> ImageArray:
    """Return where an aligned crop of this side shows the face and the photograph, (side, side) uint8, 1 or 0."""
    mask = outline(side, side, (-0.5, -0.5), 1.0) * _shown(image, matrix, side, side)
    # A pixel further in, so that no slope at the photograph's edge is one of the face's.
    return np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=0), np.uint8)


def cheeks(image: ImageArray, matrix: Floats64, landmarks: Floats32) -> tuple[Patch, Patch] | None:
    """Return the squares of 0.3 eye distances below the eyes, half-way to the mouth, on the inner side of each.

    Args:
        image: as for ``face_region``.
        matrix: as for ``face_region``.
        landmarks: (5, 2) in pixels of the image.

    Returns:
        The left and the right one as seen; None where the photograph does not show them.
    """
    placed = landmarks @ matrix[:, :2].T + matrix[:, 2]
    left, right, mouth = placed[0], placed[1], (placed[3] + placed[4]) / 2
    side = _CHEEK * float(np.linalg.norm(right - left))
    pixels = int(side * _OFIQ_SCALE)
    if not 1 <= pixels <= _OFIQ_SCALE * 2 * _HALF_WIDTH:
        return None
    down = float(np.linalg.norm(mouth - (left + right) / 2)) / 2
    ones = np.ones((pixels, pixels), np.uint8)
    found = [
        _cut(image, matrix, (float(x), float(eye[1]) + down), _OFIQ_SCALE, ones)
        for eye, x in ((left, left[0]), (right, right[0] - side))
    ]
    if any(patch.mask.sum() < _LEAST_SHOWN * patch.mask.size for patch in found):
        return None
    return found[0], found[1]


def outline(rows: int, columns: int, origin: tuple[float, float], scale: float) -> ImageArray:
    """Return a mean face's region, (rows, columns) uint8, 1 or 0.

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
    return mask


def _cut(image: ImageArray, matrix: Floats64, origin: tuple[float, float], scale: float, mask: ImageArray) -> Patch:
    rows, columns = mask.shape
    moved = scale * matrix
    # Edges of pixels lie half a pixel off their centres, whose coordinates are whole.
    moved[:, 2] -= scale * np.array(origin) + 0.5
    pixels = cv2.warpAffine(image, moved, (columns, rows), flags=cv2.INTER_LINEAR)
    return Patch(np.asarray(pixels, np.uint8), mask * _shown(image, moved, rows, columns))


def _shown(image: ImageArray, matrix: Floats64, rows: int, columns: int) -> ImageArray:
    """Return which pixels of a patch lie within the image, (rows, columns) uint8 or (1, 1) where all do."""
    inverse = cv2.invertAffineTransform(matrix)
    height, width = image.shape[:2]

    def inside(x: Floats64, y: Floats64) -> ImageArray:
        across = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]
        down = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]
        found = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
        return np.asarray(found, np.uint8)

    if inside(np.array([0.0, columns - 1, 0, columns - 1]), np.array([0.0, 0, rows - 1, rows - 1])).all():
        return np.ones((1, 1), np.uint8)
    return inside(np.arange(columns, dtype=np.float64)[None, :], np.arange(rows, dtype=np.float64)[:, None])
