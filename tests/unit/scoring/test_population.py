"""Limits of the calibrated people, and which faces lie beyond them."""

import numpy as np
import pytest

from service.errors import LowQuality
from service.scoring.parameters import Parameters
from service.scoring.population import MEASURES, LimitsInForce, measured_values, population_limits

GENERATOR = np.random.default_rng(3)
NORMS = GENERATOR.normal(3.5, 0.3, 2000)
CROWDING = GENERATOR.normal(0.25, 0.03, 2000)
PARAMETERS = Parameters(k=7, tau=2.0)


def limits(**shares):
    return population_limits(measured_values(NORMS, CROWDING), PARAMETERS, shares)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05])
def test_share_of_the_calibrations_faces_lies_beyond_each_limit(share):
    found = limits(norm=share, crowding=share).in_force(PARAMETERS)

    beyond = found.outside(measured_values(NORMS, np.zeros(2000)), 2000)
    crowded = found.outside(measured_values(np.zeros(2000), CROWDING), 2000)

    for mask, values, poor in ((beyond, NORMS, np.min), (crowded, CROWDING, np.max)):
        assert np.mean(mask) == pytest.approx(share, abs=1e-3)
        assert mask[np.flatnonzero(values == poor(values))[0]]


def test_quantiles_are_those_of_the_faces_by_a_loop():
    measures = limits().measures

    for name, values in (("norm", np.sort(NORMS)), ("crowding", np.sort(CROWDING))):
        assert measures[name].faces == 2000
        for level, value in measures[name].quantiles.items():
            # Between the two ordered values around its place.
            place = float(level) * 1999
            assert values[int(place)] - 1e-3 <= value <= values[min(1999, int(place) + 1)] + 1e-3
    assert list(measures["norm"].quantiles) == ["0.001", "0.005", "0.01", "0.02", "0.05", "0.5"]
    assert list(measures["crowding"].quantiles) == ["0.5", "0.95", "0.98", "0.99", "0.995", "0.999"]


def test_norms_that_nobody_knows_give_no_limit_and_are_not_judged():
    found = population_limits(measured_values(np.zeros(50), CROWDING[:50]), PARAMETERS)

    assert list(found.measures) == ["crowding"]
    check = found.in_force(PARAMETERS).check(measured_values(np.array([0.01]), np.array([0.2])), 0)
    norm = next(checked for checked in check.measures if checked.measure.name == "norm")
    assert (norm.limit, norm.is_beyond, norm.not_judged) == (None, False, "the calibration has no limit of it")


def test_no_limit_may_be_asked_for():
    found = limits(norm=0)

    assert found.measures["norm"].limit is None
    assert not found.in_force(PARAMETERS).outside(measured_values(np.array([0.01]), np.array([0.2])), 1).any()


def test_face_is_doubted_for_every_reason_and_both_are_told_of_a_pair():
    check = limits().in_force(PARAMETERS).check(measured_values(np.array([1.0]), np.array([0.9])), 0)

    doubts = check.doubts("probe")
    assert [(doubt.image, doubt.code) for doubt in doubts] == [
        ("probe", "poor_picture"),
        ("probe", "outside_population"),
    ]
    error = LowQuality.of((*doubts, *check.doubts("reference")))
    assert error.image == "probe"
    assert error.message.count("the reference") == 2
    assert error.message.count("Come nearer") == 1


def test_embedding_of_unit_norm_is_judged_by_crowding_alone():
    in_force = limits().in_force(PARAMETERS)

    fine = in_force.check(measured_values(np.zeros(1), np.array([0.25])), 0)
    crowded = in_force.check(measured_values(np.zeros(1), np.array([0.6])), 0)

    assert not fine.doubts("probe")
    assert [found.not_judged for found in fine.measures if found.measure.name == "norm"] == [MEASURES["norm"].unknown]
    assert [doubt.code for doubt in crowded.doubts("probe")] == ["outside_population"]


def test_crowding_of_another_k_is_not_judged_and_the_norm_is():
    in_force = limits().in_force(PARAMETERS.changed(k=8))

    check = in_force.check(measured_values(np.array([1.0]), np.array([0.9])), 0)

    assert [doubt.code for doubt in check.doubts("probe")] == ["poor_picture"]
    assert "parameters in force" in next(
        checked.not_judged for checked in check.measures if checked.measure.name == "crowding"
    )


def test_value_at_the_limit_is_within():
    in_force = limits().in_force(PARAMETERS)
    norm, crowding = in_force.limits["norm"], in_force.limits["crowding"]

    values = measured_values(np.array([norm, np.nextafter(norm, 0)]), np.array([crowding, crowding]))
    assert in_force.outside(values, 2).tolist() == [False, True]
    for row, expected in enumerate((False, True)):
        assert bool(in_force.check(values, row).doubts("image")) is expected


def test_without_limits_nothing_is_judged_and_the_reason_is_told():
    check = LimitsInForce.none("never calibrated").check(measured_values(np.array([0.1]), np.array([0.9])), 0)

    assert not check.doubts("probe")
    assert {checked.not_judged for checked in check.measures} == {"never calibrated"}
    assert [checked.value for checked in check.measures if checked.measure.name == "norm"] == [0.1]


def test_every_measure_has_a_code_and_an_advice_that_is_a_sentence():
    for measure in MEASURES.values():
        assert measure.reason.replace("_", "").isalpha()
        assert measure.advice.endswith(".")
        assert 0 <= measure.share <= 0.02
