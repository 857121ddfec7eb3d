"""The formulas of a face's quality, on numbers made by hand and against loops."""

import math

import cv2
import numpy as np
import pytest

from service.faces.quality import expression, lighting, placement
from service.faces.quality.blur import blur_width, sharpness
from service.faces.quality.head_pose import head_angles, pose_score
from service.faces.quality.mapping import bounded, sigmoid

# In distances between the eyes: eyes, nose, corners of the mouth; depth is towards the camera.
FACE = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.59, 0.5], [-0.42, 1.08, 0.05], [0.42, 1.08, 0.05]])


def logistic(x):
    return 1 / (1 + math.exp(-x))


def shares_of(levels):
    found = np.zeros(256)
    for level in levels:
        found[level] += 1 / len(levels)
    return found


# --- mapping ---


def test_sigmoid_is_the_logistic_function_and_never_overflows():
    for value in (-3.0, 0.0, 0.4, 7.0):
        assert sigmoid(value, 0.4, 0.5) == pytest.approx(logistic((value - 0.4) / 0.5), abs=1e-12)
    assert (sigmoid(-1e9, 0, 1e-3), sigmoid(1e9, 0, 1e-3)) == (0.0, 1.0)


def test_bounded_keeps_scores_within_0_and_100():
    assert [bounded(score) for score in (-3.0, 0.0, 99.9, 104.0)] == [0.0, 0.0, 99.9, 100.0]


# --- placement ---


@pytest.mark.parametrize(
    ("pixels", "yaw", "expected"),
    [(70, 0, 50.0), (90, 0, 73.106), (35, math.pi / 3, 50.0), (35, -math.pi / 3, 50.0), (0, 0, 2.931)],
)
def test_inter_eye_distance_is_that_of_the_head_seen_from_the_front(pixels, yaw, expected):
    assert placement.inter_eye_distance(pixels, yaw) == pytest.approx(expected, abs=1e-3)


def test_inter_eye_distance_of_a_profile_is_not_endless():
    assert placement.inter_eye_distance(5, math.pi / 2) == placement.inter_eye_distance(5, math.radians(75)) < 10


@pytest.mark.parametrize(("head", "expected"), [(45, 100.0), (40, 53.788), (50, 53.788), (0, 0.025), (100, 0.003)])
def test_head_size_is_best_at_0_45_of_the_height(head, expected):
    assert placement.head_size(head, 100) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("score", "middle"),
    [(placement.side_margin, 0.9), (placement.margin_above, 1.4), (placement.margin_below, 1.8)],
)
def test_margins_are_50_at_the_standards_middle_and_rise_from_there(score, middle):
    assert score(middle * 40, 40) == pytest.approx(50)
    assert score((middle + 0.1) * 40, 40) == pytest.approx(73.106, abs=1e-3)
    assert score(-40, 40) == pytest.approx(0, abs=1e-3)
    assert score(40, 0) is None


@pytest.mark.parametrize(
    ("areas", "expected"), [([8.0], 100.0), ([2.0, 8.0], 75.0), ([8.0, 4.0, 6.0], 25.0), ([8.0, 8.0], 0.0), ([], None)]
)
def test_single_face_present_compares_the_two_largest(areas, expected):
    assert placement.single_face_present(areas) == expected


# --- light and colour ---


def linear_by_hand(value):
    return ((value + 0.055) / 1.055) ** 2.4 if value > 0.04045 else value / 12.92


def test_luminance_agrees_with_a_loop():
    pixels = np.random.default_rng(3).integers(0, 256, (17, 23, 3), dtype=np.uint8)
    pixels[0, :8] = np.arange(8)[:, None]

    found = lighting.luminance(pixels)

    for row in range(17):
        for column in range(23):
            red, green, blue = (linear_by_hand(int(value) / 255) for value in pixels[row, column])
            expected = 255 * (0.2126 * red + 0.7152 * green + 0.0722 * blue)
            # One level where the sum lies on the edge between two.
            assert abs(int(found[row, column]) - math.floor(expected + 0.5)) <= (abs(expected % 1 - 0.5) < 1e-4)


def test_histogram_counts_what_the_mask_shows():
    levels = np.array([[3, 3, 200], [9, 3, 255]], np.uint8)

    found = lighting.histogram(levels, np.array([[1, 1, 1], [0, 0, 1]], np.uint8))

    assert found[[3, 200, 255]] == pytest.approx([0.5, 0.25, 0.25])
    assert found.sum() == pytest.approx(1)
    assert not lighting.histogram(levels, np.zeros((2, 3), np.uint8)).any()


def test_exposures_are_shares_of_the_darkest_and_the_brightest_levels():
    assert lighting.under_exposure_prevention(shares_of([26] * 10)) == pytest.approx(99.84, abs=1e-3)
    assert lighting.under_exposure_prevention(shares_of([25] * 92 + [26] * 8)) == pytest.approx(39.84)
    assert bounded(lighting.under_exposure_prevention(shares_of([0]))) == pytest.approx(0, abs=0.1)
    assert lighting.over_exposure_prevention(shares_of([246] * 10)) == pytest.approx(100)
    assert lighting.over_exposure_prevention(shares_of([247] + [246] * 99)) == pytest.approx(50)
    assert lighting.over_exposure_prevention(shares_of([255])) == pytest.approx(1 / 1.01)


def test_range_mean_and_variance_agree_with_loops():
    levels = np.random.default_rng(5).integers(20, 200, 700).tolist()
    shares = shares_of(levels)
    mean = sum(level / 255 for level in levels) / len(levels)
    variance = sum((level / 255 - mean) ** 2 for level in levels) / len(levels)
    entropy = -sum(count / 700 * math.log2(count / 700) for level in set(levels) if (count := levels.count(level)))

    assert lighting.dynamic_range(shares) == pytest.approx(12.5 * entropy)
    expected = 100 * logistic((mean - 0.2) / 0.05) * (1 - logistic((mean - 0.8) / 0.05))
    assert lighting.luminance_mean(shares) == pytest.approx(expected)
    share = 60 * variance / (60 * variance + 1)
    assert lighting.luminance_variance(shares) == pytest.approx(100 * math.sin(math.pi * share))


def test_extremes_of_range_mean_and_variance():
    one, two, every = shares_of([128]), shares_of([0, 255]), np.full(256, 1 / 256)
    assert (lighting.dynamic_range(one), lighting.dynamic_range(two)) == (0.0, 12.5)
    assert lighting.dynamic_range(every) == pytest.approx(100)
    assert lighting.luminance_mean(shares_of([51])) == pytest.approx(50, abs=1e-2)
    assert lighting.luminance_variance(one) == pytest.approx(0)
    assert lighting.luminance_variance(two) == pytest.approx(100 * math.sin(math.pi * 15 / 16))


def test_illumination_uniformity_is_what_both_cheeks_have_in_common():
    left, right = shares_of([10] * 3 + [20] * 5 + [30] * 2), shares_of([20] * 2 + [30] * 8)
    assert lighting.illumination_uniformity(left, right) == pytest.approx(100 * 0.4**0.3)
    assert lighting.illumination_uniformity(left, left) == pytest.approx(100)
    assert lighting.illumination_uniformity(shares_of([1]), shares_of([2])) == 0


def colour_by_hand(red, green, blue):
    """The formula of the colour by its steps, each channel for itself."""
    r, g, b = (linear_by_hand(value / 255) for value in (red, green, blue))
    x = (0.43605 * r + 0.38508 * g + 0.14309 * b) / 0.964221
    y = 0.22249 * r + 0.71689 * g + 0.06062 * b
    z = (0.01393 * r + 0.09710 * g + 0.71419 * b) / 0.825211
    fx, fy, fz = (v ** (1 / 3) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116 for v in (x, y, z))
    a, b = 500 * (fx - fy), 200 * (fy - fz)
    distance = 100.0 if a < 0 or b < 0 else math.hypot(max(0, 5 - a, a - 25), max(0, 5 - b, b - 35))
    return 200 * (1 - logistic(distance / 10))


@pytest.mark.parametrize(
    "colour",
    [(200, 150, 130), (120, 80, 60), (128, 128, 128), (60, 120, 200), (255, 20, 10), (3, 2, 1), (250, 200, 20)],
)
def test_natural_colour_agrees_with_its_steps(colour):
    found = lighting.natural_colour(np.array(colour, dtype=np.float64))

    assert found == pytest.approx(colour_by_hand(*colour), abs=1e-9)


def test_natural_colour_knows_skin_from_what_is_none():
    skin, grey, blue = (
        lighting.natural_colour(np.array(c, float)) for c in ((205, 160, 140), (128,) * 3, (60, 90, 200))
    )
    assert skin == 100
    assert [grey, blue] == pytest.approx([0, 0], abs=0.01)


# --- the head's angles ---


def turned(yaw, pitch, roll, face=FACE):
    """The landmarks of a face turned by angles in degrees, seen from far away."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_x = [[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]]
    about_y = [[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]]
    about_z = [[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]]
    rotation = np.array(about_z) @ about_y @ about_x
    return (40 * (face @ rotation.T)[:, :2] + np.array([120, 90])).astype(np.float32)


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (-45, 10, 5), (0, -25, 0), (20, 15, -80), (10, 5, 170)])
def test_head_angles_are_those_that_a_face_was_turned_by(angles):
    found = head_angles(turned(*angles))

    assert np.degrees([found.yaw, found.pitch, found.roll]) == pytest.approx(angles, abs=0.01)


@pytest.mark.parametrize("yaw", [-40, -20, 0, 20, 40])
def test_head_angles_of_another_nose_are_some_degrees_off(yaw):
    longer = FACE.copy()
    longer[2, 2] += 0.12

    found = head_angles(turned(yaw, 0, 0, longer))

    assert math.degrees(found.yaw) == pytest.approx(yaw, abs=8)
    assert math.degrees(found.roll) == pytest.approx(0, abs=1)


def test_head_angles_of_landmarks_that_coincide_are_numbers():
    found = head_angles(np.full((5, 2), 7, np.float32))

    assert all(map(math.isfinite, (found.yaw, found.pitch, found.roll)))


def test_pose_score_is_the_cosine_squared_and_nothing_upside_down():
    assert [pose_score(math.radians(angle)) for angle in (0, 30, -45, 90, 135, 180)] == pytest.approx(
        [100, 75, 50, 0, 0, 0]
    )


# --- eyes and mouth ---


def points68(eyes=6.0, mouth=0.0):
    """68 points of which the lids and the inner lips are so far apart, the left eye twice as far."""
    points = np.zeros((68, 2), np.float32)
    for upper, lower, opening in [(37, 41, 2 * eyes), (38, 40, eyes), (43, 47, eyes), (44, 46, eyes / 2)]:
        points[upper], points[lower] = (upper, 50), (upper, 50 + opening)
    for upper, lower, opening in [(61, 67, mouth / 2), (62, 66, mouth), (63, 65, mouth / 3)]:
        points[upper], points[lower] = (upper, 90), (upper, 90 + opening)
    return points


def test_eyes_open_is_the_widest_opening_of_the_eye_that_is_open_less():
    assert expression.eyes_open(points68(eyes=2), 100) == pytest.approx(50)
    assert expression.eyes_open(points68(eyes=4), 100) == pytest.approx(100 * logistic(2))
    assert expression.eyes_open(points68(), 0) is None


def test_mouth_closed_falls_with_the_widest_opening():
    assert expression.mouth_closed(points68(mouth=20), 100) == pytest.approx(50)
    assert expression.mouth_closed(points68(mouth=0), 100) == pytest.approx(100 * logistic(0.2 / 0.06))
    assert expression.mouth_closed(points68(), 0) is None


# --- sharpness ---


@pytest.mark.parametrize("width", [1.0, 1.5, 2.5, 4.0])
@pytest.mark.parametrize("height", [40, 180])
def test_blur_width_is_that_of_the_gaussian_that_blurred_edges_whatever_their_height(width, height):
    edges = np.zeros((112, 112, 3), np.float32)
    edges[:, 20:50] = edges[:, 80:] = height
    crop = np.rint(cv2.GaussianBlur(edges, (0, 0), width)).astype(np.uint8)

    found = blur_width(crop, np.ones((112, 112), np.uint8))

    # Wider: the flanks of an edge lose less of their slope than its middle, and lie among what counts as edges.
    assert width < found < 1.3 * width + 0.2


def test_blur_width_looks_at_the_face_alone():
    crop = np.zeros((112, 112, 3), np.uint8)
    crop[:, 56:] = 200
    crop[:56] = cv2.GaussianBlur(crop, (0, 0), 5)[:56]
    above, below = np.zeros((2, 112, 112), np.uint8)
    above[5:45], below[65:105] = 1, 1

    assert blur_width(crop, above) > 4
    assert blur_width(crop, below) < 2
    assert blur_width(crop, np.zeros((112, 112), np.uint8)) is None


def test_noise_changes_the_width_of_a_blur_little():
    edges = np.zeros((112, 112, 3), np.float32)
    edges[:, 20:50] = edges[:, 80:] = 150
    noise = np.random.default_rng(2).normal(0, 8, edges.shape)
    everywhere = np.ones((112, 112), np.uint8)
    for width in (1, 3):
        blurred = cv2.GaussianBlur(edges, (0, 0), width)
        clean, noisy = (np.clip(each, 0, 255).astype(np.uint8) for each in (blurred, blurred + noise))
        assert blur_width(noisy, everywhere) == pytest.approx(blur_width(clean, everywhere), rel=0.3)


def test_crop_without_an_edge_is_as_blurred_as_can_be():
    flat = np.full((112, 112, 3), 90, np.uint8)

    assert sharpness(blur_width(flat, np.ones((112, 112), np.uint8))) == pytest.approx(0)


def test_sharpness_is_50_at_two_pixels_and_falls_with_the_width():
    assert sharpness(2.0) == 50
    assert sharpness(1.7) == pytest.approx(73.106, abs=1e-3)
    assert sharpness(2.3) == pytest.approx(26.894, abs=1e-3)
