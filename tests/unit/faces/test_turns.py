"""Quarter turns: what was found in a turned picture lies where it lies in the picture as it was."""

import numpy as np
import pytest

from service.faces.turns import clockwise_degrees, turned, turned_back
from service.faces.types import Box, DetectedFace

WIDTH, HEIGHT = 7, 5


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_points_and_box_come_back_to_the_pixels_they_were_found_at(quarters):
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[1, 4] = 255  # x 4, y 1
    seen = turned(picture, quarters)
    ((y, x),) = np.argwhere(seen[..., 0])
    face = DetectedFace(Box(x, y, x + 1, y + 1), 0.9, np.tile(np.float32([x, y]), (5, 1)))

    back = turned_back(face, quarters, (WIDTH, HEIGHT))

    assert (back.box.left, back.box.top, back.box.right, back.box.bottom) == (4, 1, 5, 2)
    assert back.landmarks == pytest.approx(np.tile(np.float32([4, 1]), (5, 1)))


def test_box_without_landmarks_comes_back_too():
    back = turned_back(DetectedFace(Box(0, 0, 2, 3), 0.9), 1, (WIDTH, HEIGHT))

    assert back.landmarks is None
    # The right edge became the top.
    assert back.box == Box(WIDTH - 3, 0, WIDTH, 2)


@pytest.mark.parametrize(("quarters", "degrees"), [(0, 0), (1, 270), (2, 180), (3, 90)])
def test_degrees_are_told_clockwise(quarters, degrees):
    # np.rot90 turns anticlockwise: one quarter of that is three clockwise.
    assert clockwise_degrees(quarters) == degrees
    assert np.array_equal(turned(np.eye(3, dtype=np.uint8), quarters), np.rot90(np.eye(3, dtype=np.uint8), quarters))
