"""The quality of faces in photographs: where it is measured, what makes it fall, and what cannot be measured."""

import io
from itertools import pairwise

import cv2
import numpy as np
import pytest
from photographed import COLLINS, scores, seen
from PIL import Image
from skimage import data

from service.choices import Gates
from service.faces.align import ARCFACE_TEMPLATE, similarity_transform
from service.faces.extract import FaceExtractor
from service.faces.finder import FaceFinder
from service.faces.landmarks import Face68Landmarker
from service.faces.quality.components import COMPONENTS, QualityComponent, measure_quality
from service.faces.quality.face_quality import FaceQuality
from service.faces.quality.face_region import cheeks, face_region
from service.faces.types import Box, DetectedFace
from service.pack import FaceStandards

NEEDING_68 = {"eyes_open", "mouth_closed"}


@pytest.fixture(scope="module")
def collins():
    return data.astronaut()


def scaled(image, factor):
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), (COLLINS + 0.5) * factor - 0.5


def darker(image, power):
    return np.rint(255 * (image / 255) ** power).astype(np.uint8)


def falls(values):
    return all(later < earlier for earlier, later in pairwise(values))


# --- all of them ---


def test_every_component_of_a_good_photograph_is_a_score(collins):
    found = scores(collins)

    assert list(found) == [component.name for component in COMPONENTS]
    assert len(found) >= 15
    assert {name for name, score in found.items() if score is None} == NEEDING_68
    assert all(0 <= score <= 100 for score in found.values() if score is not None)
    for name in ("sharpness", "luminance_mean", "natural_colour", "head_pose_yaw", "head_pose_roll", "dynamic_range"):
        assert found[name] > 90, name


def test_names_are_fields_and_meanings_are_sentences():
    for component in COMPONENTS:
        assert component.name.isidentifier()
        assert component.meaning[0].isupper()
        assert component.meaning.endswith(".")


def test_score_that_is_no_number_is_not_told(collins, monkeypatch):
    broken = QualityComponent("broken", "Broken.", lambda face: float("nan"))
    monkeypatch.setattr("service.faces.quality.components.COMPONENTS", (broken,))

    assert measure_quality(seen(collins)) == FaceQuality({"broken": None})


@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_picture_and_its_landmarks_are_the_scores_are_scores(seed):
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (random.integers(1, 60), random.integers(1, 60), 3), dtype=np.uint8)
    landmarks = random.uniform(-200, 200, (5, 2)) * random.choice([0.01, 1, 40])

    found = scores(image, landmarks)

    assert all(score is None or 0 <= score <= 100 for score in found.values())


# --- what makes each fall ---


@pytest.mark.parametrize("widths", [(0.5, 1.5, 3.0, 6.0, 12.0)])
def test_sharpness_falls_with_every_blur(collins, widths):
    found = [scores(cv2.GaussianBlur(collins, (0, 0), width))["sharpness"] for width in widths]

    assert falls([scores(collins)["sharpness"], *found])
    assert found[0] > 90
    assert found[-1] < 1


def test_sharpness_falls_with_the_pixels_that_a_face_has(collins):
    found = [scores(*scaled(collins, factor))["sharpness"] for factor in (1, 0.4, 0.2, 0.1)]

    assert falls(found)
    assert found[-1] < 5


def test_sharpness_tells_nothing_of_contrast(collins):
    paler = (collins * 0.4 + 90).astype(np.uint8)

    assert scores(paler)["sharpness"] == pytest.approx(scores(collins)["sharpness"], abs=3)


def test_darkness_lowers_mean_range_and_at_last_exposure(collins):
    found = [scores(darker(collins, power)) for power in (1, 2, 4, 8)]

    assert falls([each["luminance_mean"] for each in found])
    assert falls([each["dynamic_range"] for each in found[1:]])
    assert found[-1]["under_exposure_prevention"] < 50 < found[0]["under_exposure_prevention"]


def test_brightness_lowers_mean_and_exposure(collins):
    found = [scores(np.minimum(collins * factor, 255.0).astype(np.uint8)) for factor in (1.0, 1.6, 2.4, 4.0)]

    assert falls([each["over_exposure_prevention"] for each in found])
    assert found[-1]["over_exposure_prevention"] < 5
    assert found[-1]["luminance_mean"] < found[0]["luminance_mean"]


def test_flatness_lowers_range_and_variance(collins):
    found = [scores((120 + (collins - 120.0) * share).astype(np.uint8)) for share in (0.5, 0.25, 0.1, 0.02)]

    assert falls([each["dynamic_range"] for each in found])
    assert falls([each["luminance_variance"] for each in found])


def test_light_from_one_side_lowers_uniformity(collins):
    def lit(least):
        ramp = np.interp(np.arange(512), [195, 255], [1, least])[None, :, None]
        return (collins * ramp).astype(np.uint8)

    assert falls([scores(lit(least))["illumination_uniformity"] for least in (1.0, 0.85, 0.7)])
    assert scores(lit(0.1))["illumination_uniformity"] < 5


def test_grey_and_blue_are_no_natural_colours(collins):
    grey = np.repeat(cv2.cvtColor(collins, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    found = [scores(image)["natural_colour"] for image in (collins, grey, collins[:, :, ::-1])]

    assert found == pytest.approx([100, 0, 0], abs=0.1)


@pytest.mark.parametrize("angle", [15, 40, 70, 100, 170])
def test_turned_picture_is_measured_as_the_upright_one_but_for_its_roll(collins, angle):
    turn = cv2.getRotationMatrix2D((256, 256), -angle, 1)
    turned = cv2.warpAffine(collins, turn, (512, 512))

    found, upright = scores(turned, COLLINS @ turn[:, :2].T + turn[:, 2]), scores(collins)

    own = np.arctan2(2.8, 43.4)
    assert found["head_pose_roll"] == pytest.approx(100 * max(np.cos(own + np.radians(angle)), 0) ** 2, abs=6)
    for name in ("sharpness", "luminance_mean", "dynamic_range", "illumination_uniformity", "head_pose_yaw"):
        assert found[name] == pytest.approx(upright[name], abs=6), name


def test_margins_fall_as_the_picture_is_cut_on_their_side(collins):
    def cut(left=0, top=0, right=512, bottom=512):
        return scores(collins[top:bottom, left:right], COLLINS - (left, top))

    assert falls([cut(left=left)["leftward_crop_of_the_face_image"] for left in (150, 160, 170, 190, 203)])
    assert falls([cut(right=right)["rightward_crop_of_the_face_image"] for right in (300, 290, 280, 260, 247)])
    assert falls([cut(top=top)["margin_above_of_the_face_image"] for top in (0, 10, 30, 60)])
    assert falls([cut(bottom=bottom)["margin_below_of_the_face_image"] for bottom in (250, 230, 210, 180)])


def test_margins_and_head_size_do_not_depend_on_the_pictures_size(collins):
    found, half = scores(collins), scores(*scaled(collins, 0.5))

    for name in ("head_size", "margin_above_of_the_face_image", "margin_below_of_the_face_image", "head_pose_yaw"):
        assert half[name] == pytest.approx(found[name], abs=1), name


def test_inter_eye_distance_is_in_pixels_of_the_photograph(collins):
    half, landmarks = scaled(collins, 0.5)

    reduced = scores(half, landmarks, reduction=2)["inter_eye_distance"]

    assert reduced == pytest.approx(scores(collins)["inter_eye_distance"], abs=0.5)
    assert reduced > scores(half, landmarks)["inter_eye_distance"]


def test_second_face_lowers_single_face_present(collins):
    assert scores(collins, areas=[50.0, 40.0])["single_face_present"] == pytest.approx(20)


# --- what is looked at ---


def test_region_is_the_face_upright_from_brows_to_chin(collins):
    region = face_region(collins, similarity_transform(COLLINS, ARCFACE_TEMPLATE))

    assert region.pixels.shape[:2] == region.mask.shape == (101, 102)
    assert 0.7 < region.mask.mean() < 0.85
    assert not region.mask[-2, [0, -1]].any()
    # The same place by another way: the crop, whose pixels lie 1.2 times as far apart.
    crop = seen(collins).crop.astype(float)
    for x, y in [(56, 72), (40, 60), (72, 60), (56, 95)]:
        column, row = round(1.2 * (x - 13.5 + 0.5) - 0.5), round(1.2 * (y - 38 + 0.5) - 0.5)
        assert region.pixels[row, column] == pytest.approx(crop[y, x], abs=25)


def test_cheeks_lie_below_the_eyes_half_way_to_the_mouth():
    image = np.zeros((300, 300, 3), np.uint8)
    landmarks = np.array([[100, 100], [200, 100], [150, 150], [110, 200], [190, 200]], np.float32)
    image[150:180, 100:130] = (255, 0, 0)
    image[150:180, 170:200] = (0, 255, 0)

    left, right = cheeks(image, similarity_transform(landmarks, ARCFACE_TEMPLATE), landmarks)

    assert left.pixels.reshape(-1, 3).mean(axis=0) == pytest.approx((255, 0, 0), abs=15)
    assert right.pixels.reshape(-1, 3).mean(axis=0) == pytest.approx((0, 255, 0), abs=15)


def test_what_lies_outside_the_photograph_is_no_dark_part_of_the_face(collins):
    cut = scores(collins[:, 222:], COLLINS - (222, 0))

    assert cut["under_exposure_prevention"] == pytest.approx(scores(collins)["under_exposure_prevention"], abs=0.5)
    assert cut["illumination_uniformity"] is None
    assert cut["natural_colour"] is None


def test_face_outside_the_photograph_has_no_light(collins):
    found = scores(collins, COLLINS + 5000)

    assert found["luminance_mean"] is found["sharpness"] is found["dynamic_range"] is None


# --- where it is measured ---


class OneFace:
    """Finds Collins's face, and a smaller one, in whatever size the picture is."""

    def __init__(self, landmarks=COLLINS):
        self._landmarks = landmarks

    def detect(self, image):
        factor = image.shape[1] / 512
        box = Box(179.7 * factor, 62.1 * factor, 268.5 * factor, 173.1 * factor)
        smaller = Box(0, 0, box.width / 2, box.height / 2)
        landmarks = self._landmarks
        if landmarks is not None:
            landmarks = ((landmarks + 0.5) * factor - 0.5).astype(np.float32)
        return [DetectedFace(box, 0.9, landmarks), DetectedFace(smaller, 0.8, landmarks)]


def extractor(detector, landmarker=None, detector_size=(640, 640)):
    finder = FaceFinder(detector, landmarker, FaceStandards(), detector_size)
    return FaceExtractor(finder, Gates(), detector_size=detector_size)


def jpeg(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=97)
    return buffer.getvalue()


def test_extracted_face_has_its_quality(collins):
    found = extractor(OneFace()).extract(jpeg(collins), "largest").quality.components

    assert found["single_face_present"] == pytest.approx(75)
    for name, score in scores(collins).items():
        if score is not None and name != "single_face_present":
            assert found[name] == pytest.approx(score, abs=3), name


@pytest.mark.slow
def test_large_photograph_is_measured_reduced_and_counts_its_own_pixels(collins):
    large = cv2.resize(collins, (4096, 4096), interpolation=cv2.INTER_CUBIC)

    aligned = extractor(OneFace(), detector_size=(320, 240)).extract(jpeg(large), "largest")

    found, expected = aligned.quality.components, scores(large, (COLLINS + 0.5) * 8 - 0.5)
    assert (
        found["inter_eye_distance"]
        == pytest.approx(expected["inter_eye_distance"], abs=0.1)
        == pytest.approx(100, abs=0.1)
    )
    for name in ("head_size", "luminance_mean", "dynamic_range", "margin_above_of_the_face_image", "natural_colour"):
        assert found[name] == pytest.approx(expected[name], abs=3), name


def test_pack_with_68_points_tells_eyes_and_mouth(collins, landmarks_file):
    points = np.full((68, 2), 0.5, np.float32)
    eyes = {37: (0.3, 0.3), 38: (0.35, 0.3), 40: (0.35, 0.36), 41: (0.3, 0.36)}
    eyes |= {43: (0.65, 0.3), 44: (0.7, 0.3), 46: (0.7, 0.36), 47: (0.65, 0.36)}
    mouth = {48: (0.35, 0.8), 60: (0.36, 0.8), 54: (0.65, 0.8), 64: (0.64, 0.8), 61: (0.4, 0.8), 67: (0.4, 0.8)}
    mouth |= {62: (0.5, 0.78), 66: (0.5, 0.82), 63: (0.6, 0.8), 65: (0.6, 0.8), 8: (0.5, 1.1)}
    for number, place in (eyes | mouth).items():
        points[number] = place
    landmarker = Face68Landmarker(lambda _: [points.reshape(1, 136)], landmarks_file)

    found = extractor(OneFace(landmarks=None), landmarker).extract(jpeg(collins), "largest").quality.components

    # Openings of 0.06 and 0.04, and T = 0.77, in heights of the box.
    assert found["eyes_open"] == pytest.approx(100 / (1 + np.exp(-(0.06 / 0.77 - 0.02) / 0.01)), abs=0.1)
    assert found["mouth_closed"] == pytest.approx(100 / (1 + np.exp((0.04 / 0.77 - 0.2) / 0.06)), abs=0.1)
