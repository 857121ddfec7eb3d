"""Tiles of a large picture: windows in which a detector sees small faces at the size that it was trained for."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from service.arrays import ImageArray
from service.faces.detectors.detector import Detector, resize
from service.faces.types import Box, DetectedFace
from service.pack import PREPARATION


def scales_of_tiles(side: int, detector_side: int) -> list[float]:
    """Return the scales at which a picture is looked at in tiles, ascending, each a few times the one before.

    Args:
        side: the picture's longer side, in pixels.
        detector_side: the longer side of what the detector is fed.
    """
    # At the last of them the smallest face that is promised is as large as detectors reliably find.
    last = PREPARATION.tile_face / PREPARATION.least_face
    first = detector_side / side
    if first >= last:
        return []
    steps = int(np.ceil(np.log(last / first) / np.log(PREPARATION.tile_step)))
    return [first * (last / first) ** ((step + 1) / steps) for step in range(steps)]


def detect_in_tiles(detector: Detector, image: ImageArray, scale: float, tile: tuple[int, int]) -> list[DetectedFace]:
    """Return the faces found in the tiles of a picture, best score first, each once.

    Args:
        detector: sees one tile after the other.
        image: (rows, columns, 3) uint8, RGB.
        scale: by which the picture is resized before it is cut.
        tile: width and height of a tile.

    Returns:
        Faces in pixels of the image.

    Raises:
        InferenceFailed, PackInvalid: as ``Detector.detect`` says.
    """
    rows, columns = image.shape[:2]
    whole = resize(image, max(1, round(columns * scale)), max(1, round(rows * scale))) if scale != 1 else image
    across, down = whole.shape[1] / columns, whole.shape[0] / rows
    found: list[DetectedFace] = []
    for left, top in _corners(whole.shape[1], whole.shape[0], tile):
        window = whole[top : top + tile[1], left : left + tile[0]]
        if float(window[::4, ::4].std()) < PREPARATION.tile_contrast:
            continue
        found.extend(moved(face, left, top, across, down) for face in detector.detect(window))
    return each_once([face for face in found if face.box.area > 0])


def _corners(width: int, height: int, tile: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Give the left top corners of tiles that overlap by a face and cover a picture."""

    def starts(side: int, window: int) -> list[int]:
        if side <= window:
            return [0]
        overlap = min(PREPARATION.tile_overlap, window // 2)
        count = int(np.ceil((side - overlap) / (window - overlap)))
        return [round(start) for start in np.linspace(0, side - window, count)]

    for top in starts(height, tile[1]):
        for left in starts(width, tile[0]):
            yield left, top


def each_once(found: list[DetectedFace]) -> list[DetectedFace]:
    """Return faces, best score first, without those that are a part of a better one: a face that a tile cut is both."""
    kept: list[DetectedFace] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(face.box.shared(other.box) < PREPARATION.second_look_same for other in kept):
            kept.append(face)
    return kept


def moved(face: DetectedFace, left: int, top: int, across: float = 1, down: float = 1) -> DetectedFace:
    """Return a face of a window in pixels of the image that the window was cut from.

    Args:
        face: in pixels of the window.
        left: where the window begins.
        top: likewise.
        across: by which the image was resized before it was cut.
        down: likewise.
    """
    box = Box(
        (face.box.left + left) / across,
        (face.box.top + top) / down,
        (face.box.right + left) / across,
        (face.box.bottom + top) / down,
    )
    if face.landmarks is None:
        return replace(face, box=box)
    moved = (face.landmarks + 0.5 + (left, top)) / (across, down) - 0.5
    return replace(face, box=box, landmarks=moved.astype(np.float32))
