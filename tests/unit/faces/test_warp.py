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
