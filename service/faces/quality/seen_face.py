"""One face as the components of its quality look at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from service.arrays import Floats32, Floats64, ImageArray
from service.faces.align import ARCFACE_TEMPLATE, similarity_transform
from service.faces.quality.expression import CHIN
from service.faces.quality.face_region import Patch, cheeks, crop_mask, face_region
from service.faces.quality.head_pose import HeadAngles, head_angles
from service.faces.quality.lighting import histogram, luminance

# From the middle of the eyes to the chin over to the mouth's corners: 1.76 in the mean face of the 68-point scheme.
_CHIN_BEYOND_MOUTH = 1.76


@dataclass(frozen=True, eq=False)
class SeenFace:
    """One face in its photograph. What several components need is computed once, when the first asks for it.

    Attributes:
        image: (rows, columns, 3) uint8, RGB, upright, as decoded.
        reduction: how many pixels of the photograph one of the image stands for, along a side.
        landmarks: (5, 2) float32, (x, y) in pixels of the image: eyes, nose, corners of the mouth.
        crop: (112, 112, 3) uint8, RGB: the aligned face.
        areas: of all faces found, in one unit.
        points: (68, 2) float32 in pixels of the image; None where the landmark network gives none.

    Raises:
        NoFace: when it is asked for the region, if all landmarks coincide.
    """

    image: ImageArray
    landmarks: Floats32
    crop: ImageArray
    areas: Sequence[float]
    reduction: float = 1.0
    points: Floats32 | None = None

    @cached_property
    def angles(self) -> HeadAngles:
        """How the head is turned."""
        return head_angles(self.landmarks)

    @cached_property
    def eyes(self) -> float:
        """The distance between the eyes in pixels of the image."""
        return float(np.linalg.norm(self.landmarks[1] - self.landmarks[0]))

    @cached_property
    def middle(self) -> Floats32:
        """The middle of the eyes (x, y)."""
        return np.asarray((self.landmarks[0] + self.landmarks[1]) / 2, np.float32)

    @cached_property
    def head(self) -> float:
        """The standard's T, from the middle of the eyes to the chin, in pixels of the image."""
        if self.points is not None:
            return float(np.linalg.norm(self.points[CHIN] - self.middle))
        mouth = (self.landmarks[3] + self.landmarks[4]) / 2
        return _CHIN_BEYOND_MOUTH * float(np.linalg.norm(mouth - self.middle))

    @cached_property
    def luminances(self) -> Floats64 | None:
        """The share of each level of Y in the face's region, (256,); None where the photograph shows nothing of it."""
        return _shares(face_region(self.image, self._matrix))

    @cached_property
    def cheeks(self) -> tuple[Patch, Patch] | None:
        """Its cheeks; None where the photograph does not show them."""
        return cheeks(self.image, self._matrix, self.landmarks)

    @cached_property
    def cheek_luminances(self) -> tuple[Floats64, Floats64] | None:
        """The shares of the levels of Y on both cheeks; None where the photograph does not show them."""
        if self.cheeks is None:
            return None
        left, right = map(_shares, self.cheeks)
        return None if left is None or right is None else (left, right)

    @cached_property
    def cheek_colour(self) -> Floats64 | None:
        """The mean of the cheeks' pixels (3,), RGB from 0 to 255; None where the photograph does not show them."""
        if self.cheeks is None:
            return None
        left, right = (np.array(cv2.mean(patch.pixels, patch.mask)[:3]) for patch in self.cheeks)
        return np.asarray((left + right) / 2)

    @cached_property
    def crop_mask(self) -> ImageArray:
        """Where the crop shows the face, (112, 112) uint8, 1 or 0."""
        return crop_mask(self.image, self._matrix)

    @cached_property
    def _matrix(self) -> Floats64:
        return similarity_transform(self.landmarks, ARCFACE_TEMPLATE)


def _shares(patch: Patch) -> Floats64 | None:
    return histogram(luminance(patch.pixels), patch.mask) if patch.mask.any() else None
