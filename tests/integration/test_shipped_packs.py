"""The shipped packs as they are installed: what OpenCV says of the same networks, and what several backbones give."""

import io
import re
from collections.abc import Mapping

import cv2
import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from subnormals import subnormal_weights

from models.packs.photographs import example_photographs
from models.packs.shipped import shipped_manifest, shipped_names
from service.activation.built_in import shipped_bundles
from service.app import create_app
from service.arrays import Floats32, ImageArray
from service.bundle.reader import read_bundle_id, read_manifest
from service.errors import PackNotFound
from service.faces.detectors.detector import letterbox
from service.faces.detectors.yunet import YunetDetector
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.pack import MANIFEST_NAME, InstalledPack, load_pack, parse_manifest
from service.pipeline import FacePipeline, load_pipeline
from service.settings import load_settings

OPENCV = re.compile(r"equal to OpenCV's run of \S+: least cosine ([\d.]+), greatest difference (\S+)$")


@pytest.fixture(scope="module")
def packs() -> Mapping[str, InstalledPack]:
    """Every shipped pack."""
    try:
        return {name: load_pack(load_settings().home, name) for name in shipped_names()}
    except PackNotFound as error:
        pytest.skip(error.message)


def pipeline_of(name: str) -> FacePipeline:
    return load_pipeline(load_settings().model_copy(update={"pack": name}), threads=1)


def png(photograph: ImageArray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photograph).save(buffer, "PNG")
    return buffer.getvalue()


def crops_of(pipeline: FacePipeline, hopper_jpeg: bytes) -> ImageArray:
    """Aligned crops of the portrait that packs are proven on, of its changed copies, and of another person."""
    files = [hopper_jpeg, *map(png, example_photographs())]
    return np.stack([pipeline.extract(file, "largest").crop for file in files])


# The default pack beside OpenCV


@pytest.mark.weights
def test_folded_networks_compute_what_opencv_does_of_the_published_files(pack: InstalledPack) -> None:
    folded = [role for role, part in pack.manifest.by_role.items() if part.conversion == "dequantize"]
    assert folded == ["detector", "backbone"]
    for role in folded:
        entry = pack.receipt.files[role]
        assert entry.changes[0].endswith("int8bq.onnx by the conversion dequantize")
        (said,) = filter(None, map(OPENCV.match, entry.changes))
        assert float(said[1]) > 0.999999
        assert float(said[2]) < 1e-4


@pytest.mark.weights
def test_faces_of_yunet_are_those_of_opencvs_own_detector(pack: InstalledPack) -> None:
    spec = pack.manifest.detector
    width, height = spec.preprocessing.width, spec.preprocessing.height
    path = pack.files["detector"]
    opencv = cv2.FaceDetectorYN.create(str(path), "", (width, height), spec.score_threshold, spec.nms_iou)
    detector = YunetDetector(OnnxSession(path, Placement()).run, spec)
    for image in example_photographs():
        fitted = letterbox(image, width, height)
        rows = opencv.detect(np.ascontiguousarray(fitted.canvas[..., ::-1]))[1]

        faces = detector.detect(image)

        assert len(faces) == len(rows) > 0
        for face, row in zip(faces, rows[np.argsort(-rows[:, 14], kind="stable")], strict=True):
            expected = row[:14] / fitted.scale
            assert face.landmarks is not None
            box = [face.box.left, face.box.top, face.box.width, face.box.height]
            assert box == pytest.approx(expected[:4], abs=0.05)
            assert face.landmarks.ravel() == pytest.approx(expected[4:], abs=0.05)


@pytest.mark.weights
def test_embeddings_of_sface_are_those_of_opencvs_own_recogniser(pack: InstalledPack, hopper_jpeg: bytes) -> None:
    pipeline = pipeline_of(pack.manifest.name)
    opencv = cv2.FaceRecognizerSF.create(str(pack.files["backbone"]), "")
    crops = crops_of(pipeline, hopper_jpeg)

    embeddings = pipeline.embed(crops)

    assert embeddings.shape == (len(crops), 128)
    for crop, embedding in zip(crops, embeddings, strict=True):
        feature = opencv.feature(np.ascontiguousarray(crop[..., ::-1]))[0]
        assert embedding @ feature / np.linalg.norm(feature) > 0.999999


# Every one


@pytest.mark.packs
def test_every_shipped_pack_is_installed_as_its_manifest_says(
    packs: Mapping[str, InstalledPack], hopper_jpeg: bytes
) -> None:
    dimensions = {}
    for name, pack in packs.items():
        shipped = parse_manifest(shipped_manifest(name), where=MANIFEST_NAME)
        assert pack.manifest == shipped, f"run `ida-verify models pull {name}`"
        assert pack.receipt.backbone_id == shipped.backbone_id
        pipeline = pipeline_of(name)
        collins, hopper = pipeline.embed(crops_of(pipeline, hopper_jpeg)[1::-1])
        assert collins @ hopper < 0.3
        dimensions[name] = len(collins)
    assert dimensions == {
        "opencv-sface": 128,
        "opencv-sface-int8": 128,
        "sface-mobilefacenet": 640,
        "faceplugin-mobilefacenet": 512,
    }


@pytest.mark.packs
def test_no_pack_has_subnormal_weights_and_receipts_say_how_many_were_flushed(
    packs: Mapping[str, InstalledPack],
) -> None:
    for name, pack in packs.items():
        for role, path in pack.files.items():
            assert subnormal_weights(onnx.load(path)) == 0, f"run `ida-verify models pull --force {name}`"
            flushed = pack.receipt.files[role].flushed
            assert flushed is not None
            assert (flushed > 100_000) == (path.name == "fr_feature.onnx"), (name, role)


@pytest.mark.packs
def test_cosine_of_both_backbones_is_the_mean_of_theirs_sface_counting_twice(
    packs: Mapping[str, InstalledPack], hopper_jpeg: bytes
) -> None:
    crops = crops_of(pipeline_of("opencv-sface"), hopper_jpeg)

    def cosines(name: str) -> Floats32:
        embeddings = pipeline_of(name).embed(crops)
        together: Floats32 = embeddings @ embeddings.T
        return together

    assert [part.weight for part in packs["sface-mobilefacenet"].manifest.backbones] == [2.0, 1.0]
    sface, mobilefacenet = cosines("opencv-sface"), cosines("faceplugin-mobilefacenet")
    assert np.abs(sface - mobilefacenet).max() > 0.05
    np.testing.assert_allclose(cosines("sface-mobilefacenet"), (2 * sface + mobilefacenet) / 3, atol=1e-5)


@pytest.mark.packs
def test_backbone_in_8_bits_is_near_that_in_float32_in_batches_as_alone(
    packs: Mapping[str, InstalledPack], hopper_jpeg: bytes
) -> None:
    exact, small = pipeline_of("opencv-sface"), pipeline_of("opencv-sface-int8")
    crops = crops_of(exact, hopper_jpeg)

    embeddings = small.embed(crops)

    alone = np.concatenate([small.embed(crops[row : row + 1]) for row in range(len(crops))])
    np.testing.assert_array_equal(embeddings, alone)
    cosines = np.sum(embeddings * exact.embed(crops), axis=1)
    assert 0.97 < cosines.min() < 0.9999
    entry = packs["opencv-sface-int8"].receipt.files["backbone"]
    assert entry.changes[-1] == "written in 8 bits"
    assert entry.relative_time is not None
    assert entry.bytes < packs["opencv-sface"].receipt.files["backbone"].bytes / 3


@pytest.mark.packs
@pytest.mark.parametrize("name", ["opencv-sface", "opencv-sface-int8"])
def test_pack_with_a_shipped_anchor_set_decides_by_it(
    packs: Mapping[str, InstalledPack], name: str, hopper_jpeg: bytes, astronaut_png: bytes
) -> None:
    turned, decisions = png(example_photographs()[2]), []
    with TestClient(create_app(load_settings(pack=name))) as client:
        for reference in (turned, hopper_jpeg):
            files = {"probe": ("a.png", astronaut_png), "reference": ("b", reference)}
            answer = client.post("/verify", files=files).json()
            decisions.append((answer["method"], answer["decision"]))
        served = client.get("/info").json()["anchor_set"]["id"]

    assert decisions == [("ida-r", "match"), ("ida-r", "non_match")]
    (folder,) = (f for f in shipped_bundles() if read_manifest(f).backbone_id == packs[name].manifest.backbone_id)
    assert served == read_bundle_id(folder)
