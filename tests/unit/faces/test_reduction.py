"""Large photographs are decoded reduced: which reduction is taken, and that the face comes out the same."""

import io

import numpy as np
import pytest
from PIL import Image

from service.choices import Gates
from service.errors import ImageUndecodable
from service.faces.align import ARCFACE_TEMPLATE
from service.faces.extract import FaceExtractor
from service.faces.finder import FaceFinder
from service.faces.pictures.decode import open_image
from service.faces.reduction import scaled, to_align, to_find_faces
from service.faces.types import Box, DetectedFace
from service.pack import FaceStandards

pytestmark = pytest.mark.slow

DETECTOR = (320, 240)


def jpeg(width, height, *, mode="RGB", orientation=1, quality=95):
    """A smooth picture that is the same at every size."""
    down, across = np.mgrid[:height, :width]
    channels = [255 * across / width, 255 * down / height, 127 + 120 * np.sin(across * 9 / width + down * 7 / height)]
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image = Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8)).convert(mode)
    image.save(buffer, "JPEG", quality=quality, exif=exif)
    return buffer.getvalue()


def opened(data):
    return open_image(data, Gates(max_image_bytes=1 << 26, max_image_pixels=1 << 26))


@pytest.mark.parametrize(
    ("size", "reduction"),
    [((4000, 3000), 8), ((3000, 4000), 8), ((2500, 1900), 4), ((1700, 1300), 4), ((8000, 300), 1), ((1600, 1200), 1)],
)
def test_photograph_is_reduced_for_the_detector_only_where_it_is_large_both_ways(size, reduction):
    assert to_find_faces(opened(jpeg(*size, quality=30)), DETECTOR) == reduction


def test_photograph_is_never_reduced_below_what_the_detector_is_fed():
    assert to_find_faces(opened(jpeg(2000, 1500, quality=30)), (640, 640)) == 2


def test_pictures_that_are_no_plain_jpeg_are_decoded_in_full():
    buffer = io.BytesIO()
    Image.new("RGB", (2000, 1500)).save(buffer, "PNG")

    assert to_find_faces(opened(buffer.getvalue()), DETECTOR) == 1
    assert to_find_faces(opened(jpeg(2000, 1500, mode="CMYK", quality=30)), DETECTOR) == 1


@pytest.mark.parametrize(
    ("side", "found_at", "reduction"),
    [(224, 8, 8), (223, 8, 4), (112, 8, 4), (111, 8, 2), (55, 8, 1), (1000, 2, 2), (500, 1, 1)],
)
def test_chosen_face_keeps_224_pixels_where_the_photograph_has_them(side, found_at, reduction):
    assert to_align(DetectedFace(Box(10, 10, 10 + side, 50 + 2 * side), 0.9), found_at) == reduction


def test_face_in_a_larger_picture_has_its_edges_and_its_pixel_centres_in_the_same_places():
    face = DetectedFace(Box(1, 2, 3, 4), 0.5, np.array([[0.0, 0.5]] * 5, np.float32))

    larger = scaled(face, 4)

    assert larger.box == Box(4, 8, 12, 16)
    assert larger.landmarks[0].tolist() == [1.5, 3.5]
    assert scaled(face, 1) is face


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_reduced_picture_stands_as_upright_as_the_full_one(orientation, reduction):
    file = opened(jpeg(640, 480, orientation=orientation))

    full, reduced = file.pixels(), file.pixels(reduction)

    assert reduced.shape[:2] == (file.height // reduction, file.width // reduction)
    wanted = np.asarray(Image.fromarray(full).resize(reduced.shape[1::-1], Image.Resampling.BOX))
    assert np.abs(wanted.astype(int) - reduced).mean() < 1.5


@pytest.mark.parametrize("reduction", [1, 8])
def test_large_photograph_that_is_cut_short_is_refused_at_every_reduction(reduction):
    data = jpeg(2000, 1500)

    with pytest.raises(ImageUndecodable, match="cut short"):
        opened(data[: len(data) // 2]).pixels(reduction)


class RelativeDetector:
    """Finds one face at the same place of every picture, whatever its size, and notes the sizes."""

    def __init__(self, size):
        self.size = size
        self.seen = []

    def detect(self, image):
        rows, columns = image.shape[:2]
        self.seen.append((columns, rows))
        box = Box(0.3 * columns, 0.3 * rows, (0.3 + self.size) * columns, (0.3 + self.size) * rows)
        points = (ARCFACE_TEMPLATE + 0.5) / 112 * (box.width, box.height) + (box.left, box.top) - 0.5
        return [DetectedFace(box, 0.9, points.astype(np.float32))]


def extracted(detector, gates, size, data):
    finder = FaceFinder(detector, None, FaceStandards(), size)
    return FaceExtractor(finder, gates, detector_size=size).extract(data, "largest")


@pytest.mark.parametrize("size", [0.05, 0.15, 0.6])
def test_face_of_a_large_photograph_is_the_face_of_the_full_picture(size):
    data = jpeg(2880, 2880)
    detector = RelativeDetector(size)
    gates = Gates(max_image_bytes=1 << 26, max_image_pixels=1 << 26)

    reduced = extracted(detector, gates, DETECTOR, data)
    full = extracted(detector, gates, (2880, 2880), data)

    assert detector.seen == [(360, 360), (2880, 2880)]
    assert reduced.image_size == full.image_size == (2880, 2880)
    assert reduced.face.box.left == pytest.approx(full.face.box.left)
    assert reduced.face.landmarks == pytest.approx(full.face.landmarks, abs=0.01)
    assert np.abs(reduced.crop.astype(int) - full.crop).max() <= 3
