"""Which of several faces in a photograph is the one that is compared."""

import math
from collections.abc import Sequence

from service.choices import FacePolicy
from service.errors import NoFace, SeveralFaces
from service.faces.types import DetectedFace
from service.pack import PREPARATION

# Chosen on development photographs: as good as the better of largest and most_central on celebrities, who are seldom in
# the middle, and on news photographs, where others may be larger. Nearby values are as good.
_SCORE_POWER = 4
_SPREAD = 0.3


def select_face(faces: Sequence[DetectedFace], policy: FacePolicy, image_size: tuple[int, int]) -> int:
    """Return the row of the face that a policy chooses; of equally good ones the first.

    Args:
        faces: what the detector found, best score first.
        policy: ``prominent`` by score, size and place together, ``largest`` by the area of the box, ``most_central`` by
            the distance of the box's centre from the image's, or ``reject`` for the only face there may be.
        image_size: (width, height) in pixels.

    Raises:
        NoFace: if there is none.
        SeveralFaces: if there are several and the policy is ``reject``; says how many.
    """
    if not faces:
        raise no_face()
    rows = range(len(faces))
    if policy == "prominent":
        return max(rows, key=lambda row: _prominence(faces[row], image_size))
    if policy == "largest":
        return max(rows, key=lambda row: faces[row].box.area)
    if policy == "most_central":
        width, height = image_size
        return min(rows, key=lambda row: math.dist(faces[row].box.centre, (width / 2, height / 2)))
    if len(faces) > 1:
        raise SeveralFaces(
            f"{len(faces)} faces were found in the image, and the face policy is 'reject'. Send a picture of one "
            "person alone, or choose the policy 'prominent', 'largest' or 'most_central'."
        )
    return 0


def no_face() -> NoFace:
    """Return the error of a picture in which no face was found."""
    return NoFace(
        "No face was found in the image. Send a picture that shows the face clearly, at least "
        f"{PREPARATION.least_face} pixels across."
    )


def _prominence(face: DetectedFace, image_size: tuple[int, int]) -> float:
    """Return score^4 times the side of the box times a bell curve, 0.3 diagonals wide, around the image's centre."""
    width, height = image_size
    off = math.dist(face.box.centre, (width / 2, height / 2)) / (_SPREAD * math.hypot(width, height))
    return face.score**_SCORE_POWER * math.sqrt(face.box.area) * math.exp(-(off**2) / 2)
