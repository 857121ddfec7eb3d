"""Five landmarks of a face in a box, for detectors that give none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from service.arrays import Floats32, ImageArray
from service.errors import PackInvalid
from service.faces.types import Box
from service.faces.warp import box_to_patch, warp
from service.inference.preprocessing import to_input
from service.inference.runs import RunGraph
from service.pack import PREPARATION, LandmarksFile

# The usual 68-point scheme (iBUG 300-W): which points are averaged into each of the five. An eye is the middle of its
# four lid points, a mouth corner the middle of the outer and the inner lip's.
_FIVE_OF_68 = ((37, 38, 40, 41), (43, 44, 46, 47), (30,), (48, 60), (54, 64))


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """What a landmark network sees in a box.

    Attributes:
        landmarks: (5, 2) float32, (x, y) in pixels of the image: left eye, right eye, nose, left and right mouth
            corner, as seen in the image.
        score: how sure it is that there is a face, in 0..1; None where it does not say.
    """

    landmarks: Floats32
    score: float | None = None


class Landmarker(Protocol):
    """Locates the landmarks of one face. Implementations are safe to call from several threads."""

    def locate(self, image: ImageArray, box: Box) -> Located:
        """Return the five landmarks of the face in a box.

        Args:
            image: (height, width, 3) uint8, RGB, upright.
            box: the detector's box, in pixels of the image; it may reach past it.

        Raises:
            InferenceFailed: if the network fails.
            PackInvalid: if its output is not what the adapter decodes.
        """
        ...


class Face68Landmarker:
    """Reduces 68 points (1, 136), in 0..1 of the box, to five. Safe to call from several threads if ``run`` is."""

    def __init__(self, run: RunGraph, spec: LandmarksFile) -> None:
        self._run = run
        self._spec = spec

    def locate(self, image: ImageArray, box: Box) -> Located:
        """Return the five landmarks of the face in a box (see ``Landmarker``)."""
        size = self._spec.preprocessing
        matrix = box_to_patch(box, size.width, size.height)
        # Where the box reaches past the image its edge is repeated: the points then keep the box's own scale.
        patch = warp(image, matrix, size.width, size.height, outside="edge")
        output = self._run(to_input([patch], size))[0]
        if output.shape != (1, 136):
            raise PackInvalid(f"{self._spec.file} gives {output.shape}, a 68-point network gives (1, 136).")
        five = np.stack([output.reshape(68, 2)[list(group)].mean(axis=0) for group in _FIVE_OF_68])
        return Located((five * (box.width, box.height) + (box.left, box.top)).astype(np.float32))


class OnetLandmarker:
    """Reads the points (1, 5, 2), the box (1, 4), both in units of its crop's side, and the face score of MTCNN's ONet.

    The crop is the square around the box's centre whose side is the box's longer one; first of the detector's box, then
    of the box that the first pass gives. The second pass sees the face better centred: on photographs it is better than
    one pass at every rate, a third is not. Safe to call from several threads if ``run`` is.
    """

    def __init__(self, run: RunGraph, spec: LandmarksFile) -> None:
        self._run = run
        self._spec = spec

    def locate(self, image: ImageArray, box: Box) -> Located:
        """Return the five landmarks of the face in a box (see ``Landmarker``)."""
        located, box = self._pass(image, box)
        for _ in range(PREPARATION.onet_passes - 1):
            located, box = self._pass(image, box)
        return located

    def _pass(self, image: ImageArray, box: Box) -> tuple[Located, Box]:
        size = self._spec.preprocessing
        square = _square(box)
        matrix = box_to_patch(square, size.width, size.height)
        # Where a face is cut by the image's edge, grey moves the points half as far as the edge's repeated pixels do.
        patch = warp(image, matrix, size.width, size.height, outside="grey")
        outputs = self._run(to_input([patch], size))
        shapes = [output.shape for output in outputs]
        # Versions before the third output left the score out of the graph.
        if shapes[:2] != [(1, 5, 2), (1, 4)] or shapes[2:] not in ([], [(1, 1)]):
            raise PackInvalid(
                f"{self._spec.file} gives {shapes}, ONet's points, box and face score are [(1, 5, 2), (1, 4), (1, 1)]."
            )
        # The square's edges are edges of pixels; whole coordinates are their centres, half a pixel further.
        points = outputs[0][0] * (square.width, square.height) + (square.left - 0.5, square.top - 0.5)
        left, top, right, bottom = (float(offset) * square.width for offset in outputs[1][0])
        found = Box(square.left + left, square.top + top, square.right + right, square.bottom + bottom)
        # A box without an area can only come of a crop that shows no face; its points are kept, and checked later.
        located = Located(np.asarray(points, np.float32), float(outputs[2][0, 0]) if len(outputs) > 2 else None)
        return located, found if found.width > 1 and found.height > 1 else box


def _square(box: Box) -> Box:
    (x, y), half = box.centre, max(box.width, box.height) / 2
    return Box(x - half, y - half, x + half, y + half)


@dataclass(frozen=True, slots=True)
class LandmarkAdapter:
    """A kind of landmark network that packs may name.

    Attributes:
        name: what ``pack.toml`` calls it.
        build: makes the landmarker of a network.
    """

    name: str
    build: Callable[[RunGraph, LandmarksFile], Landmarker]


LANDMARKERS = (LandmarkAdapter("face-68", Face68Landmarker), LandmarkAdapter("mtcnn-onet", OnetLandmarker))
"""Every one there is; the one place where one is added."""
