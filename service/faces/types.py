"""Boxes, detected faces and aligned faces: what is passed from decoding to alignment."""

from dataclasses import dataclass
from typing import Literal

from service.arrays import Floats32, ImageArray
from service.faces.quality.face_quality import FaceQuality

CROP_SIZE = 112
"""Side of the aligned crop in pixels."""


@dataclass(frozen=True, slots=True)
class Box:
    """A face's box in pixels of the upright image: left, top, right, bottom; may reach past the image."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        """Centre (x, y) in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def shared(self, other: "Box") -> float:
        """Return the part of the smaller of two boxes, both of some area, that lies in the other, in 0..1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height) / min(self.area, other.area)

    def outside(self, width: int, height: int) -> float:
        """Return the part of the box, which has some area, that lies outside a picture of this size, in 0..1."""
        return 1.0 - self.within(width, height).area / self.area

    def within(self, width: int, height: int) -> "Box":
        """Return the part of the box that lies in a picture of this size."""
        left, right = (min(max(side, 0.0), float(width)) for side in (self.left, self.right))
        top, bottom = (min(max(side, 0.0), float(height)) for side in (self.top, self.bottom))
        return Box(left, top, right, bottom)


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One detected face.

    Attributes:
        box: its box.
        score: the detector's confidence in [0, 1].
        landmarks: (5, 2) float32, (x, y) in pixels: left eye, right eye, nose, left and right mouth corner, as seen
            in the image; None where the detector gives none.
        roll: angle in radians by which the box is rolled clockwise around its centre, where the detector was shown the
            image rolled; about as much the face leans.
    """

    box: Box
    score: float
    landmarks: Floats32 | None = None
    roll: float = 0.0


LivenessVerdict = Literal["live", "spoof", "uncertain"]
Uncertainty = Literal["small_face", "narrow_picture", "crops_disagree", "poor_picture"]


@dataclass(frozen=True, slots=True)
class Liveness:
    """What is said of one face.

    Attributes:
        verdict: "uncertain" where there is a reason for it.
        score: mean share of live over the crops, in [0, 1]; not a probability.
        reason: why it is uncertain; None where it is not.
    """

    verdict: LivenessVerdict
    score: float
    reason: Uncertainty | None = None


@dataclass(frozen=True, slots=True)
class AlignedFace:
    """The chosen face of one photograph, aligned.

    Attributes:
        crop: (112, 112, 3) uint8, RGB.
        face: the chosen face, its landmarks set.
        faces_found: number of faces the detector found.
        image_size: (width, height) of the upright image in pixels.
        exif_rotated: whether the EXIF orientation turned or mirrored the picture.
        quality: how good a picture of the face it is, with the face upright.
        rotated_by: by how many degrees clockwise, in quarters, the picture was turned besides to find the face upright;
            the face is given in pixels of the picture before that.
        landmark_score: the landmark network's score of a face, in 0..1; None where it gives none.
        evenness: how much detail the crop has in the direction that shows least, over the mean of all directions.
        eye_light: how light the lighter eye's place in the crop is, over the cheeks.
        liveness: what the liveness part says of it; None where it was not asked.
        cut_off: share of the face that lies outside the picture, in 0..1.
        others: boxes of the faces that were found and not chosen, as the chosen one's.
    """

    crop: ImageArray
    face: DetectedFace
    faces_found: int
    image_size: tuple[int, int]
    exif_rotated: bool
    quality: FaceQuality
    rotated_by: Literal[0, 90, 180, 270] = 0
    landmark_score: float | None = None
    evenness: float | None = None
    eye_light: float | None = None
    liveness: Liveness | None = None
    cut_off: float = 0.0
    others: tuple[Box, ...] = ()

    @property
    def measures(self) -> dict[str, float]:
        """What is measured of the picture, by the names in ``service.scoring.population.MEASURES``."""
        told = {
            "detection_score": float(self.face.score),
            "evenness_of_detail": self.evenness,
            "eye_light": self.eye_light,
        }
        return {name: value for name, value in told.items() if value is not None}
