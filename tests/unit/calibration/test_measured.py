"""Which rates a number of pairs measures."""

import pytest

from models.labelled.rates.measured import measured_fmrs, point_name, quality, upper_end


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


def test_no_false_match_in_n_pairs_is_at_most_three_in_n():
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
