"""Detector adapters on real weights: SCRFD and YuNet beside the development faces, the default pack once pulled."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from service.errors import NoFace
from service.faces.detectors.detector import letterbox
from service.faces.detectors.scrfd import ScrfdDetector
from service.faces.detectors.second_look import SecondLook
from service.faces.detectors.yunet import YunetDetector
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.pack import DetectorFile
from service.pipeline import load_pipeline
from service.settings import load_settings

SCRFD, YUNET = "scrfd_500m_kps.onnx", "face_detection_yunet_2026may.onnx"


@pytest.fixture(scope="module")
def weights(faces_dir):
    """Give the path of a detector's weights beside the development faces."""

    def find(name) -> Path:
        path = faces_dir.parent / "models" / name
        if not path.is_file():
            pytest.skip(f"the weights {name} are absent: put them into the folder models beside IDA_FACES_DIR")
        return path

    return find


def detector(path, adapter, size, colour, mean, scale, threshold):
    spec = DetectorFile(
        adapter=adapter,
        file=path.name,
        sha256="0" * 64,
        bytes=1,
        licence="none",
        output="boxes and landmarks",
        score_threshold=threshold,
        nms_iou=0.4,
        preprocessing={"width": size, "height": size, "colour": colour, "mean": mean, "scale": scale},
    )
    run = OnnxSession(path, Placement()).run
    return {"scrfd": ScrfdDetector, "yunet": YunetDetector}[adapter](run, spec)


@pytest.fixture(scope="module")
def scrfd(weights):
    return detector(weights(SCRFD), "scrfd", 640, "rgb", 127.5, 128.0, 0.5)


@pytest.fixture(scope="module")
def yunet(weights):
    return detector(weights(YUNET), "yunet", 320, "bgr", 0.0, 1.0, 0.6)


@pytest.fixture(scope="module")
def photographs(faces_dir):
    """Forty photographs of the LFW set, RGB."""
    paths = sorted((faces_dir / "dev" / "lfw" / "images").glob("*/*.jpg"))[::120][:40]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def rgb(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def most_central(faces, image):
    middle = np.array(image.shape[1::-1]) / 2
    return min(faces, key=lambda face: np.linalg.norm(np.array(face.box.centre) - middle))


@pytest.mark.faces
def test_yunet_on_real_faces_agrees_with_opencv(yunet, weights, photographs):
    opencv = cv2.FaceDetectorYN.create(str(weights(YUNET)), "", (320, 320), 0.6, 0.4)
    for image in photographs:
        fitted = letterbox(image, 320, 320)
        rows = opencv.detect(np.ascontiguousarray(fitted.canvas[..., ::-1]))[1]

        faces = yunet.detect(image)

        assert len(faces) == len(rows)
        for face, row in zip(faces, rows[np.argsort(-rows[:, 14], kind="stable")], strict=True):
            expected = row[:14] / fitted.scale
            box = [face.box.left, face.box.top, face.box.width, face.box.height]
            assert box == pytest.approx(expected[:4], abs=0.1)
            assert face.landmarks.ravel() == pytest.approx(expected[4:], abs=0.1)
            assert face.score == pytest.approx(row[14], abs=1e-3)


@pytest.mark.faces
def test_scrfd_and_yunet_place_the_landmarks_alike(scrfd, yunet, photographs):
    differences = []
    for image in photographs:
        one, other = most_central(scrfd.detect(image), image), most_central(yunet.detect(image), image)
        differences.append(np.abs(one.landmarks - other.landmarks).mean() / other.box.width)

    assert np.median(differences) < 0.04
    assert np.max(differences) < 0.2


@pytest.mark.faces
def test_scrfd_finds_faces_that_fill_the_frame_at_the_second_look(scrfd, yunet, photographs):
    missed = 0
    for image in photographs:
        box = most_central(yunet.detect(image), image).box
        tight = image[max(0, int(box.top)) : int(box.bottom), max(0, int(box.left)) : int(box.right)]
        missed += not scrfd.detect(tight)

        (face,) = SecondLook(scrfd).detect(tight)

        assert face.box.width == pytest.approx(box.width, rel=0.35)
    assert missed > len(photographs) / 2


@pytest.mark.faces
@pytest.mark.parametrize("name", ["scrfd", "yunet"])
def test_detector_on_a_public_photograph_finds_its_face(request, name, astronaut_png):
    (face,) = request.getfixturevalue(name).detect(rgb(astronaut_png))

    assert face.box.centre == pytest.approx((224, 118), abs=8)
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert left_mouth[0] < right_mouth[0]


@pytest.fixture(scope="module")
def pipeline(pack):
    return load_pipeline(load_settings())


@pytest.mark.weights
def test_default_pack_finds_the_face_of_each_public_photograph(pipeline, astronaut_png, hopper_jpeg):
    collins = pipeline.extract(astronaut_png, "reject")
    hopper = pipeline.extract(hopper_jpeg, "reject")

    assert collins.face.box.centre == pytest.approx((224, 118), abs=8)
    assert hopper.faces_found == 1
    one, other = pipeline.embed(np.stack([collins.crop, hopper.crop]))
    assert one @ other < 0.25


@pytest.mark.weights
@pytest.mark.parametrize("margin", [0.0, 0.1, 0.3])
def test_default_pack_recognises_a_tightly_cropped_face(pipeline, hopper_jpeg, margin):
    whole = pipeline.extract(hopper_jpeg, "reject")
    box = whole.face.box
    across, down = margin * box.width, margin * box.height
    tight = Image.open(io.BytesIO(hopper_jpeg)).crop(
        (int(box.left - across), int(box.top - down), int(box.right + across), int(box.bottom + down))
    )
    buffer = io.BytesIO()
    tight.save(buffer, "PNG")

    cropped = pipeline.extract(buffer.getvalue(), "reject")

    one, other = pipeline.embed(np.stack([whole.crop, cropped.crop]))
    assert one @ other > 0.8


@pytest.mark.weights
def test_default_pack_at_twelve_megapixels_gives_the_same_face(pipeline, astronaut_png):
    large = Image.open(io.BytesIO(astronaut_png)).resize((3480, 3480), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=95)

    one, other = (pipeline.extract(data, "reject") for data in (astronaut_png, buffer.getvalue()))

    embeddings = pipeline.embed(np.stack([one.crop, other.crop]))
    assert embeddings[0] @ embeddings[1] > 0.97


@pytest.mark.weights
def test_default_pack_on_a_picture_without_a_face_finds_none(pipeline):
    down, across = np.mgrid[:300, :400]
    landscape = np.stack([across // 4, 120 + down // 4, 200 - down // 3], axis=-1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(landscape).save(buffer, "PNG")

    with pytest.raises(NoFace):
        pipeline.extract(buffer.getvalue(), "largest")
