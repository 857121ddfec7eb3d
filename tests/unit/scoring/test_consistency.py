"""Thresholds and the curve beside them agree, or what does not is named."""

import math
from dataclasses import replace

import pytest
from calibrated_bundles import CURVE, SOUND, point

from service.bundle.calibration_part import parse_calibrations
from service.bundle.reader import read_manifest
from service.scoring.calibration import Calibrations, MethodCalibration
from service.scoring.consistency import contradictions
from service.scoring.parameters import Parameters
from service.settings import DEFAULT_BUNDLE


def of(*points, method="cosine"):
    return Calibrations("people made up", (MethodCalibration(method, Parameters(), "photo", CURVE, points),))


def test_default_bundle_agrees_with_itself():
    manifest = read_manifest(DEFAULT_BUNDLE)
    content = (DEFAULT_BUNDLE / manifest.parts["calibration"].file).read_bytes()
    assert contradictions(parse_calibrations(content, manifest)) == ()


def test_threshold_with_five_digits_agrees():
    rounded = [replace(found, threshold=float(f"{found.threshold:.5g}")) for found in SOUND]
    assert contradictions(of(*rounded)) == ()


@pytest.mark.parametrize("shift", [-1000.0, -0.01, -0.001, 0.001, 0.01, 1000.0])
def test_shifted_threshold_is_named_with_both_rates(shift):
    found = contradictions(of(SOUND[0], replace(SOUND[1], threshold=SOUND[1].threshold + shift)))
    assert len(found) == 1
    assert "fmr_1e-3 (cosine, photos) states a false-match rate of 0.001" in found[0]


def test_name_that_states_another_rate_is_named():
    assert "states a false-match rate of 1" in contradictions(of(point("fmr_1e-4", 1.0)))[0]
    assert contradictions(of(point("door", 1e-2))) == ()


def test_same_name_twice_is_named():
    assert len(contradictions(of(SOUND[0], SOUND[0]))) == 2


def test_threshold_of_a_positive_score_is_compared_by_its_logarithm():
    scores = [replace(found, threshold=math.exp(found.threshold)) for found in SOUND]
    assert contradictions(of(*scores, method="ida-r")) == ()
    assert len(contradictions(of(*SOUND, method="ida-r"))) == 2
    assert len(contradictions(of(replace(scores[0], threshold=-1000.0), method="ida-r"))) == 1
