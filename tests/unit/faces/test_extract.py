import io
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from service.choices import Gates
from service.errors import FaceTooSmall, ImageTooLarge, NoFace, PackInvalid, SeveralFaces
from service.faces.align import ARCFACE_TEMPLATE
from service.faces.extract import FaceExtractor
from service.faces.finder import FaceFinder
from service.faces.landmarks import Located
from service.faces.types import Box, DetectedFace
from service.pack import FaceStandards

PLACE = np.float32((40, 30))  # of the face's crop in the photograph
FACE = DetectedFace(Box(60, 50, 130, 130), 0.9, ARCFACE_TEMPLATE + PLACE)
SMALLER = DetectedFace(Box(0, 0, 30, 30), 0.95, ARCFACE_TEMPLATE)


class FixedDetector:
    def __init__(self, *faces):
        self.faces = list(faces)

    def detect(self, image):
        return self.faces


class FixedLandmarker:
    def locate(self, image, face):
        return Located(ARCFACE_TEMPLATE + np.float32((face.box.left, face.box.top)))


def extractor(detector, landmarker=None, min_face_pixels=20, max_image_pixels=1 << 20):
    finder = FaceFinder(detector, landmarker, FaceStandards(), (640, 640))
    return FaceExtractor(finder, Gates(min_face_pixels=min_face_pixels, max_image_pixels=max_image_pixels))


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (180, 240, 3), dtype=np.uint8)


@pytest.fixture
def photograph(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_extract_gives_the_aligned_face(pixels, photograph):
    aligned = extractor(FixedDetector(SMALLER, FACE)).extract(photograph, "largest")

    assert np.abs(aligned.crop.astype(int) - pixels[30:142, 40:152]).max() <= 1
    assert aligned.face.box == FACE.box
    assert aligned.faces_found == 2
    assert aligned.image_size == (240, 180)
    assert not aligned.exif_rotated


def test_extract_with_a_landmarker_takes_its_landmarks(pixels, photograph):
    aligned = extractor(FixedDetector(FACE), FixedLandmarker()).extract(photograph, "largest")

    assert aligned.face.landmarks == pytest.approx(ARCFACE_TEMPLATE + np.float32((60, 50)))
    assert np.abs(aligned.crop.astype(int) - pixels[50:162, 60:172]).max() <= 1


def test_extract_of_a_photograph_on_its_side_gives_the_same_face(pixels):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    # Orientation 6 is turned clockwise to stand upright, so it is stored turned anticlockwise.
    Image.fromarray(np.rot90(pixels)).save(buffer, "PNG", exif=exif)

    aligned = extractor(FixedDetector(FACE)).extract(buffer.getvalue(), "largest")

    assert aligned.exif_rotated
    assert aligned.image_size == (240, 180)
    assert np.abs(aligned.crop.astype(int) - pixels[30:142, 40:152]).max() <= 1


def test_extract_without_a_face_is_no_face(photograph):
    with pytest.raises(NoFace):
        extractor(FixedDetector()).extract(photograph, "largest")


def test_extract_of_several_faces_under_reject_is_several_faces(photograph):
    with pytest.raises(SeveralFaces, match="2 faces"):
        extractor(FixedDetector(FACE, SMALLER)).extract(photograph, "reject")


def test_extract_of_a_face_below_the_least_size_is_too_small(photograph):
    assert extractor(FixedDetector(FACE), min_face_pixels=70).extract(photograph, "largest").faces_found == 1
    with pytest.raises(FaceTooSmall, match="70 pixels"):
        extractor(FixedDetector(FACE), min_face_pixels=71).extract(photograph, "largest")


def test_extract_of_too_many_pixels_is_too_large(photograph):
    with pytest.raises(ImageTooLarge):
        extractor(FixedDetector(FACE), max_image_pixels=100).extract(photograph, "largest")


def test_extract_without_any_source_of_landmarks_is_an_invalid_pack(photograph):
    with pytest.raises(PackInvalid, match=r"no \[landmarks\] section"):
        extractor(FixedDetector(DetectedFace(FACE.box, 0.9))).extract(photograph, "largest")


def test_extract_tells_the_clock_each_stage(photograph):
    stages = []

    @contextmanager
    def clock(name):
        stages.append(name)
        yield

    extractor(FixedDetector(FACE)).extract(photograph, "largest", clock)

    assert stages == ["decode", "detect", "align"]
