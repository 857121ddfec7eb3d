"""Which of several faces in a photograph is the one that is compared."""

import math
from collections.abc import Sequence

from service.choices import FacePolicy
from service.errors import NoFace, SeveralFaces
from service.faces.types import DetectedFace


def select_face(faces: Sequence[DetectedFace], policy: FacePolicy, image_size: tuple[int, int]) -> int:
    """Return the row of the face that a policy chooses; of equally good ones the first.

    Args:
        faces: what the detector found, best score first.
        policy: ``largest`` by the area of the box, ``most_central`` by the distance of the box's centre from the
            image's, or ``reject`` for the only face there may be.
        image_size: (width, height) in pixels.

    Raises:
        NoFace: if there is none.
        SeveralFaces: if there are several and the policy is ``reject``; says how many.
    """
    if not faces:
        raise NoFace("No face was found in the image. Send a picture that shows the face upright and clearly.")
    rows = range(len(faces))
    if policy == "largest":
        return max(rows, key=lambda row: faces[row].box.area)
    if policy == "most_central":
        width, height = image_size
        return min(rows, key=lambda row: math.dist(faces[row].box.centre, (width / 2, height / 2)))
    if len(faces) > 1:
        raise SeveralFaces(
            f"{len(faces)} faces were found in the image, and the face policy is 'reject'. Send a picture of one "
            "person alone, or choose the policy 'largest' or 'most_central'."
        )
    return 0
