"""Who calibrates on few people hears what the bundle as it was could say of rates, and this one cannot."""

from dataclasses import replace
from types import SimpleNamespace

from calibrated_bundles import CURVE, point

from models.calibration.given_up import given_up
from service.scoring.calibration import MethodCalibration
from service.scoring.parameters import Parameters
from service.scoring.strata import Strata, Stratum, pairs_of_bands

POINTS = (point("fmr_1e-2", 1e-2), point("fmr_1e-4", 1e-4))
STRATA = Strata((10.0,), {bands: Stratum(bands, CURVE, 100, 10) for bands in pairs_of_bands(2)})
FORMER = MethodCalibration("cosine", Parameters(), "photo", CURVE, POINTS, STRATA)


def told(points, strata, former):
    calibration = MethodCalibration("cosine", Parameters(), "photo", CURVE, points, strata)
    return " ".join(given_up(SimpleNamespace(calibration=calibration), former))


def test_point_that_was_measured_and_is_not_any_more_and_strata_that_are_gone_are_told():
    said = told((POINTS[0], replace(POINTS[1], quality="extrapolated")), None, FORMER)
    assert "fmr_1e-4" in said
    assert f"rested on {POINTS[1].non_mated_pairs:,} pairs, {POINTS[1].people:,} people" in said
    assert "3 strata" in said
    assert "fmr_1e-2" not in said


def test_nothing_is_told_where_nothing_is_given_up():
    assert told(POINTS, STRATA, FORMER) == ""
    assert told(POINTS, None, "the bundle was not calibrated") == ""
