"""How sure it is that a box holds a face that stands upright: what two networks say, and whether they agree."""

from dataclasses import dataclass

import numpy as np

from service.arrays import Floats32
from service.faces.align import ARCFACE_TEMPLATE, similarity_transform
from service.pack import PREPARATION, FaceStandards


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a face.

    Attributes:
        detection: the detector's score, in 0..1.
        landmarks: the landmark network's, in 0..1; None where it gives none.
        disagreement: root mean square distance of the detector's landmarks from the landmark network's, in pixels of
            the aligned crop; None where one of them gives none.
    """

    detection: float
    landmarks: float | None
    disagreement: float | None

    @property
    def strength(self) -> float:
        """The product of the scores: by it looks at one picture are compared, and what is no face is told."""
        return self.detection * (1.0 if self.landmarks is None else self.landmarks)

    def is_face(self, standards: FaceStandards) -> bool:
        """Return whether there is a face at all, be it turned or poor."""
        return self.strength >= standards.least_strength

    def is_sure(self, standards: FaceStandards) -> bool:
        """Return whether the face so surely stands upright that no other look is needed.

        On its side or upside down a face has lower scores, or the two networks see its eyes and mouth in other places.
        """
        return (
            self.detection >= standards.sure_detection
            and (self.landmarks is None or self.landmarks >= standards.sure_landmarks)
            and (self.disagreement is None or self.disagreement <= PREPARATION.sure_disagreement)
        )


def weigh(
    landmarks: Floats32, detection: float, *, landmark_score: float | None = None, detected: Floats32 | None = None
) -> Evidence:
    """Return what speaks for a face.

    Args:
        landmarks: (5, 2), where they are taken to be, in pixels of the image.
        detection: the detector's score.
        landmark_score: the landmark network's score, where it gives one.
        detected: (5, 2), the detector's own landmarks, where those above are another network's.

    Raises:
        NoFace: if all landmarks coincide or one is not finite.
    """
    matrix = similarity_transform(landmarks, ARCFACE_TEMPLATE)
    if detected is None:
        return Evidence(detection, landmark_score, None)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    distances = np.sum((landmarks.astype(np.float64) - detected) ** 2, axis=1)
    return Evidence(detection, landmark_score, scale * float(np.sqrt(distances.mean())))
