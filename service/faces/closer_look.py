"""A closer look at one small face: a window of the picture in which the detector sees it at a good size."""

from service.arrays import ImageArray
from service.faces.detectors.detector import Detector
from service.faces.tiles import moved
from service.faces.types import Box, DetectedFace
from service.pack import PREPARATION

# Below this gain in size another look says what the one before said.
_LEAST_GAIN = 1.25


def is_small(box: Box, side: int, detector_side: int) -> bool:
    """Return whether a face is so small a part of its picture that a closer look shows the detector more of it.

    Args:
        box: of the face.
        side: the picture's longer side, in the same pixels.
        detector_side: the longer side of what the detector is fed.
    """
    return _LEAST_GAIN * max(box.width, box.height) * detector_side / side < PREPARATION.closer_face


def detect_closer(detector: Detector, image: ImageArray, box: Box, size: tuple[int, int]) -> DetectedFace | None:
    """Return the face in a box as a detector sees it in the window around it; None where it sees none there.

    Args:
        detector: is shown the window, in which the face is ``closer_face`` pixels large.
        image: (rows, columns, 3) uint8, RGB.
        box: where the face is taken to be, in pixels of the image.
        size: width and height of what the detector is fed.

    Raises:
        InferenceFailed, PackInvalid: as ``Detector.detect`` says.
    """
    scale = max(box.width, box.height) / PREPARATION.closer_face
    left, right = _around(box.centre[0], scale * size[0], image.shape[1])
    top, bottom = _around(box.centre[1], scale * size[1], image.shape[0])
    found = [moved(face, left, top) for face in detector.detect(image[top:bottom, left:right])]
    same = [face for face in found if face.box.shared(box) >= PREPARATION.second_look_same]
    return same[0] if same else None


def scale_beside(face_side: float) -> float:
    """Return the scale at which faces half as large as one can be seen beside it, if they are looked for at all.

    Args:
        face_side: of the one, in pixels of the picture.
    """
    return min(2 * PREPARATION.closer_others / face_side, PREPARATION.tile_face / PREPARATION.least_face)


def beside(face: DetectedFace, others: list[DetectedFace]) -> list[DetectedFace]:
    """Return a face and those of others that are not the same one, best score first."""
    apart = [other for other in others if face.box.shared(other.box) < PREPARATION.second_look_same]
    return sorted([face, *apart], key=lambda one: -one.score)


def _around(middle: float, length: float, side: int) -> tuple[int, int]:
    """Return where a stretch around a place begins and ends, moved and cut to lie within a side."""
    length = min(round(length), side)
    start = min(max(round(middle - length / 2), 0), side - length)
    return start, start + length
