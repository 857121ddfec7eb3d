"""Cutting a patch: the same pixels as OpenCV samples from the whole image, wherever the patch lies."""

import cv2
import numpy as np
import pytest

from service.faces.warp import warp

BORDERS = {
    "black": (cv2.BORDER_CONSTANT, (0, 0, 0)),
    "grey": (cv2.BORDER_CONSTANT, (128, 128, 128)),
    "edge": (cv2.BORDER_REPLICATE, (0, 0, 0)),
}


@pytest.mark.parametrize("outside", BORDERS)
@pytest.mark.parametrize("seed", range(40))
def test_patch_that_does_not_shrink_is_what_opencv_samples(outside, seed):
    random = np.random.default_rng(seed)
    rows, columns = random.integers(1, 200, 2)
    image = random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    angle, scale = random.uniform(-np.pi, np.pi), random.uniform(1, 4)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # The patch's middle falls inside the image, at its edge, or far from it.
    place = turn @ (random.uniform(-1, 2, 2) * (columns, rows))
    matrix = np.column_stack([turn, (40, 30) - place])

    patch = warp(image, matrix, 80, 60, outside=outside)

    mode, value = BORDERS[outside]
    expected = cv2.warpAffine(image, matrix, (80, 60), flags=cv2.INTER_LINEAR, borderMode=mode, borderValue=value)
    assert np.array_equal(patch, expected)


@pytest.mark.parametrize("factor", [2.5, 4.0, 4.6, 7.3, 11.9, 23.0])
def test_patch_that_shrinks_averages_all_the_pixels_that_it_stands_for(factor):
    side = round(40 * factor)
    noise = np.random.default_rng(1).normal(128, 40, (side, side, 3))
    matrix = np.array([[1 / factor, 0, 0], [0, 1 / factor, 0]])

    patch = warp(np.clip(noise, 0, 255).astype(np.uint8), matrix, 40, 40)[2:-2, 2:-2].astype(float)

    # The mean of n independent pixels has a standard deviation of 40 / sqrt(n); rounding adds 0.3.
    assert patch.std() < 1.15 * 40 / factor + 0.3
    assert patch.mean() == pytest.approx(127.5, abs=1)


@pytest.mark.parametrize(("outside", "value"), [("black", 0), ("grey", 128), ("edge", 250)])
@pytest.mark.parametrize("factor", [2.5, 4.6, 7.3, 11.9])
def test_what_lies_outside_is_the_same_however_much_a_patch_shrinks(outside, value, factor):
    image = np.full((round(20 * factor), round(30 * factor), 3), 250, np.uint8)
    matrix = np.array([[1 / factor, 0, 10 + (1 / factor - 1) / 2], [0, 1 / factor, 10 + (1 / factor - 1) / 2]])

    patch = warp(image, matrix, 50, 40, outside=outside)

    assert np.all(np.abs(patch[11:29, 11:39].astype(int) - 250) <= 1)
    for beyond in (patch[:9], patch[32:], patch[:, :9], patch[:, 42:]):
        assert np.all(beyond == value)


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0])
def test_patch_lies_where_its_map_says_however_much_it_shrinks(angle):
    for factor in (2.5, 4.3, 7.7, 13.1):
        image = np.zeros((900, 900, 3), np.uint8)
        place = np.array([430.0, 377.0])
        across, down = np.meshgrid(np.arange(900), np.arange(900))
        image[np.hypot(across - place[0], down - place[1]) < 8 * factor] = 255
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / factor
        matrix = np.column_stack([turn, (30.25, 21.5) - turn @ place])

        patch = warp(image, matrix, 64, 48)[:, :, 0].astype(float)

        down, across = np.mgrid[:48, :64]
        centre = (patch * across).sum() / patch.sum(), (patch * down).sum() / patch.sum()
        assert centre == pytest.approx((30.25, 21.5), abs=0.03)
