"""Judging pairs by columns against judging them one by one; limits of faces against each face's own check."""

from dataclasses import replace

import numpy as np
import pytest
from calibrated_bundles import CURVE, SOUND

from service.scoring.calibration import MethodCalibration
from service.scoring.decision import judge
from service.scoring.fmr_curve import FmrCurve
from service.scoring.parameters import Parameters
from service.scoring.strata import Strata, Stratum
from service.verifier.pair_columns import judged_columns, usable


def shifted(by: float) -> FmrCurve:
    return replace(CURVE, scores=CURVE.scores + by)


BANDS = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
STRATA = Strata((9.0, 11.0), {bands: Stratum(bands, shifted(0.05 * sum(bands)), 100, 9) for bands in BANDS})


@pytest.mark.parametrize("strata", [None, STRATA])
@pytest.mark.parametrize("method", ["cosine", "ida-r"])
@pytest.mark.parametrize("operating_point", [None, "fmr_1e-3", "unknown"])
def test_columns_are_what_is_judged_one_by_one(strata, method, operating_point):
    calibration = MethodCalibration(method, Parameters(), "embedding", CURVE, SOUND, strata)
    draw = np.random.default_rng(5)
    scores = draw.uniform(0.0, 2.5, 400)
    norms = draw.choice(np.array([0.0, 5.0, 9.0, 10.0, 11.0, 30.0], np.float32), (400, 2))
    threshold, fmr = judged_columns(calibration, operating_point, scores, norms)
    for row, score in enumerate(scores):
        one, other = norms[row].tolist()
        judged = judge(float(score), calibration, operating_point, norms=(one or None, other or None))
        assert fmr[row] == pytest.approx(judged.fmr.fmr, rel=1e-12)
        assert (None if np.isnan(threshold[row]) else threshold[row]) == judged.threshold


def test_no_calibration_gives_no_numbers():
    threshold, fmr = judged_columns("why", "fmr_1e-3", np.ones(3), np.ones((3, 2)))
    assert np.isnan(threshold).all()
    assert np.isnan(fmr).all()


def test_embedding_needs_finite_values_and_a_direction():
    faces = np.array([[1, 0], [0, 0], [np.nan, 1], [np.inf, 1], [-0.0, 1e-38]], np.float32)
    assert usable(faces).tolist() == [True, False, False, False, True]
