"""Which interval of a log-likelihood ratio a judgement has."""

from dataclasses import replace

import numpy as np
import pytest

from service.scoring.calibration import MethodCalibration
from service.scoring.decision import judge
from service.scoring.fmr_curve import FmrCurve
from service.scoring.llr_interval import LlrLine
from service.scoring.parameters import Parameters
from service.scoring.strata import Strata, Stratum, pairs_of_bands

LINE = LlrLine(0.0, 1.0, 0.04, 0.0, 0.0)
POOR = LlrLine(0.0, 1.0, 0.25, 0.0, 0.0)


@pytest.fixture
def calibration():
    rates = np.array([0.0, -4.0])
    curve = FmrCurve(np.array([-10.0, 10.0]), rates, rates, rates, 1e-3)
    strata = {bands: Stratum(bands, curve, 100, 10, POOR if bands == (0, 0) else None) for bands in pairs_of_bands(2)}
    return MethodCalibration("ida-q", Parameters(), "photo", curve, (), Strata((10.0,), strata), LINE)


@pytest.mark.parametrize(("norms", "half"), [((5.0, 6.0), 0.98), ((5.0, 12.0), 0.392), ((None, 6.0), 0.392)])
def test_interval_is_that_of_the_pairs_own_stratum_where_it_tells_one(calibration, norms, half):
    assert judge(3.0, calibration, None, (), norms).llr_interval == pytest.approx((3 - half, 3 + half))


def test_no_interval_where_no_rate_is_vouched_for_or_none_was_measured(calibration):
    doubt = type("Doubted", (), {"says": "beyond", "code": "low_quality"})()

    assert judge(3.0, calibration, None, (doubt,)).llr_interval is None
    assert judge(3.0, replace(calibration, llr=None), None).llr_interval is None
