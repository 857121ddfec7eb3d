"""Each adapter against hand-made network outputs."""

import numpy as np
import pytest

from service.errors import PackInvalid
from service.faces.detectors.scrfd import ScrfdDetector
from service.faces.detectors.ultra_light import UltraLightDetector
from service.faces.detectors.yunet import YunetDetector

IMAGE = np.zeros((96, 192, 3), np.uint8)  # letterboxed to 64x64, it shrinks by 3 and fills the upper half


class Network:
    """Gives the same outputs whatever it is fed, and keeps what it was fed."""

    def __init__(self, outputs):
        self.outputs = outputs
        self.inputs = None

    def __call__(self, inputs):
        self.inputs = inputs
        return self.outputs


def corners(face):
    return [face.box.left, face.box.top, face.box.right, face.box.bottom]


def ultra_light_outputs():
    scores = np.zeros((1, 4, 2), np.float32)
    scores[0, :, 1] = [0.2, 0.6, 0.9, 0.8]
    scores[0, :, 0] = 1 - scores[0, :, 1]
    boxes = np.array([[[0, 0, 1, 1], [0.5, 0.25, 0.75, 0.5], [0.1, 0.1, 0.3, 0.4], [0.11, 0.1, 0.3, 0.4]]], np.float32)
    return scores, boxes


@pytest.mark.parametrize("order", [1, -1])
def test_ultra_light_gives_boxes_in_pixels_best_first(detector_file, order):
    network = Network(ultra_light_outputs()[::order])

    faces = UltraLightDetector(network, detector_file("ultra-light", 32, 16)).detect(IMAGE)

    # The fourth candidate overlaps the third and is worse; the first is below the threshold.
    assert [face.score for face in faces] == pytest.approx([0.9, 0.6])
    assert corners(faces[0]) == pytest.approx([19.2, 9.6, 57.6, 38.4], abs=1e-4)
    assert corners(faces[1]) == pytest.approx([96, 24, 144, 48], abs=1e-4)
    assert all(face.landmarks is None for face in faces)
    assert network.inputs.shape == (1, 3, 16, 32)


def test_ultra_light_without_candidates_gives_no_face(detector_file):
    scores, boxes = ultra_light_outputs()

    faces = UltraLightDetector(Network([scores * 0, boxes]), detector_file("ultra-light", 32, 16)).detect(IMAGE)

    assert faces == []


def test_ultra_light_with_a_box_turned_inside_out_drops_it(detector_file):
    scores, boxes = ultra_light_outputs()
    boxes[0, 2] = [0.3, 0.4, 0.1, 0.1]

    faces = UltraLightDetector(Network([scores, boxes]), detector_file("ultra-light", 32, 16)).detect(IMAGE)

    assert [face.score for face in faces] == pytest.approx([0.8, 0.6])


def test_ultra_light_with_another_networks_outputs_is_an_invalid_pack(detector_file):
    with pytest.raises(PackInvalid, match=r"net\.onnx is no ultra-light detector"):
        UltraLightDetector(Network([np.zeros((1, 512))]), detector_file("ultra-light", 32, 16)).detect(IMAGE)


def scrfd_outputs(batch_axis):
    """One face at stride 16, in the cell of row 1 and column 2 of a 64x64 input, by the cell's second anchor."""
    outputs = []
    for kind in (1, 4, 10):
        for stride in (8, 16, 32):
            output = np.zeros(((64 // stride) ** 2 * 2, kind), np.float32)
            if stride == 16:
                row = (1 * 4 + 2) * 2 + 1
                output[row] = {1: 0.9, 4: [1, 0.5, 0.75, 1], 10: np.arange(10) / 10}[kind]
            outputs.append(output[None] if batch_axis else output)
    return outputs


@pytest.mark.parametrize("batch_axis", [True, False])
@pytest.mark.parametrize("order", [1, -1])
def test_scrfd_decodes_distances_from_the_cells_corner(detector_file, batch_axis, order):
    network = Network(scrfd_outputs(batch_axis)[::order])

    faces = ScrfdDetector(network, detector_file("scrfd", 64, 64)).detect(IMAGE)

    # The anchor lies at (2, 1) * 16 = (32, 16) of the input; the input is the image shrunk by 3.
    assert len(faces) == 1
    assert faces[0].score == pytest.approx(0.9)
    assert corners(faces[0]) == pytest.approx([3 * 16, 3 * 8, 3 * 44, 3 * 32])
    expected = [[3 * (32 + 1.6 * (2 * i)), 3 * (16 + 1.6 * (2 * i + 1))] for i in range(5)]
    assert faces[0].landmarks == pytest.approx(np.array(expected), abs=1e-3)
    assert faces[0].landmarks.dtype == np.float32


def test_scrfd_keeps_the_images_shape(detector_file):
    network = Network(scrfd_outputs(True))

    ScrfdDetector(network, detector_file("scrfd", 64, 64)).detect(np.full_like(IMAGE, 200))

    assert (network.inputs[0, :, :32] == 200).all()
    assert (network.inputs[0, :, 32:] == 0).all()


def test_scrfd_without_landmark_outputs_is_an_invalid_pack(detector_file):
    with pytest.raises(PackInvalid, match="no SCRFD detector with five landmarks"):
        ScrfdDetector(Network(scrfd_outputs(True)[:6]), detector_file("scrfd", 64, 64)).detect(IMAGE)


def yunet_outputs():
    """One face at stride 8, in the cell of row 2 and column 3 of a 64x64 input."""
    outputs = []
    for kind in ("class", "object", "box", "landmarks"):
        for stride in (8, 16, 32):
            value = {
                "class": [0.81],
                "object": [1.2],  # a sum of rounding errors may pass 1
                "box": [0.5, 0.25, np.log(2), np.log(4)],
                "landmarks": np.arange(10) / 10,
            }[kind]
            output = np.zeros((1, (64 // stride) ** 2, len(value)), np.float32)
            if stride == 8:
                output[0, 2 * 8 + 3] = value
            outputs.append(output)
    return outputs


@pytest.mark.parametrize("order", [1, -1])
def test_yunet_decodes_offsets_in_strides(detector_file, order):
    network = Network(yunet_outputs()[::order])

    faces = YunetDetector(network, detector_file("yunet", 64, 64, colour="bgr")).detect(IMAGE)

    # Centre ((3, 2) + (0.5, 0.25)) * 8 = (28, 18), sides (2, 4) * 8; the input is the image shrunk by 3.
    assert len(faces) == 1
    assert faces[0].score == pytest.approx(0.9)
    assert corners(faces[0]) == pytest.approx([3 * 20, 3 * 2, 3 * 36, 3 * 34], abs=1e-3)
    expected = [[3 * 8 * (3 + 0.2 * i), 3 * 8 * (2 + 0.2 * i + 0.1)] for i in range(5)]
    assert faces[0].landmarks == pytest.approx(np.array(expected), abs=1e-3)


def test_yunet_with_a_size_that_is_no_multiple_of_its_stride_is_an_invalid_pack(detector_file):
    with pytest.raises(PackInvalid, match="multiples of 32"):
        YunetDetector(Network([]), detector_file("yunet", 64, 48))


def test_yunet_with_an_output_missing_is_an_invalid_pack(detector_file):
    with pytest.raises(PackInvalid, match="no YuNet detector"):
        YunetDetector(Network(yunet_outputs()[1:]), detector_file("yunet", 64, 64)).detect(IMAGE)
