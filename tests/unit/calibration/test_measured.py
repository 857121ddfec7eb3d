"""Which rates a number of pairs measures."""

import numpy as np
import pytest

from models.calibration.operating_points import operating_points
from models.labelled.pairs.resampling import person_weights
from models.labelled.rates.measured import measured_fmrs, point_name, quality, upper_end
from models.labelled.rates.observed import observe
from models.labelled.rates.seen_strata import observed_ratio_at
from service.scoring.fmr_curve import FmrCurve


@pytest.mark.parametrize(
    ("pairs", "fmr", "expected"),
    [
        (3_000_000, 1e-5, "measured"),
        (2_999_999, 1e-5, "wide"),
        (300_000, 1e-5, "wide"),
        (299_999, 1e-5, "extrapolated"),
        (3_000, 1e-2, "measured"),
        (0, 1e-2, "extrapolated"),
    ],
)
def test_quality_needs_thirty_or_three_expected_false_matches(pairs, fmr, expected):
    assert quality(pairs, fmr) == expected


def test_measured_fmrs_go_down_to_the_smallest_with_thirty_expected():
    assert measured_fmrs(300_000) == (1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
    assert measured_fmrs(2_999) == ()


def test_no_false_match_among_n_pairs_of_people_is_at_most_three_in_n():
    assert upper_end(0, 1500, 0.0) == pytest.approx(3 / 1500)
    assert upper_end(0, 1500, 0.1) == 0.1
    assert upper_end(2, 1500, 0.0015) == 0.0015
    assert upper_end(0, 2, 0.0) == 1.0
    assert upper_end(0, 0, 0.0) == 1.0


@pytest.mark.parametrize(("fmr", "name"), [(1e-2, "fmr_1e-2"), (1e-6, "fmr_1e-6"), (3e-4, "fmr_3e-4")])
def test_point_name_is_the_rates(fmr, name):
    assert point_name(fmr) == name


def test_no_false_non_match_among_n_people_is_at_most_three_in_n():
    assert upper_end(0, 60, 0.0) == pytest.approx(3 / 60)
    assert upper_end(0, 60, 0.2) == 0.2
    assert upper_end(1, 60, 0.01) == 0.01
    assert upper_end(0, 2, 0.0) == 1.0
    assert upper_end(0, 0, 0.0) == 1.0


def test_bound_of_no_false_match_counts_pairs_of_people_and_not_of_pictures(make_people, compare):
    compared = compare(*make_people(people=12, faces_each=10, spread=0.01))

    seen = observe(np.array([0.999]), "linear", [compared], [person_weights(12, 100, seed=0)])[0]

    assert compared.non_mated == 6600
    assert (seen.false_matches, seen.identity_pairs) == (0, 66)
    assert seen.fmr_high == pytest.approx(3 / 66)
    ratio = observed_ratio_at([compared], 0.999, 1e-2, 0, compared.non_mated)
    assert ratio.high == pytest.approx(3 / 66 / 1e-2)


def test_operating_point_that_no_pair_reaches_is_bounded_by_pairs_of_people(make_people, compare):
    compared = compare(*make_people(people=30, faces_each=6))
    curve = FmrCurve(
        scores=np.array([-1.0, 0.99, 2.0]),
        log10_fmr=np.array([0.0, -1.9, -9.0]),
        log10_low=np.array([0.0, -2.0, -9.0]),
        log10_high=np.array([0.0, -1.8, -9.0]),
        shown_down_to=1e-3,
    )

    points = operating_points(curve, "linear", [compared], [person_weights(30, 100, seed=0)])

    assert [point.false_matches for point in points[1:]] == [0, 0, 0, 0]
    assert [point.fmr_high for point in points[1:]] == pytest.approx([3 / 435] * 4)
