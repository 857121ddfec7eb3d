"""By how much a large photograph is reduced while it is decoded: for finding faces, and for the one that is chosen."""

from dataclasses import replace

import numpy as np

from service.faces.pictures.image_file import REDUCTIONS, ImageFile
from service.faces.types import Box, DetectedFace

# Below this, decoding in full costs less than a second decode would.
_LARGE_PIXELS = 2_000_000
# Twice the crop's side: the face is still shrunk when it is aligned, so nothing that the crop shows is lost.
_FACE_PIXELS = 224


def to_find_faces(file: ImageFile, detector_size: tuple[int, int]) -> int:
    """Return the greatest reduction that leaves a large photograph no smaller than what the detector is fed.

    Args:
        file: the photograph.
        detector_size: width and height of the detector's input, in pixels.
    """
    if not file.is_reducible or file.width * file.height < _LARGE_PIXELS:
        return 1
    most = min(
        max(file.width, file.height) / max(detector_size),
        min(file.width, file.height) / min(detector_size),
    )
    return next((reduction for reduction in REDUCTIONS if reduction <= most), 1)


def reduction_for(scale: float, most: int) -> int:
    """Return the greatest reduction, no more than one that there is, that leaves a picture at a share of its size."""
    return next((reduction for reduction in REDUCTIONS if reduction <= min(1 / scale, most)), 1)


def to_align(face: DetectedFace, found_at: int) -> int:
    """Return the greatest reduction, no more than that at which a face was found, that leaves it 224 pixels across.

    Args:
        face: in pixels of the picture it was found in.
        found_at: that picture's reduction.
    """
    most = min(face.box.width, face.box.height) * found_at / _FACE_PIXELS
    return next((reduction for reduction in REDUCTIONS if reduction <= min(most, found_at)), 1)


def scaled(face: DetectedFace, factor: float) -> DetectedFace:
    """Return a face in the pixels of a picture that is larger by a factor."""
    if factor == 1:
        return face
    box = Box(*(factor * side for side in (face.box.left, face.box.top, face.box.right, face.box.bottom)))
    if face.landmarks is None:
        return replace(face, box=box)
    # A box's edges are edges of pixels, whole coordinates of points are centres of pixels.
    return replace(face, box=box, landmarks=((face.landmarks + 0.5) * factor - 0.5).astype(np.float32))
