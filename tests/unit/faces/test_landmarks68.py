import numpy as np
import pytest

from service.errors import PackInvalid
from service.faces.landmarks import Face68Landmarker
from service.faces.types import Box, DetectedFace


def at_grey_ramp(image_width, box, landmarks_file):
    """Return the network's input for a box of an image whose grey value is its column."""
    seen = []

    def run(inputs):
        seen.append(inputs)
        return [np.zeros((1, 136), np.float32)]

    image = np.repeat(np.arange(image_width, dtype=np.uint8)[None, :, None], 60, axis=0).repeat(3, axis=2)
    Face68Landmarker(run, landmarks_file).locate(image, DetectedFace(box, 1.0))
    return seen[0]


def test_locate_reduces_68_points_to_five_in_pixels(landmarks_file):
    points = np.zeros((68, 2), np.float32)
    for indices, place in {
        (37, 38, 40, 41): (0.25, 0.25),
        (43, 44, 46, 47): (0.75, 0.25),
        (30,): (0.5, 0.5),
        (48, 60): (0.3, 0.8),
        (54, 64): (0.7, 0.8),
    }.items():
        # Spread about the place, so that only their mean lies there.
        spread = np.linspace(-0.1, 0.1, len(indices)) if len(indices) > 1 else np.zeros(1)
        points[list(indices)] = np.array(place) + spread[:, None]

    landmarker = Face68Landmarker(lambda _: [points.reshape(1, 136)], landmarks_file)
    face = DetectedFace(Box(100, 50, 180, 150), 1.0)
    landmarks = landmarker.locate(np.zeros((300, 300, 3), np.uint8), face).landmarks

    expected = [[120, 75], [160, 75], [140, 100], [124, 130], [156, 130]]
    assert landmarks == pytest.approx(np.array(expected), abs=1e-3)
    assert landmarks.dtype == np.float32


def test_locate_feeds_the_box_and_nothing_else(landmarks_file):
    inputs = at_grey_ramp(200, Box(40, 0, 104, 60), landmarks_file)

    assert inputs.shape == (1, 1, 64, 64)
    assert inputs[0, 0, 30] == pytest.approx(np.arange(40, 104), abs=1)


def test_locate_with_a_box_past_the_edge_repeats_the_edge(landmarks_file):
    inputs = at_grey_ramp(200, Box(-32, 0, 32, 60), landmarks_file)

    assert (inputs[0, 0, 30, :32] == 0).all()
    assert inputs[0, 0, 30, 32:] == pytest.approx(np.arange(32), abs=1)


def test_locate_with_another_networks_output_is_an_invalid_pack(landmarks_file):
    landmarker = Face68Landmarker(lambda _: [np.zeros((1, 10), np.float32)], landmarks_file)

    with pytest.raises(PackInvalid, match=r"net\.onnx gives \(1, 10\)"):
        landmarker.locate(np.zeros((60, 60, 3), np.uint8), DetectedFace(Box(0, 0, 50, 50), 1.0))
