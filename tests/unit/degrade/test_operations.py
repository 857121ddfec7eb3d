"""Each operation does to a picture what its name says, and where."""

import numpy as np
import pytest

from models.degrade import pixels
from models.degrade.misplacement import Drift, Misplace
from models.degrade.operations import Blur, Cover, Enlarge, Grey, Jpeg, Light, Shrink, Turn
from models.degrade.photograph import Photograph
from service.faces.types import Box


def rng(seed=0):
    return np.random.default_rng(seed)


def sharpness(image):
    return np.square(np.diff(image.astype(float), axis=1)).mean()


def test_turn_by_nothing_leaves_the_picture(photograph):
    turned = pixels.turn(photograph.pixels, photograph.box, 0, 0)

    assert np.abs(turned.astype(int) - photograph.pixels).max() <= 1


def test_turn_to_the_right_moves_the_middle_of_the_face_and_not_what_is_beside_it(photograph):
    image = np.zeros_like(photograph.pixels)
    image[:, 100] = 255

    turned = pixels.turn(image, photograph.box, 30, 0)

    # x = r sin(asin(0) - 30 degrees), r being 0.75 box widths.
    assert turned[75, :, 0].argmax() == pytest.approx(100 - 0.75 * 80 * 0.5, abs=1)
    assert not turned[:, :35].any()
    assert not turned[:, 165:].any()


def test_turn_draws_both_directions(photograph):
    operation = Turn(kind="turn", yaw=[30, 30], pitch=[0, 0])
    image = np.zeros_like(photograph.pixels)
    image[:, 100] = 255
    marked = photograph.with_pixels(image)

    columns = {int(operation.apply(marked, rng(seed)).pixels[75, :, 0].argmax()) for seed in range(20)}

    assert {column < 100 for column in columns} == {True, False}


@pytest.mark.parametrize(
    ("part", "inside", "outside"),
    [
        ("mouth", (120, 100), (60, 100)),
        ("eyes", (45, 100), (115, 100)),
    ],
)
def test_cover_hides_its_part_of_the_face_alone(photograph, part, inside, outside):
    operation = Cover(kind="cover", parts=[part], depth=[0.3, 0.3], extent=[0.3, 0.3], noise=0)

    covered = operation.apply(photograph, rng(3))

    changed = np.any(covered.pixels != photograph.pixels, axis=-1)
    assert changed[inside]
    assert not changed[outside]
    assert len(np.unique(covered.pixels[changed], axis=0)) == 1
    assert covered.box == photograph.box


@pytest.mark.parametrize("part", ["side", "rectangle", "ellipse"])
def test_cover_changes_a_part_of_the_picture_only(photograph, part):
    operation = Cover(kind="cover", parts=[part], depth=[0.3, 0.3], extent=[0.4, 0.4], noise=25)

    changed = np.any(operation.apply(photograph, rng(1)).pixels != photograph.pixels, axis=-1)

    assert 0.01 < changed.mean() < 0.5


def test_light_with_gamma_above_one_is_darker(photograph):
    plain = {"contrast": [1, 1], "shade": [0, 0], "cast": [0, 0]}

    darker = Light(kind="light", gamma=[2, 2], **plain).apply(photograph, rng())
    same = Light(kind="light", gamma=[1, 1], **plain).apply(photograph, rng())

    assert darker.pixels.mean() < 0.8 * photograph.pixels.mean()
    assert np.abs(same.pixels.astype(int) - photograph.pixels).max() <= 1


def test_light_with_shade_falls_off_towards_one_end():
    grey = np.full((100, 100, 3), 200, np.uint8)

    shaded = pixels.relight(grey, gamma=1, contrast=1, shade=0.5, direction=0, gains=np.ones(3))

    assert shaded[50, 0, 0] > shaded[50, 50, 0] > shaded[50, 99, 0]
    assert shaded[50, 99, 0] == pytest.approx(200 * (1 - 0.5 * (1 / 1.4 + 1) / 2), abs=1)


def test_grey_has_three_equal_channels(photograph):
    grey = Grey(kind="grey").apply(photograph, rng()).pixels

    assert np.array_equal(grey[..., 0], grey[..., 1])
    assert np.array_equal(grey[..., 0], grey[..., 2])


def test_blur_is_relative_to_the_face(photograph):
    operation = Blur(kind="blur", sigma=[0.02, 0.02])
    larger = photograph.with_box(Box(0, 0, 200, 160))

    assert sharpness(operation.apply(photograph, rng()).pixels) < sharpness(photograph.pixels)
    assert sharpness(operation.apply(larger, rng()).pixels) < sharpness(operation.apply(photograph, rng()).pixels)


def test_shrink_leaves_so_many_pixels_of_the_face_and_moves_its_box(photograph):
    small = Shrink(kind="shrink", face_pixels=[25, 25]).apply(photograph, rng())

    assert small.pixels.shape == (40, 50, 3)
    assert small.side == pytest.approx(25)
    assert small.box == Box(15, 6.25, 35, 31.25)
    assert small.size == (200, 160)


def test_shrink_never_enlarges(photograph):
    assert Shrink(kind="shrink", face_pixels=[400, 400]).apply(photograph, rng()).pixels.shape == (160, 200, 3)


def test_enlarge_gives_the_first_size_back_and_leaves_a_picture_of_that_size(photograph):
    enlarge = Enlarge(kind="enlarge", kernels=["cubic"])
    small = Shrink(kind="shrink", face_pixels=[25, 25]).apply(photograph, rng())

    back = enlarge.apply(small, rng())

    assert back.pixels.shape == (160, 200, 3)
    assert back.box == photograph.box
    assert sharpness(back.pixels) < sharpness(photograph.pixels)
    assert enlarge.apply(photograph, rng()) is photograph


def test_jpeg_of_lower_quality_differs_more(photograph):
    def damage(quality):
        made = Jpeg(kind="jpeg", quality=[quality, quality]).apply(photograph, rng()).pixels
        return np.abs(made.astype(int) - photograph.pixels).mean()

    assert damage(5) > damage(90) > 0


def test_misplace_moves_the_box_within_its_limits_and_inside_the_picture(photograph):
    operation = Misplace(kind="misplace", offset=0.5, limit=0.6, size=[0.5, 0.5], aspect=[0.8, 0.8])

    boxes = [operation.apply(photograph, rng(seed)).box for seed in range(200)]

    assert len(set(boxes)) > 150
    for box in boxes:
        assert 0 <= box.left < box.right <= 200
        assert 0 <= box.top < box.bottom <= 160
        # Boxes that the picture's edge did not cut are as large as asked for, and not farther than the limit.
        if box.left > 0 and box.top > 0 and box.right < 200 and box.bottom < 160:
            assert box.height == pytest.approx(50)
            assert box.width == pytest.approx(40)
            assert np.hypot(box.centre[0] - 100, box.centre[1] - 75) <= 60.001


def test_misplace_out_of_the_picture_leaves_the_box():
    corner = Photograph.of(np.zeros((20, 20, 3), np.uint8), Box(0, 0, 9, 9))
    operation = Misplace(kind="misplace", offset=0, limit=1, size=[0.1, 0.1], aspect=[1, 1])

    assert operation.apply(corner, rng()).box == corner.box


def test_misplace_whose_moves_never_stay_within_the_limit_does_not_move(photograph):
    operation = Misplace(kind="misplace", offset=2, limit=1e-9, size=[1, 1], aspect=[0.8, 0.8])

    assert operation.apply(photograph, rng()).box == photograph.box


@pytest.mark.slow
def test_drift_moves_each_landmark_by_a_share_of_their_spread():
    landmarks = np.array([[-10, -10], [10, -10], [0, 0], [-10, 10], [10, 10]], np.float32)
    operation = Drift(kind="drift", amount=[0.1, 0.1])

    moved = np.stack([operation.move(landmarks, rng(seed)) for seed in range(2000)]) - landmarks

    # Root mean square distance from the middle: sqrt(4 * 200 / 5).
    assert moved.std() == pytest.approx(0.1 * np.sqrt(160), rel=0.03)
    assert np.abs(moved.mean(axis=0)).max() < 0.1
    assert operation.move(landmarks, rng()).dtype == np.float32
