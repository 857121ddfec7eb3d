"""Five landmarks of a face in a box, for detectors that give none."""

from typing import Protocol

import numpy as np

from service.errors import NoFace, PackInvalid
from service.faces.detectors import resize
from service.faces.types import Box, FloatArray, ImageArray, RunGraph
from service.pack import LandmarksFile
from service.preprocessing import to_input

# The usual 68-point scheme (iBUG 300-W): which points are averaged into each of the five. An eye is the middle of its
# four lid points, a mouth corner the middle of the outer and the inner lip's.
_FIVE_OF_68 = ((37, 38, 40, 41), (43, 44, 46, 47), (30,), (48, 60), (54, 64))


class Landmarker(Protocol):
    """Locates the landmarks of one face. Implementations are safe to call from several threads."""

    def locate(self, image: ImageArray, box: Box) -> FloatArray:
        """Return the five landmarks of the face in a box.

        Args:
            image: (height, width, 3) uint8, RGB, upright.
            box: the detector's box, in pixels of the image; it may reach past it.

        Returns:
            (5, 2) float32, (x, y) in pixels of the image: left eye, right eye, nose, left and right mouth corner, as
            seen in the image.

        Raises:
            NoFace: if no part of the box lies in the image.
            InferenceFailed: if the network fails.
            PackInvalid: if its output is not what the adapter decodes.
        """
        ...


class Face68Landmarker:
    """Reduces 68 points (1, 136), in 0..1 of the box, to five. Safe to call from several threads if ``run`` is."""

    def __init__(self, run: RunGraph, spec: LandmarksFile) -> None:
        self._run = run
        self._spec = spec

    def locate(self, image: ImageArray, box: Box) -> FloatArray:
        """Return the five landmarks of the face in a box (see ``Landmarker``)."""
        left, top, right, bottom = _inside(box, image)
        size = self._spec.preprocessing
        patch = resize(image[top:bottom, left:right], size.width, size.height)
        output = self._run(to_input([patch], size))[0]
        if output.shape != (1, 136):
            raise PackInvalid(f"{self._spec.file} gives {output.shape}, a 68-point landmark network gives (1, 136).")
        five = np.stack([output.reshape(68, 2)[list(group)].mean(axis=0) for group in _FIVE_OF_68])
        return (five * (right - left, bottom - top) + (left, top)).astype(np.float32)


def _inside(box: Box, image: ImageArray) -> tuple[int, int, int, int]:
    """Return the part of a box that lies in the image, in whole pixels."""
    rows, columns = image.shape[:2]
    left, top = max(0, int(box.left)), max(0, int(box.top))
    right, bottom = min(columns, int(box.right)), min(rows, int(box.bottom))
    if left >= right or top >= bottom:
        raise NoFace("The face found lies outside the image. Send a picture that shows the whole face.")
    return left, top, right, bottom
