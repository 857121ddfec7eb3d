"""What the liveness part is asked and what its word is taken for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_packs import liveness_manifest

from service.errors import InferenceFailed
from service.faces.liveness import SCALES, LivenessCheck, surroundings
from service.faces.types import Box

SPEC = liveness_manifest().liveness


def told(*shares):
    """A run that gives these shares of live, one for each crop."""
    return lambda inputs: [np.array([[np.log(share), np.log(1 - share), -30.0] for share in shares], np.float32)]


def check(run):
    return LivenessCheck(run, liveness_manifest())


def square(size, left=150.0, top=150.0):
    return Box(left, top, left + size, top + size)


PICTURE = np.full((400, 500, 3), 200, np.uint8)


def test_three_crops_that_agree_give_a_verdict_and_their_mean():
    found = check(told(0.9, 0.8, 0.7)).assess(PICTURE, square(60))
    assert (found.verdict, found.reason) == ("live", None)
    assert found.score == pytest.approx(0.8)
    found = check(told(0.1, 0.2, 0.3)).assess(PICTURE, square(60))
    assert (found.verdict, found.reason) == ("spoof", None)
    assert found.score == pytest.approx(0.2)


@pytest.mark.parametrize("turned", range(3))
@pytest.mark.parametrize("rest", [0.9, 0.1])
def test_one_crop_that_turns_the_verdict_makes_it_uncertain(turned, rest):
    shares = [rest] * 3
    shares[turned] = 1 - rest
    found = check(told(*shares)).assess(PICTURE, square(60))
    assert (found.verdict, found.reason) == ("uncertain", "crops_disagree")
    assert found.score == pytest.approx(np.mean(shares))


def test_share_at_the_threshold_is_live():
    run = lambda inputs: [np.zeros((3, 2), np.float32)]  # noqa: E731
    assert check(run).assess(PICTURE, square(60)).verdict == "live"


def test_face_with_fewer_pixels_than_the_network_sees_is_uncertain():
    least = SPEC.preprocessing.width / SPEC.box_scale
    assert check(told(0.9, 0.9, 0.9)).assess(PICTURE, square(least - 0.5)).reason == "small_face"
    assert check(told(0.9, 0.9, 0.9)).assess(PICTURE, square(least + 0.5)).verdict == "live"
    narrow = Box(150, 150, 150 + least - 0.5, 250)
    assert check(told(0.9, 0.9, 0.9)).assess(PICTURE, narrow).reason == "small_face"


def test_picture_too_small_for_what_surrounds_the_face_is_uncertain():
    most = 400 / SPEC.box_scale  # the picture's height
    assert check(told(0.9, 0.9, 0.9)).assess(PICTURE, square(most + 0.5, 100, 100)).reason == "narrow_picture"
    assert check(told(0.9, 0.9, 0.9)).assess(PICTURE, square(most - 0.5, 100, 100)).verdict == "live"


@pytest.mark.parametrize("corner", [(0, 0), (440, 0), (0, 340), (440, 340), (-20, -20), (470, 370)])
def test_face_at_the_edge_of_a_large_picture_is_judged_by_what_lies_within(corner):
    seen = []

    def run(inputs):
        seen.append(inputs)
        return told(0.9, 0.9, 0.9)(inputs)

    assert check(run).assess(PICTURE, square(60, *corner)).verdict == "live"
    assert np.all(seen[0] == 200)  # nothing was filled in


def test_network_is_fed_raw_values_in_its_order_of_colours():
    seen = []

    def run(inputs):
        seen.append(inputs)
        return told(0.9, 0.9, 0.9)(inputs)

    check(run).assess(np.full((400, 400, 3), (10, 20, 30), np.uint8), square(60))
    assert seen[0].shape == (len(SCALES), 3, 128, 128)
    assert seen[0].dtype == np.float32
    np.testing.assert_array_equal(seen[0][:, :, 5, 5], [[30, 20, 10]] * 3)


def test_crops_are_of_three_sizes_around_the_face():
    # A picture whose values tell the column, so that a crop's ends can be read from it.
    columns = np.repeat((np.arange(400) // 2).astype(np.uint8)[None, :, None], 400, axis=0).repeat(3, axis=2)
    seen = []

    def run(inputs):
        seen.append(inputs)
        return told(0.9, 0.9, 0.9)(inputs)

    check(run).assess(columns, square(60, 170, 170))
    widths = 2 * (seen[0][:, 0, 64, -1] - seen[0][:, 0, 64, 0])
    np.testing.assert_allclose(widths, [60 * SPEC.box_scale * scale for scale in SCALES], atol=8)


@pytest.mark.parametrize(
    "outputs", [np.zeros((2, 3)), np.zeros((3, 0)), np.zeros(3), np.full((3, 3), np.nan), np.full((3, 3), np.inf)]
)
def test_network_that_gives_something_else_fails(outputs):
    with pytest.raises(InferenceFailed):
        check(lambda inputs: [outputs.astype(np.float32)]).assess(PICTURE, square(60))


def by_hand(rows, columns, box, scale):
    """The publisher's rule, step by step: what is cut out as left, top, width, height."""
    width, height = box.width, box.height
    scale = min((rows - 1) / height, (columns - 1) / width, scale)
    left = box.left + width / 2 - width * scale / 2
    top = box.top + height / 2 - height * scale / 2
    right, bottom = left + width * scale, top + height * scale
    if left < 0:
        left, right = 0, right - left
    if top < 0:
        top, bottom = 0, bottom - top
    if right > columns - 1:
        left, right = left - (right - columns + 1), columns - 1
    if bottom > rows - 1:
        top, bottom = top - (bottom - rows + 1), rows - 1
    return max(int(left), 0), max(int(top), 0), right - left, bottom - top


@given(
    rows=st.integers(40, 250),
    columns=st.integers(40, 250),
    left=st.integers(-30, 280),
    top=st.integers(-30, 280),
    width=st.integers(2, 200),
    height=st.integers(2, 200),
    scale=st.sampled_from([2.7 * scale for scale in SCALES]),
)
def test_surroundings_are_cut_as_the_publisher_cuts_them(rows, columns, left, top, width, height, scale):
    image = np.zeros((rows, columns, 3), np.uint8)
    image[..., 0] = np.arange(columns) % 256
    image[..., 1] = (np.arange(rows) % 256)[:, None]
    box = Box(left, top, left + width, top + height)
    cut = surroundings(image, box, scale)
    x, y, wide, high = by_hand(rows, columns, box, scale)
    # A float's last bit may move an edge by a pixel.
    assert abs(int(cut[0, 0, 0]) - x % 256) <= 1
    assert abs(int(cut[0, 0, 1]) - y % 256) <= 1
    assert cut.shape[1] == pytest.approx(wide, abs=1.01)
    assert cut.shape[0] == pytest.approx(high, abs=1.01)


@pytest.mark.parametrize(
    "box", [Box(5, 5, 5, 5), Box(50, 50, 40, 40), Box(-500, -500, -400, -400), Box(0, 0, 9e6, 9e6)]
)
def test_box_that_is_none_gives_a_crop_all_the_same(box):
    cut = surroundings(np.zeros((30, 40, 3), np.uint8), box, 2.7)
    assert cut.size > 0
    assert surroundings(np.zeros((1, 1, 3), np.uint8), box, 2.7).shape == (1, 1, 3)
