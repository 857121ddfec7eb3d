"""A look at a picture rolled by an eighth of a turn: what leans halfway between two quarters stands upright in it."""

import math
from dataclasses import replace

import numpy as np

from service.arrays import Floats, Floats64, ImageArray
from service.faces.detectors.detector import Detector
from service.faces.types import Box, DetectedFace
from service.faces.warp import box_to_patch, rolled, warp
from service.pack import PREPARATION

EIGHTH = math.pi / 4
"""By how much such a face leans clockwise, in radians."""


def detect_rolled(detector: Detector, image: ImageArray) -> list[DetectedFace]:
    """Return the faces that a detector finds in a picture rolled by an eighth of a turn anticlockwise.

    Args:
        detector: is shown a square that holds the whole rolled picture, grey around it.
        image: (rows, columns, 3) uint8, RGB.

    Returns:
        Faces in pixels of the image, best score first. A box keeps the sides that it has in the square; ``roll`` says
        by how much it is rolled around its centre.

    Raises:
        InferenceFailed, PackInvalid: as ``Detector.detect`` says.
    """
    rows, columns = image.shape[:2]
    side = (rows + columns) / math.sqrt(2)
    shown = math.ceil(min(side, PREPARATION.second_look_side))
    middle = np.array([columns / 2, rows / 2])
    square = Box(*(middle - side / 2), *(middle + side / 2))
    patch = warp(image, box_to_patch(square, shown, shown, EIGHTH), shown, shown, outside="grey")
    scale = side / shown

    def back(places: Floats) -> Floats64:
        """Return where places of the square lie in the image; edges of pixels are whole in both."""
        turned: Floats64 = rolled((places - shown / 2) * scale, EIGHTH) + middle
        return turned

    faces = []
    for face in detector.detect(patch):
        ((x, y),) = back(np.array([face.box.centre]))
        across, down = scale * face.box.width / 2, scale * face.box.height / 2
        box = Box(x - across, y - down, x + across, y + down)
        landmarks = face.landmarks
        if landmarks is not None:
            landmarks = (back(landmarks + 0.5) - 0.5).astype(np.float32)
        faces.append(replace(face, box=box, landmarks=landmarks, roll=EIGHTH))
    return faces
