"""The Discrepancy Alignment Operator against numbers made by hand, a loop, and what it promises."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.scoring.dao import dao, log_dao
from service.scoring.density import log_density

cosines = st.floats(-1, 1)
supports = arrays(np.float64, (4, 3), elements=cosines)
pairs = arrays(np.float64, (4,), elements=cosines)
taus = st.floats(0.01, 100)
strengths = st.floats(0, 2)


def eq4_by_loop(similarity, support_probe, support_reference, tau, strength):
    """Return Eq. 4 as it is written, with the strength as an exponent of the bracket."""
    scores = []
    for s, probe_row, reference_row in zip(similarity, support_probe, support_reference, strict=True):
        probe_sum, reference_sum = 0.0, 0.0
        for value in probe_row:
            probe_sum += math.exp(tau * value)
        for value in reference_row:
            reference_sum += math.exp(tau * value)
        scores.append(math.exp(tau * s) * (1 / probe_sum + 1 / reference_sum) ** strength)
    return scores


def test_dao_of_three_anchors_at_the_papers_parameters_by_hand():
    # Probe: three anchors at 0, F1 = 1/3. Reference: three at 0.5, F2 = 1/(3 e^0.5). Pair at 0.5:
    # e^0.5 * (1/3 + 1/(3 e^0.5)) = (e^0.5 + 1)/3 = 0.882907...
    score = dao([0.5], log_density([[0.0, 0.0, 0.0]], 1.0), log_density([[0.5, 0.5, 0.5]], 1.0), tau=1.0, strength=1.0)

    assert score == pytest.approx([0.8829070902], abs=1e-9)


def test_dao_of_three_different_anchors_by_hand():
    # e^0.2 * (1/(e^0.3 + e^0.1 + e^-0.1) + 1/(e^0.6 + e^0.4 + e^0.2)), worked out term by term:
    # 1.2214028 * (1/(1.3498588 + 1.1051709 + 0.9048374) + 1/(1.8221188 + 1.4918247 + 1.2214028))
    # = 1.2214028 * (0.2976308 + 0.2204903) = 0.6328346
    score = dao(
        [0.2],
        log_density([[0.3, 0.1, -0.1]], 1.0),
        log_density([[0.6, 0.4, 0.2]], 1.0),
        tau=1.0,
        strength=1.0,
    )

    assert score == pytest.approx([0.6328346], abs=2e-7)


def test_dao_at_half_strength_takes_the_root_of_the_summed_densities():
    # F1 = F2 = 1/2: their sum is 1, and so is any power of it. F1 = F2 = 1/8: the sum is 1/4, its root 1/2.
    assert dao([0.0], np.log([0.5]), np.log([0.5]), tau=1.0, strength=0.5) == pytest.approx([1.0])
    assert dao([0.0], np.log([0.125]), np.log([0.125]), tau=1.0, strength=0.5) == pytest.approx([0.5])


@pytest.mark.slow
@given(pairs, supports, supports, taus, strengths)
def test_dao_agrees_with_a_loop(similarity, support_probe, support_reference, tau, strength):
    score = dao(
        similarity,
        log_density(support_probe, tau),
        log_density(support_reference, tau),
        tau=tau,
        strength=strength,
    )

    assert score == pytest.approx(eq4_by_loop(similarity, support_probe, support_reference, tau, strength), rel=1e-9)


@pytest.mark.slow
@given(pairs, supports, supports, taus, strengths)
def test_dao_swapped_sides_is_equal_to_the_bit(similarity, support_probe, support_reference, tau, strength):
    probe, reference = log_density(support_probe, tau), log_density(support_reference, tau)

    forward = log_dao(similarity, probe, reference, tau=tau, strength=strength)
    backward = log_dao(similarity, reference, probe, tau=tau, strength=strength)

    assert np.array_equal(forward, backward)


@given(pairs, supports, taus, strengths, st.floats(0, 0.5))
def test_dao_with_a_denser_side_is_not_higher(similarity, support, tau, strength, step):
    probe, reference = log_density(support, tau), log_density(support[::-1], tau)
    denser = log_density(support + step, tau)

    score = log_dao(similarity, probe, reference, tau=tau, strength=strength)
    lowered = log_dao(similarity, denser, reference, tau=tau, strength=strength)

    assert np.all(lowered <= score + 1e-9)


def test_dao_of_a_more_crowded_pair_ranks_below_a_sparser_one_of_equal_cosine():
    sparse, crowded = log_density([[0.1] * 10], 1.0), log_density([[0.5] * 10], 1.0)

    assert dao([0.3], crowded, crowded, tau=1.0, strength=1.0) < dao([0.3], sparse, sparse, tau=1.0, strength=1.0)


@pytest.mark.slow
@given(pairs, supports, taus)
def test_dao_at_strength_zero_is_the_cosines_exponential(similarity, support, tau):
    density = log_density(support, tau)

    assert log_dao(similarity, density, density, tau=tau, strength=0.0) == pytest.approx(tau * similarity)


@pytest.mark.parametrize("k", [1, 2, 5000])
@pytest.mark.parametrize("similarity", [-1.0, 1.0])
@pytest.mark.parametrize("support", [-1.0, 1.0])
def test_dao_at_the_largest_tau_and_strength_stays_a_finite_number(k, similarity, support):
    density = log_density(np.full((1, k), support), 100.0)

    score = dao([similarity], density, density, tau=100.0, strength=10.0)

    assert np.isfinite(score).all()
    assert (score >= 0).all()
    assert np.isfinite(log_dao([similarity], density, density, tau=100.0, strength=10.0)).all()


def test_dao_of_densities_far_apart_is_that_of_the_sparser_side():
    # logaddexp(-2000, -3) is -3 to the last digit, where exp(-2000) itself would be zero.
    assert log_dao([0.0], [-2000.0], [-3.0], tau=1.0, strength=1.0) == pytest.approx([-3.0])
