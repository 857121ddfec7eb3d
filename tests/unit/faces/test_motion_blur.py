"""Motion blur leaves detail in one direction and takes it from another; other blur does not."""

import io

import cv2
import numpy as np
import pytest
from photographed import COLLINS
from PIL import Image

from service.faces.align import align
from service.faces.quality.motion import evenness_of_detail


def moved(image, length, degrees):
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    middle = (length - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), degrees, 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return cv2.filter2D(image, -1, kernel / kernel.sum())


@pytest.fixture
def photograph(astronaut_png):
    return np.asarray(Image.open(io.BytesIO(astronaut_png)).convert("RGB")), COLLINS


def test_sharp_face_shows_detail_in_every_direction(photograph):
    image, landmarks = photograph

    assert evenness_of_detail(align(image, landmarks)) > 0.75


@pytest.mark.parametrize("degrees", [0, 30, 60, 90, 120, 150])
def test_face_that_moved_shows_less_along_its_way(photograph, degrees):
    image, landmarks = photograph

    assert evenness_of_detail(align(moved(image, 25, degrees), landmarks)) < 0.65


def test_face_out_of_focus_shows_as_little_in_every_direction(photograph):
    image, landmarks = photograph
    blurred = cv2.GaussianBlur(image, (0, 0), 4)

    assert evenness_of_detail(align(blurred, landmarks)) > 0.65


def test_stripes_have_detail_across_alone():
    stripes = np.zeros((112, 112, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255

    assert evenness_of_detail(stripes) < 0.2


def test_crop_without_detail_has_not_moved():
    assert evenness_of_detail(np.full((112, 112, 3), 90, np.uint8)) == 1.0
