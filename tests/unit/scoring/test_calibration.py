"""What a bundle says of a score: its false-match rate, thresholds, and why there are none."""

import math
import re

import numpy as np
import pytest

from service.errors import UnknownOperatingPoint
from service.scoring.calibration import Calibrations, FmrCurve, MethodCalibration, OperatingPoint, relevant
from service.scoring.parameters import Parameters

CURVE = FmrCurve(
    scores=np.array([0.0, 1.0, 3.0]),
    log10_fmr=np.array([0.0, -2.0, -9.0]),
    log10_low=np.array([0.0, -2.5, -10.0]),
    log10_high=np.array([0.0, -1.5, -5.0]),
    shown_down_to=1e-5,
)


def calibration(method="cosine", input_form="photo", **parameters):
    point = OperatingPoint(
        name="fmr_1e-2",
        fmr=1e-2,
        threshold=1.0,
        quality="measured",
        fmr_low=1e-3,
        fmr_high=1e-1,
        fnmr=0.1,
        fnmr_low=0.0,
        fnmr_high=0.2,
        false_matches=100,
        non_mated_pairs=10_000,
        mated_pairs=300,
        people=30,
        identity_pairs=435,
    )
    return MethodCalibration(method, Parameters(**parameters), input_form, CURVE, (point,))


@pytest.mark.parametrize(
    ("score", "fmr", "low", "high"),
    [
        (0.5, 1e-1, 10**-1.25, 10**-0.75),
        (1.0, 1e-2, 10**-2.5, 10**-1.5),
        (2.0, 10**-5.5, 10**-6.25, 10**-3.25),
        (-3.0, 1.0, 1.0, 1.0),
        (9.0, 1e-9, 1e-10, 1e-5),
    ],
)
def test_fmr_at_score_lies_on_the_lines_between_the_knots(score, fmr, low, high):
    stated = calibration().fmr_at_score(score)

    assert (stated.fmr, stated.high) == (pytest.approx(fmr), pytest.approx(high))
    assert stated.low == pytest.approx(min(low, fmr))


def test_fmr_at_score_is_extrapolated_below_what_the_pairs_show():
    assert not calibration().fmr_at_score(1.5).extrapolated
    assert calibration().fmr_at_score(2.5).extrapolated


def test_fmr_at_score_of_a_dao_score_goes_by_its_logarithm():
    ida = calibration("ida-r")

    assert ida.fmr_at_score(math.e).fmr == pytest.approx(1e-2)
    # A score of 0 is what underflows: nothing is less alike.
    assert ida.fmr_at_score(0.0).fmr == pytest.approx(1.0)
    assert ida.fmr_at_score(1e300).fmr == pytest.approx(1e-9)


def test_fmr_at_score_falls_strictly_and_is_never_zero():
    rates = [calibration().fmr_at_score(score).fmr for score in np.linspace(0, 3, 1000)]

    assert np.all(np.diff(rates) < 0)
    assert min(rates) >= 1e-9 * (1 - 1e-12)


@pytest.mark.parametrize("fmr", [1.0, 0.3, 1e-2, 1e-7, 1e-9])
def test_score_of_a_rate_has_that_rate(fmr):
    assert CURVE.at(CURVE.score_of(fmr)).fmr == pytest.approx(fmr)


def test_threshold_is_the_operating_points():
    assert calibration().threshold("fmr_1e-2") == 1.0
    with pytest.raises(UnknownOperatingPoint, match=r"'fmr_1e-7'.*fmr_1e-2"):
        calibration().threshold("fmr_1e-7")


def test_find_gives_the_calibration_of_method_form_and_parameters():
    photos, crops = calibration("ida-r", tau=2.0), calibration("ida-r", "crop", tau=2.0)
    calibrations = Calibrations("people", (calibration(), photos, crops), "0123456789abcdef")

    assert calibrations.find("ida-r", ("photo", "photo"), Parameters(tau=2.0), "0123456789abcdef") is photos
    assert calibrations.find("ida-r", ("crop", "crop"), Parameters(tau=2.0)) is crops
    # The cosine knows no tau.
    assert calibrations.find("cosine", ("photo", "photo"), Parameters(tau=9.0)) is calibrations.methods[0]


@pytest.mark.parametrize(
    ("method", "forms", "parameters", "pipeline_id", "reason"),
    [
        ("csls", ("photo", "photo"), Parameters(), None, "not calibrated for the method csls"),
        ("ida-r", ("photo", "crop"), Parameters(), None, "two photos, not for a photo and a crop"),
        ("ida-r", ("embedding", "embedding"), Parameters(), None, "two photos, not for two embeddings"),
        ("ida-r", ("photo", "photo"), Parameters(strength=0.5), None, "parameters in force"),
        ("ida-r", ("photo", "photo"), Parameters(guard=0.6), None, "parameters in force"),
        ("ida-r", ("photo", "photo"), Parameters(), "fedcba9876543210", "pipeline 0123456789abcdef"),
    ],
)
def test_find_says_why_no_calibration_holds(method, forms, parameters, pipeline_id, reason):
    calibrations = Calibrations("people", (calibration(), calibration("ida-r")), "0123456789abcdef")

    found = calibrations.find(method, forms, parameters, pipeline_id)

    assert isinstance(found, str)
    assert re.search(reason, found)


def test_find_gives_no_calibration_where_another_policy_chose_among_faces():
    calibrations = Calibrations("people", (calibration("cosine"),), face_policy="prominent")

    def found(policy):
        return calibrations.find("cosine", ("photo", "photo"), Parameters(), face_policy=policy)

    assert found("prominent") is calibrations.methods[0]
    # None: there was one face, which every policy chooses.
    assert found(None) is calibrations.methods[0]
    assert re.search("face policy prominent, and largest chose", found("largest"))


def test_relevant_parameters_are_those_that_the_method_combines():
    parameters = Parameters(k=3, tau=2.0, strength=0.5, cohort=50, guard=0.7, norm_power=2.0, typical_norm=3.0)

    assert relevant("cosine", parameters) == {}
    of_densities = {"k": 3, "tau": 2.0, "strength": 0.5, "guard": 0.7}
    assert relevant("ida-r", parameters) == {**of_densities, "norm_power": 2.0, "typical_norm": 3.0}
    assert relevant("as-norm", parameters) == {"cohort": 50, "guard": 0.7}
