"""How sure it is that a box holds a face that stands upright: what two networks say, and whether they agree."""

from dataclasses import dataclass

import numpy as np

from service.arrays import Floats32
from service.faces.align import ARCFACE_TEMPLATE, similarity_transform
from service.pack import PREPARATION, PackManifest


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
        """One number by which looks at one picture are compared, in 0..1: more is surer."""
        agreement = 1.0
        if self.disagreement is not None:
            agreement = 1 / (1 + (self.disagreement / PREPARATION.sure_disagreement) ** 2)
        return self.detection * (1.0 if self.landmarks is None else self.landmarks) * agreement


@dataclass(frozen=True, slots=True)
class Standards:
    """What evidence must show, by a pack's own networks; a score that a pack sets no limit for is not asked.

    Attributes:
        sure_detection: the least detection score of a face that stands upright.
        least_landmarks: the least landmark score of anything that is a face.
        sure_landmarks: the least landmark score of a face that stands upright.
    """

    sure_detection: float = 0.0
    least_landmarks: float = 0.0
    sure_landmarks: float = 0.0

    @classmethod
    def of(cls, manifest: PackManifest) -> "Standards":
        """Return those of a pack."""
        landmarks = manifest.landmarks
        return cls(
            sure_detection=manifest.detector.sure_score or 0.0,
            least_landmarks=0.0 if landmarks is None else landmarks.least_score or 0.0,
            sure_landmarks=0.0 if landmarks is None else landmarks.sure_score or 0.0,
        )

    def is_face(self, evidence: Evidence) -> bool:
        """Return whether there is a face at all, be it turned or poor."""
        return (evidence.landmarks is None or evidence.landmarks >= self.least_landmarks) and (
            evidence.disagreement is None or evidence.disagreement <= PREPARATION.most_disagreement
        )

    def is_sure(self, evidence: Evidence) -> bool:
        """Return whether the face so surely stands upright that no other look is needed."""
        return (
            evidence.detection >= self.sure_detection
            and (evidence.landmarks is None or evidence.landmarks >= self.sure_landmarks)
            and (evidence.disagreement is None or evidence.disagreement <= PREPARATION.sure_disagreement)
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
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if detected is None:
        return Evidence(detection, landmark_score, None)
    distances = np.sum((landmarks.astype(np.float64) - detected) ** 2, axis=1)
    return Evidence(detection, landmark_score, scale * float(np.sqrt(distances.mean())))
