"""Tiles: every place of a picture is seen at a size that detectors know, and no face is told twice."""

import numpy as np
import pytest

from service.faces.tiles import detect_in_tiles, scales_of_tiles
from service.faces.types import Box, DetectedFace
from service.pack import PREPARATION

TILE = (320, 320)


class SpotDetector:
    """Takes every bright square for a face, whole or cut, and remembers what it was shown."""

    def __init__(self):
        self.shown = []

    def detect(self, image):
        self.shown.append(image.shape[:2])
        rows, columns = np.nonzero(image[..., 0] > 200)
        if rows.size == 0:
            return []
        box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        points = np.tile(np.float32(box.centre) - 0.5, (5, 1))
        return [DetectedFace(box, 0.5 + rows.size / 1e5, points)]


def picture_with_a_spot(width, height, left, top, side):
    picture = np.random.default_rng(0).integers(0, 100, (height, width, 3), dtype=np.uint8)
    picture[top : top + side, left : left + side] = 255
    return picture


@pytest.mark.parametrize(("side", "scales"), [(320, []), (460, []), (640, 1), (4000, 3), (8064, 4)])
def test_scales_end_where_the_least_face_is_as_large_as_detectors_find(side, scales):
    found = scales_of_tiles(side, 320)

    assert len(found) == (scales or 0)
    assert found == sorted(found)
    if found:
        assert found[-1] * PREPARATION.least_face == pytest.approx(PREPARATION.tile_face)
        steps = np.array(found) / [320 / side, *found[:-1]]
        assert np.all(steps <= PREPARATION.tile_step + 1e-9)


@pytest.mark.parametrize("left", [0, 250, 300, 560, 900])
@pytest.mark.parametrize("top", [0, 280, 640])
def test_spot_is_found_once_and_where_it_is_at_any_place(left, top):
    image = picture_with_a_spot(960, 700, left, top, 40)

    (face,) = detect_in_tiles(SpotDetector(), image, 1.0, TILE)

    assert (face.box.left, face.box.top, face.box.right, face.box.bottom) == (left, top, left + 40, top + 40)
    assert face.landmarks[0] == pytest.approx([left + 19.5, top + 19.5])


def test_spot_of_a_picture_that_is_resized_lies_where_it_lies_in_the_picture():
    image = picture_with_a_spot(1600, 1200, 800, 600, 80)

    (face,) = detect_in_tiles(SpotDetector(), image, 0.5, TILE)

    assert (face.box.left, face.box.top) == pytest.approx((800, 600), abs=2)
    assert face.box.width == pytest.approx(80, abs=4)


def test_tiles_without_contrast_are_not_shown_to_the_detector():
    detector = SpotDetector()

    assert detect_in_tiles(detector, np.full((960, 960, 3), 90, np.uint8), 1.0, TILE) == []
    assert detector.shown == []
