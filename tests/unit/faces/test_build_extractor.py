import io

import numpy as np
import pytest
from PIL import Image

from service.choices import Gates
from service.errors import NoFace, PackInvalid
from service.faces import build_extractor as module
from service.faces.build_extractor import build_extractor
from service.faces.detectors.detector import DetectorAdapter
from service.faces.types import Box, DetectedFace
from service.pack import PackManifest

GATES = Gates(max_image_bytes=1 << 20, max_image_pixels=1 << 20)


def part(file, width, height, colour):
    return {
        "file": file,
        "sha256": "0" * 64,
        "bytes": 1,
        "licence": "none",
        "output": "hand-made",
        "preprocessing": {"width": width, "height": height, "colour": colour, "mean": 0.0, "scale": 1.0},
    }


def manifest(adapter, *, landmarks):
    sections = {
        "detector": {**part("d.onnx", 64, 64, "rgb"), "adapter": adapter, "score_threshold": 0.5, "nms_iou": 0.4},
        "backbone": {**part("b.onnx", 112, 112, "rgb"), "dimension": 32},
    }
    if landmarks:
        sections["landmarks"] = {**part("l.onnx", 64, 64, "grey"), "adapter": "face-68"}
    return PackManifest.model_validate({"format": 1, "name": "hand-made", "description": "none", **sections})


def ultra_light(_):
    """One face in the middle of the image, a quarter of its sides."""
    return [np.array([[[0.1, 0.9]]], np.float32), np.array([[[0.375, 0.375, 0.625, 0.625]]], np.float32)]


def points_68(_):
    """Every point in the box's middle, but for a left eye and a right mouth corner."""
    points = np.full((68, 2), 0.5, np.float32)
    points[[37, 38, 40, 41]] = 0.25
    points[[54, 64]] = 0.75
    return [points.reshape(1, 136)]


def stride_outputs(anchors, kinds):
    """No face at any stride of a 64x64 input."""
    sizes = [(64 // stride) ** 2 * anchors for stride in (8, 16, 32)]
    return [np.zeros((1, size, kind), np.float32) for kind in kinds for size in sizes]


@pytest.fixture
def photograph():
    buffer = io.BytesIO()
    Image.new("RGB", (400, 400)).save(buffer, "PNG")
    return buffer.getvalue()


def test_build_of_ultra_light_with_landmarks_extracts_a_face(photograph):
    runners = {"detector": ultra_light, "landmarks": points_68}

    extractor = build_extractor(manifest("ultra-light", landmarks=True), runners, GATES)
    aligned = extractor.extract(photograph, "largest")

    assert aligned.face.box.left == pytest.approx(150)
    assert aligned.face.landmarks[[0, 2, 4], 0] == pytest.approx([175, 200, 225])


@pytest.mark.parametrize(("adapter", "outputs"), [("scrfd", (2, (1, 4, 10))), ("yunet", (1, (1, 1, 4, 10)))])
def test_build_of_a_detector_with_landmarks_needs_no_landmark_network(photograph, adapter, outputs):
    runners = {"detector": lambda _: stride_outputs(*outputs)}

    extractor = build_extractor(manifest(adapter, landmarks=False), runners, GATES)
    extractor.warm_up()

    with pytest.raises(NoFace):
        extractor.extract(photograph, "largest")


def test_build_with_a_network_of_another_kind_fails_at_warm_up():
    extractor = build_extractor(manifest("scrfd", landmarks=False), {"detector": ultra_light}, GATES)

    with pytest.raises(PackInvalid, match=r"d\.onnx"):
        extractor.warm_up()


@pytest.mark.parametrize(("looks_again", "width"), [(False, 400), (True, 800)])
def test_detector_whose_faces_may_fill_the_picture_is_not_asked_again(photograph, monkeypatch, looks_again, width):
    class Whole:
        def __init__(self, run, spec):
            pass

        def detect(self, image):
            rows, columns = image.shape[:2]
            places = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
            return [DetectedFace(Box(0, 0, columns, rows), 1.0, places * np.float32([columns, rows]))]

    adapter = DetectorAdapter("scrfd", Whole, gives_landmarks=True, looks_again=looks_again)
    monkeypatch.setattr(module, "DETECTORS", (adapter,))
    extractor = build_extractor(manifest("scrfd", landmarks=False), {"detector": ultra_light}, GATES)

    assert extractor.extract(photograph, "largest").face.box.width == pytest.approx(width)
