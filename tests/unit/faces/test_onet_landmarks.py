from math import cos, sin

import numpy as np
import pytest

from service.errors import PackInvalid
from service.faces.landmarks import OnetLandmarker
from service.faces.types import Box, DetectedFace
from service.pack import LandmarksFile

SPEC = LandmarksFile.model_validate(
    {
        "adapter": "mtcnn-onet",
        "file": "net.onnx",
        "sha256": "0" * 64,
        "bytes": 1,
        "licence": "none",
        "output": "hand-made",
        "preprocessing": {"width": 48, "height": 48, "colour": "rgb", "mean": 127.5, "scale": 128.0},
    }
)


LEVEL_FACE = np.array([[-0.2, -0.1], [0.2, -0.1], [0, 0.05], [-0.15, 0.2], [0.15, 0.2]])
SAME_BOX = np.zeros((1, 4), np.float32)


def grey_levels(image, box):
    """Return the network's input for a box as pixel values, (48, 48)."""
    seen = []

    def run(inputs):
        seen.append(inputs)
        return [np.zeros((1, 5, 2), np.float32), SAME_BOX]

    OnetLandmarker(run, SPEC).locate(image, DetectedFace(box, 1.0))
    assert seen[0].shape == (1, 3, 48, 48)
    return seen[0][0, 1] * 128 + 127.5


def columns(width, height=120):
    """An image whose value is its column."""
    return np.repeat(np.arange(width, dtype=np.uint8)[None, :, None], height, axis=0).repeat(3, axis=2)


def test_locate_takes_points_as_parts_of_the_square_of_the_longer_side():
    unit = np.array([[[0.25, 0.4], [0.75, 0.4], [0.5, 0.6], [0.3, 0.8], [0.7, 0.8]]], np.float32)
    landmarker = OnetLandmarker(lambda _: [unit, SAME_BOX], SPEC)

    face = DetectedFace(Box(100, 50, 180, 150), 1.0)
    landmarks = landmarker.locate(np.zeros((300, 300, 3), np.uint8), face).landmarks

    # The square is 90..190 and 50..150; its edges lie half a pixel before the centres of its first pixels.
    expected = [[114.5, 89.5], [164.5, 89.5], [139.5, 109.5], [119.5, 129.5], [159.5, 129.5]]
    assert landmarks == pytest.approx(np.array(expected), abs=1e-3)
    assert landmarks.dtype == np.float32


def test_locate_of_what_the_network_sees_gives_the_pixel_where_it_is():
    image = np.zeros((200, 200, 3), np.uint8)
    image[84:88, 60:64] = 255  # its middle is (61.5, 85.5)

    def find_spot(inputs):
        rows, places = np.nonzero(inputs[0, 0] > 0)
        return [np.tile(np.array([places.mean() + 0.5, rows.mean() + 0.5], np.float32) / 48, (1, 5, 1)), SAME_BOX]

    landmarks = OnetLandmarker(find_spot, SPEC).locate(image, DetectedFace(Box(40, 40, 136, 130), 1.0)).landmarks

    assert landmarks == pytest.approx(np.array([[61.5, 85.5]] * 5), abs=1.0)


def test_locate_feeds_the_square_around_the_box():
    levels = grey_levels(columns(200), Box(60, 10, 84, 58))

    assert levels[24] == pytest.approx(np.arange(48, 96), abs=1)


def test_locate_with_a_box_past_the_edge_sees_grey_there():
    levels = grey_levels(columns(200), Box(-24, 0, 24, 48))

    assert levels[24, :23] == pytest.approx(np.full(23, 128), abs=1)
    assert levels[24, 25:] == pytest.approx(np.arange(1, 24), abs=1)


def test_locate_with_another_networks_output_is_an_invalid_pack():
    landmarker = OnetLandmarker(lambda _: [np.zeros((1, 10), np.float32)], SPEC)

    with pytest.raises(PackInvalid, match=r"net\.onnx gives \[\(1, 10\)\]"):
        landmarker.locate(np.zeros((60, 60, 3), np.uint8), DetectedFace(Box(0, 0, 50, 50), 1.0))


def test_locate_looks_again_at_the_box_that_the_first_pass_gives():
    unit = np.full((1, 5, 2), 0.5, np.float32)
    # Of the square 0..100, the face lies in 20..60 by 40..80: the second pass's square, whose middle is the answer.
    first = np.array([[0.2, 0.4, -0.4, -0.2]], np.float32)
    boxes = iter([first, SAME_BOX])

    located = OnetLandmarker(lambda _: [unit, next(boxes)], SPEC).locate(
        np.zeros((120, 120, 3), np.uint8), DetectedFace(Box(0, 0, 100, 100), 1.0)
    )

    assert located.landmarks == pytest.approx(np.array([[39.5, 59.5]] * 5), abs=1e-3)


def test_locate_keeps_the_square_where_the_first_pass_gives_a_box_without_an_area():
    unit = np.full((1, 5, 2), 0.5, np.float32)
    inverted = np.array([[0.9, 0.9, -0.9, -0.9]], np.float32)

    located = OnetLandmarker(lambda _: [unit, inverted], SPEC).locate(
        np.zeros((120, 120, 3), np.uint8), DetectedFace(Box(0, 0, 100, 100), 1.0)
    )

    assert located.landmarks == pytest.approx(np.array([[49.5, 49.5]] * 5), abs=1e-3)


def test_locate_tells_the_face_score_of_the_last_pass():
    unit = np.full((1, 5, 2), 0.5, np.float32)
    scores = iter([np.array([[0.2]], np.float32), np.array([[0.75]], np.float32)])

    located = OnetLandmarker(lambda _: [unit, SAME_BOX, next(scores)], SPEC).locate(
        np.zeros((120, 120, 3), np.uint8), DetectedFace(Box(0, 0, 100, 100), 1.0)
    )

    assert located.score == pytest.approx(0.75)


def test_locate_with_a_network_of_before_the_face_score_tells_none():
    unit = np.full((1, 5, 2), 0.5, np.float32)

    located = OnetLandmarker(lambda _: [unit, SAME_BOX], SPEC).locate(
        np.zeros((120, 120, 3), np.uint8), DetectedFace(Box(0, 0, 100, 100), 1.0)
    )

    assert located.score is None


def leaning(angle):
    """Return the landmarks of a face that leans clockwise by an angle, (5, 2)."""
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    return (LEVEL_FACE @ turn.T).astype(np.float32)


def passes_of(leans_seen, lean, *, score=0.99, box=SAME_BOX):
    """Return in how many passes a face is located whose points lean by so much of its square in each.

    ``lean`` is what the detector's landmarks say, None where it gives none; ``box`` is the first pass's.
    """
    face = DetectedFace(Box(0, 0, 100, 100), 1.0, None if lean is None else leaning(lean))
    passes = []

    def run(_):
        angle = leans_seen[min(len(passes), len(leans_seen) - 1)]
        passes.append(angle)
        outputs = [leaning(angle)[None] + np.float32(0.5), box if len(passes) == 1 else SAME_BOX]
        return outputs if score is None else [*outputs, np.array([[score]], np.float32)]

    OnetLandmarker(run, SPEC).locate(np.zeros((120, 120, 3), np.uint8), face)
    return len(passes)


def test_face_whose_lean_the_detector_tells_is_located_in_one_pass():
    assert passes_of([0.02], lean=0.4) == 1
    assert passes_of([0.02], lean=None) == 2


@pytest.mark.parametrize(
    ("offsets", "passes"), [((0, 0, 0.1, 0.1), 1), ((0, 0.2, 0, 0.2), 2), ((-0.2, -0.2, 0.2, 0.2), 2)]
)
def test_face_that_is_seen_elsewhere_or_of_another_size_is_located_again(offsets, passes):
    assert passes_of([0.02], lean=0.0, box=np.array([offsets], np.float32)) == passes


@pytest.mark.parametrize("score", [0.85, None])
def test_box_in_which_no_face_is_seen_for_sure_is_looked_at_again(score):
    assert passes_of([0.02], lean=0.0, score=score) == 2


def test_face_that_leans_much_off_what_the_detector_says_is_located_again():
    # The second pass levels what the first one told, and it stays far off the first square: the third is the last.
    assert passes_of([0.5, 0.0], lean=0.0) == 3
    assert passes_of([0.5, -0.4, 0.0], lean=0.0) == 2


def test_face_is_shown_level_where_the_detector_tells_its_lean():
    image = np.zeros((200, 200, 3), np.uint8)
    # A bar along which a face would lean by 45 degrees clockwise.
    rows, places = np.mgrid[:200, :200]
    image[np.abs(rows - places) < 6] = 255
    shown = []

    def run(inputs):
        shown.append(inputs[0, 0])
        return [np.zeros((1, 5, 2), np.float32), SAME_BOX]

    OnetLandmarker(run, SPEC).locate(image, DetectedFace(Box(50, 50, 150, 150), 1.0, leaning(np.pi / 4)))

    bright = np.nonzero(shown[0] > 0)[0]
    assert np.ptp(bright) < 10
    assert bright.mean() == pytest.approx(23.5, abs=0.6)
