"""The unified quality on the scale of a calibration's people."""

import math

import numpy as np
import pytest

from service.scoring.calibration import Calibrations
from service.scoring.population import MeasureLimit, PopulationLimits
from service.scoring.unified import unified_quality


@pytest.mark.parametrize(
    ("norm", "expected"),
    [(3.0, 75.0), (2.0, 25.0), (2.5, 50.0), (3.5, 90.0), (1.5, 10.0), (1e6, 100.0), (1e-9, 100 / (1 + 3**5))],
)
def test_unified_quality_is_75_at_the_median_and_25_at_the_poorest_hundredth(norm, expected):
    assert unified_quality(norm, median=3.0, one_percent=2.0) == pytest.approx(expected, abs=1e-6)


def test_unified_quality_agrees_with_the_logistic_function():
    middle, width = (3.1 + 1.9) / 2, (3.1 - 1.9) / (2 * math.log(3))
    for norm in np.linspace(0.1, 6, 30):
        expected = 100 / (1 + math.exp(-(norm - middle) / width))
        assert unified_quality(float(norm), 3.1, 1.9) == pytest.approx(expected)


def test_unified_quality_of_an_unknown_norm_or_without_a_scale_is_not_known():
    assert unified_quality(0.0, 3.0, 2.0) is None
    assert unified_quality(2.5, 3.0, 3.0) is None


def calibrations(**quantiles):
    norm = MeasureLimit(limit=2.0, share=0.01, quantiles=quantiles, faces=100)
    limits = PopulationLimits(k=10, tau=1.0, guard=None, measures={"norm": norm})
    return Calibrations("somebody", (), "pipeline", limits={"photo": limits})


def test_calibration_tells_it_of_faces_of_its_form_and_pipeline():
    found = calibrations(**{"0.01": 2.0, "0.5": 3.0})

    assert found.unified_quality(3.0, "photo", "pipeline") == pytest.approx(75)
    assert found.unified_quality(3.0, "photo") == pytest.approx(75)
    assert found.unified_quality(0.0, "photo", "pipeline") is None
    assert found.unified_quality(3.0, "photo", "another") is None
    assert found.unified_quality(3.0, "crop", "pipeline") is None
    assert calibrations(**{"0.5": 3.0}).unified_quality(3.0, "photo") is None
    assert Calibrations("somebody", ()).unified_quality(3.0, "photo") is None
