"""How large a face is, how it lies in its picture, and whether it is the only one."""

import math
from collections.abc import Sequence

from service.faces.quality.mapping import sigmoid

# A yaw beyond this counts as this: the eyes then nearly coincide, and their distance says nothing of the face's size.
_MOST_YAW = math.radians(75)


def inter_eye_distance(pixels: float, yaw: float) -> float:
    """Return the score of a distance between the eyes, in pixels of the photograph: 100 s((d / cos(yaw) - 70) / 20)."""
    return 100 * sigmoid(pixels / math.cos(min(abs(yaw), _MOST_YAW)), 70, 20)


def head_size(head: float, height: float) -> float:
    """Return the score of a head: 200 (1 - s(|T / height - 0.45| / 0.05)).

    Args:
        head: T, from the middle of the eyes to the chin.
        height: of the picture, in the same unit.
    """
    return 200 * (1 - sigmoid(abs(head / height - 0.45), 0, 0.05))


def side_margin(margin: float, eyes: float) -> float | None:
    """Return the score of the margin beside a face: 100 s((margin / eyes - 0.9) / 0.1).

    Args:
        margin: from the picture's left or right edge to the nearer eye.
        eyes: distance between the eyes, in the same unit; None is returned where it is 0.
    """
    return 100 * sigmoid(margin / eyes, 0.9, 0.1) if eyes > 0 else None


def margin_above(margin: float, head: float) -> float | None:
    """Return the score of the margin from the upper edge to the middle of the eyes: 100 s((margin / T - 1.4) / 0.1)."""
    return 100 * sigmoid(margin / head, 1.4, 0.1) if head > 0 else None


def margin_below(margin: float, head: float) -> float | None:
    """Return the score of the margin from the middle of the eyes to the lower edge: 100 s((margin / T - 1.8) / 0.1)."""
    return 100 * sigmoid(margin / head, 1.8, 0.1) if head > 0 else None


def single_face_present(areas: Sequence[float]) -> float | None:
    """Return 100 (1 - second / first) of the two largest areas of faces; None where there is none."""
    largest = sorted(areas, reverse=True)
    if not largest or largest[0] <= 0:
        return None
    return 100 * (1 - largest[1] / largest[0]) if len(largest) > 1 else 100.0
