"""From a score to a decision: the tie rule, and the reasons for having none."""

import numpy as np
import pytest

from service.errors import Doubt
from service.scoring.calibration import FmrCurve, MethodCalibration, OperatingPoint
from service.scoring.decision import judge
from service.scoring.parameters import Parameters

THRESHOLD = 0.3
POINT = OperatingPoint(
    name="fmr_1e-2", fmr=1e-2, threshold=THRESHOLD, quality="measured", fmr_low=5e-3, fmr_high=2e-2, fnmr=0.1,
    fnmr_low=0.05, fnmr_high=0.2, false_matches=10, non_mated_pairs=1000, mated_pairs=100, people=50,
    identity_pairs=1225,
)  # fmt: skip
RATES = np.array([0.0, -4.0])
CALIBRATION = MethodCalibration(
    "cosine", Parameters(), "photo", FmrCurve(np.array([0.0, 1.0]), RATES, RATES - 1, RATES + 0, 1e-3), (POINT,)
)


@pytest.mark.parametrize(
    ("score", "decision"),
    [
        (np.nextafter(THRESHOLD, 0.0), "non_match"),
        (THRESHOLD, "match"),
        (np.nextafter(THRESHOLD, 1.0), "match"),
        (-1.0, "non_match"),
        (1.0, "match"),
    ],
)
def test_score_of_at_least_the_threshold_is_a_match(score, decision):
    judged = judge(float(score), CALIBRATION, "fmr_1e-2")
    assert (judged.decision, judged.threshold, judged.reason) == (decision, THRESHOLD, None)


def test_without_an_operating_point_there_is_a_rate_and_no_decision():
    judged = judge(0.5, CALIBRATION, None)
    assert judged.decision is None
    assert judged.fmr.fmr == pytest.approx(1e-2)


def test_without_a_calibration_there_is_its_reason_alone():
    judged = judge(0.5, "never measured", "fmr_1e-2")
    assert (judged.decision, judged.threshold, judged.fmr, judged.reason) == (None, None, None, "never measured")


DOUBTS = (Doubt("probe", "poor_picture", "the probe shows nothing", "Come nearer."),)


@pytest.mark.parametrize(
    ("score", "decision"), [(THRESHOLD, "inconclusive"), (1.0, "inconclusive"), (0.1, "non_match")]
)
def test_doubted_pair_is_never_a_match_and_states_no_rate(score, decision):
    judged = judge(score, CALIBRATION, "fmr_1e-2", DOUBTS)
    assert (judged.decision, judged.threshold, judged.fmr, judged.doubts) == (decision, THRESHOLD, None, DOUBTS)
    assert ("the probe shows nothing" in (judged.reason or "")) is (decision == "inconclusive")


def test_doubted_pair_without_an_operating_point_states_no_rate_either():
    judged = judge(1.0, CALIBRATION, None, DOUBTS)
    assert (judged.decision, judged.fmr, judged.doubts) == (None, None, DOUBTS)
