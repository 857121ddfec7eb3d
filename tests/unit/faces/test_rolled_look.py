"""A face found in the rolled picture lies, in the picture as it is, where it was; by hand-made points."""

import math

import cv2
import numpy as np
import pytest

from service.faces.landmarks import Face68Landmarker
from service.faces.rolled_look import EIGHTH, detect_rolled
from service.faces.types import Box, DetectedFace

SPOT = (412, 163)


class SpotDetector:
    """Sees a face where the picture is brightest."""

    def detect(self, image):
        self.shown = image
        y, x = np.unravel_index(np.argmax(cv2.GaussianBlur(image[..., 0], (0, 0), 2)), image.shape[:2])
        box = Box(x + 0.5 - 20, y + 0.5 - 30, x + 0.5 + 20, y + 0.5 + 30)
        return [DetectedFace(box, 0.9, np.tile(np.float32([x, y]), (5, 1)))]


def spotted(rows=480, columns=640, spot=SPOT):
    image = np.zeros((rows, columns, 3), np.uint8)
    cv2.circle(image, spot, 8, (255, 255, 255), -1)
    return image


@pytest.mark.parametrize(
    ("rows", "columns", "spot"), [(480, 640, SPOT), (300, 200, (40, 250)), (1500, 1100, (900, 80))]
)
def test_face_comes_back_to_where_it_lies(rows, columns, spot):
    (face,) = detect_rolled(SpotDetector(), spotted(rows, columns, spot))

    # A pixel of the square is up to three of the picture.
    assert face.box.centre == pytest.approx(np.array(spot) + 0.5, abs=3)
    assert face.landmarks == pytest.approx(np.tile(np.float32(spot), (5, 1)), abs=3)
    assert face.roll == EIGHTH


def test_sides_of_the_box_are_told_in_pixels_of_the_picture():
    (face,) = detect_rolled(SpotDetector(), spotted(1500, 1100, (900, 80)))

    # The square's side, 2600 / sqrt 2, is shown in 640 pixels.
    assert face.box.width == pytest.approx(40 * 2600 / math.sqrt(2) / 640, rel=1e-3)
    assert face.box.height == pytest.approx(1.5 * face.box.width)


def test_what_leans_clockwise_by_an_eighth_is_shown_upright():
    image = np.zeros((400, 400, 3), np.uint8)
    # A rod that leans clockwise: its upper end lies right of the middle.
    cv2.line(image, (140, 260), (260, 140), (255, 255, 255), 3)
    detector = SpotDetector()
    detect_rolled(detector, image)

    rows, columns = np.nonzero(detector.shown[..., 0] > 200)
    assert np.ptp(columns) < 8
    assert np.ptp(rows) > 150


def test_whole_picture_is_shown():
    detector = SpotDetector()
    for spot in ((5, 5), (634, 5), (5, 474), (634, 474)):
        (face,) = detect_rolled(detector, spotted(spot=spot))
        assert face.box.centre == pytest.approx(np.array(spot) + 0.5, abs=4)


def test_points_of_a_rolled_box_are_rolled_with_it(landmarks_file):
    points = np.full((68, 2), 0.5, np.float32)
    points[30] = (0.5, 0.0)  # the nose, in the middle of the box's upper edge
    landmarker = Face68Landmarker(lambda _: [points.reshape(1, 136)], landmarks_file)

    face = DetectedFace(Box(100, 50, 180, 150), 1.0, roll=EIGHTH)
    nose = landmarker.locate(np.zeros((300, 300, 3), np.uint8), face).landmarks[2]

    # 50 pixels from the centre (140, 100), up and to the right.
    assert nose == pytest.approx(np.array([140 + 50 * math.sin(EIGHTH), 100 - 50 * math.cos(EIGHTH)]), abs=1e-3)
