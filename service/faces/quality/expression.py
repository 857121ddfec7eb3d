"""Whether eyes are open and a mouth is closed, from the usual 68 points (iBUG 300-W)."""

import numpy as np

from service.arrays import Floats32
from service.faces.quality.mapping import sigmoid

# Upper and lower lid of each eye, upper and lower inner lip.
_LIDS = (((37, 41), (38, 40)), ((43, 47), (44, 46)))
_LIPS = ((61, 67), (62, 66), (63, 65))
CHIN = 8


def eyes_open(points: Floats32, head: float) -> float | None:
    """Return 100 s((x - 0.02) / 0.01), x being the opening of the eye that is open less, over T.

    Args:
        points: (68, 2) in pixels.
        head: T, from the middle of the eyes to the chin, in pixels; None is returned where it is 0.
    """
    if head <= 0:
        return None
    return 100 * sigmoid(min(_opening(points, eye) for eye in _LIDS) / head, 0.02, 0.01)


def mouth_closed(points: Floats32, head: float) -> float | None:
    """Return 100 (1 - s((x - 0.2) / 0.06)), x being the opening of the lips over T; arguments as for ``eyes_open``."""
    if head <= 0:
        return None
    return 100 * (1 - sigmoid(_opening(points, _LIPS) / head, 0.2, 0.06))


def _opening(points: Floats32, pairs: tuple[tuple[int, int], ...]) -> float:
    return max(float(np.linalg.norm(points[one] - points[other])) for one, other in pairs)
