"""Dark glasses are told from eyes in ordinary light and in shadow."""

import io

import cv2
import numpy as np
import pytest
from photographed import COLLINS, HOPPER
from PIL import Image

from service.faces.align import ARCFACE_TEMPLATE, align
from service.faces.quality.covered_eyes import eye_light


@pytest.fixture(params=["collins", "hopper"])
def crop(request, astronaut_png, hopper_jpeg):
    data, landmarks = (astronaut_png, COLLINS) if request.param == "collins" else (hopper_jpeg, HOPPER)
    return align(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), landmarks)


def glasses(crop, level):
    covered = crop.copy()
    for x, y in ARCFACE_TEMPLATE[:2].tolist():
        cv2.ellipse(covered, (round(x), round(y)), (15, 11), 0, 0, 360, (level,) * 3, -1)
    return covered


@pytest.mark.slow
def test_eyes_of_a_photograph_are_seen(crop):
    assert eye_light(crop) > 0.4


@pytest.mark.parametrize("exposure", [0.3, 1.0])
def test_dark_glasses_hide_them_however_light_the_picture_is(crop, exposure):
    assert eye_light((glasses(crop, 15) * exposure).astype(np.uint8)) < 0.25


def test_one_eye_behind_hair_is_no_pair_of_glasses(crop):
    covered = crop.copy()
    covered[40:64, 20:56] = 10

    assert eye_light(covered) > 0.4


def test_light_is_the_lighter_eye_over_the_cheeks():
    crop = np.full((112, 112, 3), 100, np.uint8)
    crop[40:60, 20:56], crop[40:60, 56:92] = 30, 50

    assert eye_light(crop) == pytest.approx(0.5, abs=0.02)


def test_black_picture_tells_nothing():
    assert eye_light(np.zeros((112, 112, 3), np.uint8)) == 1.0
