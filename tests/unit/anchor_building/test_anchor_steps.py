"""The steps on a set of anchors, against hand-made numbers and loop-written oracles."""

import numpy as np
import pytest

from models.anchors.rows import AnchorRows, mean_pair_cosine
from models.anchors.steps import AnchorSteps, distinct, shape_set, shared_directions, thinned
from models.tool_errors import AnchorSourceInvalid
from service.errors import TooFewAnchors


def pair_mean(rows):
    """Return the mean similarity of all pairs, pair by pair."""
    values = [float(rows[i] @ rows[j]) for i in range(len(rows)) for j in range(i)]
    return sum(values) / len(values)


def all_rows(anchors):
    return anchors.rows(slice(None))


def test_mean_pair_cosine_is_that_of_all_pairs(unit_rows):
    rows = unit_rows(60, common=1.0)

    assert mean_pair_cosine(AnchorRows.all_of(rows)) == pytest.approx(pair_mean(rows.astype(float)), abs=1e-6)


def test_mean_pair_cosine_of_one_anchor_is_zero(unit_rows):
    assert mean_pair_cosine(AnchorRows.all_of(unit_rows(1))) == 0


def test_distinct_keeps_the_first_of_a_chain_and_what_only_a_dropped_one_resembles():
    # 10 degrees apart: each resembles its neighbours at cos(10) = 0.985, not at cos(20) = 0.940.
    angles = np.radians([0, 10, 20, 30, 90])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    assert distinct(AnchorRows.all_of(rows), 0.98).tolist() == [0, 2, 4]


@pytest.mark.slow
def test_distinct_over_many_blocks_is_the_greedy_loop(unit_rows):
    rows = unit_rows(5000, 6)
    near = rows @ rows.T >= 0.97
    kept = []
    for number in range(len(rows)):
        if not near[number, kept].any():
            kept.append(number)

    found = distinct(AnchorRows.all_of(rows), 0.97)

    # Similarities at the threshold itself may fall to either side.
    assert len(np.setxor1d(found, kept)) <= 4
    assert len(kept) < 4900


def test_shared_mean_is_subtracted_and_the_rest_brought_to_unit_norm(unit_rows):
    rows = unit_rows(200, common=2.0)
    mean = rows.mean(axis=0)
    expected = np.stack([(row - mean) / np.linalg.norm(row - mean) for row in rows])

    shared = shared_directions(AnchorRows.all_of(rows), "mean")

    assert shared.remove(rows) == pytest.approx(expected, abs=1e-5)
    assert shared.share == pytest.approx(float(mean @ mean), rel=1e-4)


def test_principal_directions_leave_nothing_along_them(unit_rows):
    rows = unit_rows(300, common=2.0)
    _, _, right = np.linalg.svd(rows.astype(float), full_matrices=False)

    shared = shared_directions(AnchorRows.all_of(rows), "principal", 2)
    left = shared.remove(rows)

    assert np.abs(left @ right[:2].T).max() < 1e-4
    assert np.linalg.norm(left, axis=1) == pytest.approx(np.ones(300), abs=1e-5)
    assert shared.share == pytest.approx(np.sum((rows @ right[:2].T) ** 2) / 300, rel=1e-4)


@pytest.mark.parametrize("directions", [0, 16])
def test_principal_directions_beyond_the_dimensions_are_refused(unit_rows, directions):
    with pytest.raises(AnchorSourceInvalid, match="From 1 to 15"):
        shared_directions(AnchorRows.all_of(unit_rows(30)), "principal", directions)


def test_removing_what_is_all_of_an_anchor_is_refused():
    rows = np.array([[1, 0], [1, 0], [1, 0]], np.float32)

    with pytest.raises(AnchorSourceInvalid, match="nothing of its own"):
        shape_set(AnchorRows.all_of(rows), AnchorSteps(shared="mean"), least=2)


@pytest.mark.slow
def test_thinned_reaches_the_target_by_dropping_what_is_most_crowded(unit_rows):
    crowd, others = unit_rows(300, common=6.0), unit_rows(300, seed=2)
    anchors = AnchorRows.all_of(np.concatenate([crowd, others]))

    kept = thinned(anchors, 0.1, least=10)

    left = anchors.keeping(kept)
    assert mean_pair_cosine(left) <= 0.1
    assert pair_mean(all_rows(left).astype(float)) == pytest.approx(0.1, abs=0.005)
    assert np.sum(kept >= 300) > 280
    assert np.sum(kept < 300) < 250


def test_thinned_of_a_set_that_is_spread_enough_keeps_all(unit_rows):
    assert len(thinned(AnchorRows.all_of(unit_rows(50)), 0.9, least=2)) == 50


def test_thinned_to_what_cannot_be_reached_says_how_far_it_came(unit_rows):
    with pytest.raises(TooFewAnchors, match=r"With 30 anchors left .* 0.0 was asked"):
        thinned(AnchorRows.all_of(unit_rows(50, common=8.0)), 0.0, least=30)


@pytest.mark.slow
def test_shape_set_takes_the_steps_in_order_and_reports_them(unit_rows):
    rows = unit_rows(200, common=2.0)
    rows = np.concatenate([rows, rows[:20]])

    anchors, report = shape_set(
        AnchorRows.all_of(rows), AnchorSteps(duplicates=0.999, shared="mean", spread=-0.0), least=10
    )

    assert (report.given, report.near_duplicates) == (220, 20)
    assert report.mean_pair_cosine_given == pytest.approx(pair_mean(rows.astype(float)), abs=1e-5)
    assert report.mean_pair_cosine == pytest.approx(pair_mean(all_rows(anchors).astype(float)), abs=1e-5)
    assert report.mean_pair_cosine <= 0 < report.shared_share
    assert len(anchors) == 220 - 20 - report.thinned


def test_shape_set_without_steps_changes_no_bit(unit_rows):
    rows = unit_rows(30)

    anchors, report = shape_set(AnchorRows.all_of(rows), AnchorSteps(), least=2)

    assert np.array_equal(all_rows(anchors), rows)
    assert (report.near_duplicates, report.thinned, report.shared_share) == (0, 0, 0.0)


def test_shape_set_of_duplicates_alone_says_so(unit_rows):
    rows = np.repeat(unit_rows(3), 10, axis=0)

    with pytest.raises(TooFewAnchors, match="27 are near-duplicates"):
        shape_set(AnchorRows.all_of(rows), AnchorSteps(duplicates=0.99), least=10)
