"""Rates that a stratum's own pairs do not show are no lower than all pairs', and fall all the same."""

import numpy as np
import pytest

from models.calibration.vouched_tails import vouched
from service.scoring.fmr_curve import FmrCurve
from service.scoring.strata import Strata, Stratum


def curve(per_unit, shown, floor=-9.0):
    """A rate that falls by so many decades for each unit of score."""
    scores = np.linspace(0, -floor / per_unit, 40)
    rate = -per_unit * scores
    return FmrCurve(scores, rate, rate - 0.3, rate + 0.3, shown)


def of_stratum(own, whole):
    stratum = Stratum((0, 0), own, 1000, 10)
    return vouched(Strata((10.0,), {(0, 0): stratum}), whole).strata[0, 0].curve


@pytest.mark.parametrize("score", np.linspace(0.05, 5.9, 30))
@pytest.mark.parametrize(("own_slope", "whole_slope"), [(3.0, 1.5), (2.0, 2.5)])
def test_rate_is_the_greater_of_both_below_what_the_pairs_show(score, own_slope, whole_slope):
    own, whole = curve(own_slope, 1e-4), curve(whole_slope, 1e-6)
    one, other = own.at(score).fmr, whole.at(score).fmr
    expected = one if one >= 1e-4 else max(one, min(1e-4, other))

    # A knot of the coarser curve may lie a little off.
    assert np.log10(of_stratum(own, whole).at(score).fmr) == pytest.approx(max(-9, np.log10(expected)), abs=0.06)


def test_rates_fall_strictly_and_intervals_hold_them():
    found = of_stratum(curve(3.0, 1e-4), curve(1.5, 1e-6))

    assert np.all(np.diff(found.scores) > 0)
    assert np.all(np.diff(found.log10_fmr) < 0)
    assert np.all(found.log10_low <= found.log10_fmr)
    assert np.all(found.log10_fmr <= found.log10_high)


def test_threshold_of_a_rate_that_was_shown_is_the_stratums_own():
    own = curve(3.0, 1e-4)
    assert of_stratum(own, curve(1.5, 1e-6)).score_of(1e-3) == pytest.approx(own.score_of(1e-3), abs=1e-3)


def test_rate_that_is_lifted_to_all_pairs_leaves_open_what_its_own_pairs_do():
    own, whole = curve(3.0, 1e-4), curve(1.5, 1e-6)

    found = of_stratum(own, whole)

    at = (found.scores > own.score_of(1e-4) + 0.1) & (found.scores < own.scores[-1])
    its_own = np.interp(found.scores[at], own.scores, own.log10_low)
    assert np.all(found.log10_fmr[at] > its_own + 0.5)
    assert np.all(found.log10_low[at] <= its_own + 1e-3)
    assert np.all(found.log10_high[at] >= found.log10_fmr[at] + 0.3 - 0.01)
