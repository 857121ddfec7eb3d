"""Finds faces that fill the frame, which detectors trained on whole scenes miss or misplace."""

from dataclasses import replace

import cv2
import numpy as np

from service.arrays import ImageArray
from service.faces.detectors.detector import Detector, resize
from service.faces.types import Box, DetectedFace
from service.pack import PREPARATION


class SecondLook:
    """A detector that looks again, at the image within a grey border, where a face may fill the frame.

    It does where the detector behind it finds nothing, or boxes that cover more than a quarter of the image; a box
    that does so alone then counts only as the second look shows it. On crops as tight as a face's box Ultra-Light
    misses one face in ten and takes parts of one for the whole as often, and SCRFD misses nearly all; within the
    border both find them. Safe to call from several threads if the detector behind it is.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector = detector

    def detect(self, image: ImageArray) -> list[DetectedFace]:
        """Return the faces found, best score first (see ``Detector``)."""
        first = self.detector.detect(image)
        limit = PREPARATION.second_look_area * image.shape[0] * image.shape[1]
        if first and sum(face.box.area for face in first) <= limit:
            return first
        second = self._within_border(image)
        # The border halves the resolution, so faces in the background may be seen by the first look alone.
        small = [face for face in first if face.box.area <= limit]
        others = [
            face for face in small if all(face.box.shared(other.box) < PREPARATION.second_look_same for other in second)
        ]
        return sorted(second + others, key=lambda face: -face.score)

    def _within_border(self, image: ImageArray) -> list[DetectedFace]:
        rows, columns = image.shape[:2]
        # A border around a whole photograph would cost memory, and detectors see no more than this.
        scale = min(1.0, PREPARATION.second_look_side / max(rows, columns))
        small = image if scale == 1 else resize(image, max(1, round(columns * scale)), max(1, round(rows * scale)))
        down, across = (round(side * PREPARATION.second_look_border) for side in small.shape[:2])
        grey = (PREPARATION.second_look_grey,) * 3
        bordered = cv2.copyMakeBorder(small, down, down, across, across, cv2.BORDER_CONSTANT, value=grey)
        found = self.detector.detect(np.asarray(bordered, dtype=np.uint8))
        return [_moved(face, across, down, scale) for face in found]


def _moved(face: DetectedFace, across: int, down: int, scale: float) -> DetectedFace:
    """Return a face of the bordered, shrunk image in pixels of the image itself."""
    box = Box(
        (face.box.left - across) / scale,
        (face.box.top - down) / scale,
        (face.box.right - across) / scale,
        (face.box.bottom - down) / scale,
    )
    if face.landmarks is None:
        return replace(face, box=box)
    landmarks = (face.landmarks - (across, down)) / scale
    return replace(face, box=box, landmarks=landmarks.astype(np.float32))
