"""Strata: the curve of a pair by the norms of both faces."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from service.scoring.calibration import MethodCalibration, OperatingPoint
from service.scoring.decision import judge
from service.scoring.fmr_curve import FmrCurve
from service.scoring.parameters import Parameters
from service.scoring.strata import Strata, Stratum, band_names, pairs_of_bands

RATES = np.array([0.0, -4.0, -9.0])
POINT = OperatingPoint("fmr_1e-4", 1e-4, 0.45, "measured", 5e-5, 2e-4, 0.1, 0.05, 0.2, 10, 100_000, 100, 50, 1225)


def curve(end, between_sets=None):
    """1 at the score 0, 1e-4 at ``end``."""
    return FmrCurve(np.array([0.0, end, 2 * end]), RATES, RATES - 0.5, np.minimum(RATES + 0.5, 0), 1e-5, between_sets)


# A pair of poorer pictures needs a higher score for the same rate.
ENDS = {(0, 0): 0.7, (0, 1): 0.6, (0, 2): 0.5, (1, 1): 0.55, (1, 2): 0.45, (2, 2): 0.4}
STRATA = Strata((9.0, 11.0), {b: Stratum(b, curve(end), int(1000 * end), 30) for b, end in ENDS.items()})
CALIBRATION = MethodCalibration("cosine", Parameters(), "photo", curve(0.45), (POINT,), STRATA)


@pytest.mark.parametrize(
    ("norms", "name"),
    [
        ((8.0, 8.5), "poor-poor"),
        ((12.0, 8.0), "poor-best"),
        ((8.0, 12.0), "poor-best"),
        ((9.0, 10.9), "fair-fair"),
        ((11.0, 9.0), "fair-best"),
        ((50.0, 11.0), "best-best"),
    ],
)
def test_pair_is_in_the_stratum_of_both_bands_whichever_face_is_the_probe(norms, name):
    assert STRATA.name(STRATA.of(norms)) == name
    assert CALIBRATION.measured_on(norms).stratum == name


@pytest.mark.parametrize("norms", [(None, 12.0), (12.0, None), (None, None)])
def test_pair_with_an_unknown_norm_is_judged_by_all_pairs(norms):
    assert STRATA.of(norms) is None
    assert CALIBRATION.threshold("fmr_1e-4", norms) == 0.45
    assert CALIBRATION.fmr_at_score(0.45, norms).fmr == pytest.approx(1e-4)
    rests_on = CALIBRATION.measured_on(norms)
    assert (rests_on.stratum, rests_on.pairs, rests_on.people) == (None, 100_000, 50)


def test_pair_of_poor_pictures_needs_a_higher_score():
    poor, best = (8.0, 8.0), (12.0, 12.0)
    assert CALIBRATION.threshold("fmr_1e-4", poor) == pytest.approx(0.7)
    assert CALIBRATION.threshold("fmr_1e-4", best) == pytest.approx(0.4)
    assert [judge(0.5, CALIBRATION, "fmr_1e-4", norms=norms).decision for norms in (poor, best)] == [
        "non_match",
        "match",
    ]
    assert CALIBRATION.fmr_at_score(0.5, poor).fmr > 30 * CALIBRATION.fmr_at_score(0.5, best).fmr


@pytest.mark.parametrize("bands", ENDS)
def test_pair_matches_where_its_own_rate_is_at_most_that_of_the_point(bands):
    norms = tuple((8.0, 10.0, 12.0)[band] for band in bands)
    for score in np.linspace(0.0, 1.0, 101):
        judged = judge(float(score), CALIBRATION, "fmr_1e-4", norms=norms)
        assert (judged.decision == "match") is (judged.fmr.fmr <= 1e-4 * (1 + 1e-9)) or abs(
            score - judged.threshold
        ) < 1e-9


def test_rates_of_every_stratum_fall_with_the_score_and_are_never_zero():
    for stratum in STRATA.strata.values():
        rates = [stratum.curve.at(float(score)).fmr for score in np.linspace(-1, 5, 500)]
        assert all(one >= other > 0 for one, other in itertools.pairwise(rates))


def test_spread_between_sets_widens_the_interval_and_is_told_apart():
    alone, wide = curve(0.5).at(0.5), curve(0.5, between_sets=0.4).at(0.5)
    assert wide.fmr == alone.fmr
    assert wide.sampling == pytest.approx((alone.low, alone.high))
    assert wide.between_sets == pytest.approx(10 ** (1.96 * 0.4))
    # Independent spreads add up as squares, in decades: 0.5 and 1.96 * 0.4.
    decades = (0.5**2 + (1.96 * 0.4) ** 2) ** 0.5
    assert (np.log10(wide.high / wide.fmr), np.log10(wide.fmr / wide.low)) == pytest.approx((decades, decades))
    assert alone.between_sets is None


def test_evidence_is_the_negative_logarithm_and_its_interval_that_of_the_rate():
    stated = curve(0.5).at(0.5)
    assert stated.evidence == pytest.approx(4.0)
    assert stated.evidence_interval == pytest.approx((3.5, 4.5))
    assert replace(stated, fmr=1.0, high=1.0).evidence == 0.0


def test_bands_are_named_from_poor_to_best():
    assert [band_names(bands) for bands in (2, 3, 4)] == [
        ("poor", "best"),
        ("poor", "fair", "best"),
        ("poor", "fair", "good", "best"),
    ]
    assert pairs_of_bands(2) == ((0, 0), (0, 1), (1, 1))
