"""Five landmarks of a face in a box, for detectors that give none."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from service.arrays import Floats, Floats32, Floats64, ImageArray
from service.errors import NoFace, PackInvalid
from service.faces.align import ARCFACE_TEMPLATE, similarity_transform
from service.faces.types import CROP_SIZE, Box, DetectedFace
from service.faces.warp import box_to_patch, rolled, warp
from service.inference.preprocessing import to_input
from service.inference.runs import RunGraph
from service.pack import PREPARATION, LandmarksFile

# The usual 68-point scheme (iBUG 300-W): which points are averaged into each of the five. An eye is the middle of its
# four lid points, a mouth corner the middle of the outer and the inner lip's.
_FIVE_OF_68 = ((37, 38, 40, 41), (43, 44, 46, 47), (30,), (48, 60), (54, 64))

# The template and its mirror image, averaged: a face that is its own mirror image leans by nothing.
_MIRRORED: Floats32 = (ARCFACE_TEMPLATE * (-1, 1) + (CROP_SIZE, 0))[[1, 0, 2, 4, 3]]
_LEVEL: Floats32 = ((ARCFACE_TEMPLATE + _MIRRORED) / 2).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """What a landmark network sees in a box.

    Attributes:
        landmarks: (5, 2) float32, (x, y) in pixels of the image: left eye, right eye, nose, left and right mouth
            corner, as seen in the image.
        score: how sure it is that there is a face, in 0..1; None where it does not say.
        points: (68, 2) float32, all points of the usual scheme, of which a face's quality tells eyes and mouth; None
            where the network gives no such.
    """

    landmarks: Floats32
    score: float | None = None
    points: Floats32 | None = None


class Landmarker(Protocol):
    """Locates the landmarks of one face. Implementations are safe to call from several threads."""

    def locate(self, image: ImageArray, face: DetectedFace) -> Located:
        """Return the five landmarks of a face.

        Args:
            image: (height, width, 3) uint8, RGB.
            face: as the detector gives it, in pixels of the image; its box may reach past it.

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

    def locate(self, image: ImageArray, face: DetectedFace) -> Located:
        """Return the five landmarks of a face (see ``Landmarker``)."""
        box, roll = face.box, face.roll
        size = self._spec.preprocessing
        matrix = box_to_patch(box, size.width, size.height, roll)
        # Where the box reaches past the image its edge is repeated: the points then keep the box's own scale.
        patch = warp(image, matrix, size.width, size.height, outside="edge")
        output = self._run(to_input([patch], size))[0]
        if output.shape != (1, 136):
            raise PackInvalid(f"{self._spec.file} gives {output.shape}, a 68-point network gives (1, 136).")
        in_box = (output.reshape(68, 2) - 0.5) * (box.width, box.height)
        points = (rolled(in_box, roll) + np.array(box.centre)).astype(np.float32)
        return Located(np.stack([points[list(group)].mean(axis=0) for group in _FIVE_OF_68]), points=points)


class OnetLandmarker:
    """Reads the points (1, 5, 2), the box (1, 4), both in units of its crop's side, and the face score of MTCNN's ONet.

    The crop is the square around the box's centre whose side is the box's longer one; first of the detector's box, then
    of the box that the pass before gave, turned so that the face stands upright in it. Where the detector's landmarks
    tell how the face leans, it stands level in the first pass already, and that is the only one if it saw a face for
    sure, and near where it was taken to be. Else a second pass sees it better centred and level. A third is run for a
    face that leans much off the first square, whose points are too far off to level it at once. Safe to call from
    several threads if ``run`` is.
    """

    def __init__(self, run: RunGraph, spec: LandmarksFile) -> None:
        self._run = run
        self._spec = spec

    def locate(self, image: ImageArray, face: DetectedFace) -> Located:
        """Return the five landmarks of a face (see ``Landmarker``)."""
        level = face.roll if face.landmarks is None else lean_of(face.landmarks)
        square = _Square.around(face.box, level)
        for number in range(1, PREPARATION.onet_passes + 2):
            shown = square
            located, square = self._pass(image, shown)
            enough = number >= PREPARATION.onet_passes or (
                face.landmarks is not None and _is_settled(located, shown, square)
            )
            if enough and abs(math.remainder(square.roll - level, math.tau)) < PREPARATION.onet_lean:
                break
        return located

    def _pass(self, image: ImageArray, square: "_Square") -> tuple[Located, "_Square"]:
        size = self._spec.preprocessing
        matrix = square.to_patch(size.width)
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
        points = square.to_image(outputs[0][0].astype(np.float64)) - 0.5
        located = Located(points.astype(np.float32), float(outputs[2][0, 0]) if len(outputs) > 2 else None)
        return located, square.moved(outputs[1][0], lean_of(points))


@dataclass(frozen=True, slots=True)
class _Square:
    """A square of an image that may lean.

    Attributes:
        x: its centre, in pixels; edges of pixels are whole.
        y: likewise.
        side: in pixels.
        roll: angle in radians by which what stands upright in it leans clockwise in the image.
    """

    x: float
    y: float
    side: float
    roll: float = 0.0

    @classmethod
    def around(cls, box: Box, roll: float) -> "_Square":
        return cls(*box.centre, max(box.width, box.height), roll)

    def to_image(self, places: Floats64) -> Floats64:
        """Return where places (n, 2) in 0..1 of the square lie in the image."""
        centre = np.array([self.x, self.y])
        return centre + rolled(self.side * (places - 0.5), self.roll)

    def to_patch(self, side: int) -> Floats64:
        """Return the (2, 3) matrix of the map that fills a patch of this many pixels with the square."""
        half = self.side / 2
        return box_to_patch(Box(self.x - half, self.y - half, self.x + half, self.y + half), side, side, self.roll)

    def moved(self, offsets: Floats32, roll: float) -> "_Square":
        """Return the square around a box that leans by an angle; its sides lie off this one's by parts of the side."""
        left, top, right, bottom = (float(offset) for offset in offsets)
        wide, tall = 1 + right - left, 1 + bottom - top
        if min(wide, tall) * self.side <= 1:
            # A box without an area can only come of a crop that shows no face; its points are kept, and checked later.
            return replace(self, roll=roll)
        centre = np.array([[(1 + left + right) / 2, (1 + top + bottom) / 2]])
        ((x, y),) = self.to_image(centre)
        return _Square(float(x), float(y), max(wide, tall) * self.side, roll)


def _is_settled(located: Located, shown: _Square, seen: _Square) -> bool:
    """Return whether another pass would show what one showed: it saw a face for sure, and where it was taken to be."""
    moved = max(abs(seen.x - shown.x), abs(seen.y - shown.y)) + abs(seen.side - shown.side) / 2
    return (located.score or 0.0) >= PREPARATION.onet_settled_score and moved <= PREPARATION.onet_settled * shown.side


def lean_of(points: Floats) -> float:
    """Return the angle in radians by which a face of these points leans clockwise; 0 where they tell none."""
    try:
        matrix = similarity_transform(points, _LEVEL)
    except NoFace:
        return 0.0
    return -math.atan2(matrix[1, 0], matrix[0, 0])


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
