"""The generalised Pareto tail."""

import math

import numpy as np
import pytest

from models.calibration.tail import Tail, fit_tail

pytestmark = pytest.mark.slow


def test_fit_tail_recovers_an_exponential():
    generator = np.random.default_rng(1)
    exceedances = generator.exponential(0.03, 20_000)

    tail = fit_tail(exceedances, np.ones((1, 20_000)))

    assert tail.scale[0] == pytest.approx(0.03, rel=0.03)
    assert tail.shape[0] == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("shape", [0.2, 0.5])
def test_fit_tail_recovers_a_heavier_tail(shape):
    generator = np.random.default_rng(2)
    exceedances = 0.05 / shape * (generator.random(50_000) ** -shape - 1)

    tail = fit_tail(exceedances, np.ones((1, 50_000)))

    assert tail.shape[0] == pytest.approx(shape, abs=0.03)
    assert tail.scale[0] == pytest.approx(0.05, rel=0.04)


def test_fit_tail_of_a_bounded_distribution_is_the_exponential_of_its_mean():
    exceedances = np.linspace(0.001, 0.2, 500)

    tail = fit_tail(exceedances, np.ones((1, 500)))

    assert tail.shape[0] == 0.0
    assert tail.scale[0] == pytest.approx(np.mean(exceedances))


def test_fit_tail_is_the_likeliest_of_a_grid_of_shapes_and_scales():
    generator = np.random.default_rng(3)
    exceedances = 0.1 * (generator.random(200) ** -0.4 - 1)

    def likelihood(scale, shape):
        total = 0.0
        for exceedance in exceedances:
            if shape == 0:
                total += -math.log(scale) - exceedance / scale
            else:
                total += -math.log(scale) - (1 + 1 / shape) * math.log(1 + shape * exceedance / scale)
        return total

    tail = fit_tail(exceedances, np.ones((1, 200)))
    best = max(likelihood(scale, shape) for scale in np.linspace(0.01, 0.1, 46) for shape in np.linspace(0, 1, 51))

    assert likelihood(tail.scale[0], tail.shape[0]) >= best - 0.01


def test_fit_tail_weighs_an_exceedance_as_that_many_of_it():
    exceedances = np.random.default_rng(4).exponential(0.1, 30) ** 1.5
    counts = np.random.default_rng(5).integers(0, 4, (3, 30))

    weighted = fit_tail(exceedances, counts.astype(float))

    for row in range(3):
        # The grid of the fit is laid over the mean of all, so the copies are fitted beside the originals at weight 0.
        repeated = np.concatenate([exceedances, np.repeat(exceedances, counts[row])])
        weights = np.concatenate([np.zeros(30), np.ones(counts[row].sum())])
        alone = fit_tail(repeated, weights[None, :])
        assert weighted.shape[row] == pytest.approx(alone.shape[0], abs=0.02)
        assert weighted.scale[row] == pytest.approx(alone.scale[0], rel=0.02)


@pytest.mark.parametrize(("scale", "shape"), [(0.1, 0.0), (0.1, 0.3), (2.0, 1.0)])
def test_exceedance_is_the_inverse_of_log_survival(scale, shape):
    tail = Tail(np.array([scale]), np.array([shape]))
    log_survival = np.array([0.0, -0.5, -3.0, -12.0])

    assert tail.log_survival(tail.exceedance(log_survival)) == pytest.approx(log_survival)


def test_log_survival_by_hand():
    # exp(-2) at two scales of the exponential; (1 + 0.5 * 2)^(-1 / 0.5) = 1/4 at shape 0.5.
    tail = Tail(np.array([0.1, 0.1]), np.array([0.0, 0.5]))

    assert tail.log_survival(np.array([0.2])) == pytest.approx([-2.0, math.log(0.25)])
