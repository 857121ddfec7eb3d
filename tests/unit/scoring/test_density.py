"""Density of a support set, and crowding."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.scoring.density import crowding, face_densities, log_density

similarities = arrays(np.float64, (3, 5), elements=st.floats(-1, 1))
taus = st.floats(0.01, 100)


def test_log_density_of_three_anchors_by_hand():
    # exp(1 * [0, ln 2, ln 3]) sums to 6, so F = 1/6; ln 3 is no cosine, but the formula does not mind.
    assert log_density([[0.0, math.log(2), math.log(3)]], 1.0) == pytest.approx([-math.log(6)])


def test_log_density_of_three_equal_anchors_by_hand():
    # F = 1 / (3 exp(2 * 0.5)) = 1 / (3 e)
    assert np.exp(log_density([[0.5, 0.5, 0.5]], 2.0)) == pytest.approx([1 / (3 * math.e)])


@given(similarities, taus)
def test_log_density_agrees_with_a_loop(support, tau):
    expected = []
    for row in support:
        total = 0.0
        for similarity in row:
            total += math.exp(tau * similarity)
        expected.append(math.log(1.0 / total))

    assert log_density(support, tau) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("tau", [100.0, 1e-6])
@pytest.mark.parametrize("similarity", [-1.0, 0.0, 1.0])
def test_log_density_at_the_ends_of_tau_is_finite(tau, similarity):
    support = np.full((2, 1000), similarity)

    assert log_density(support, tau) == pytest.approx([-(tau * similarity + math.log(1000))] * 2)


def test_log_density_beyond_the_range_of_exp_is_still_exact():
    # exp(1000) overflows a float64; its log does not.
    assert log_density([[1.0, 1.0]], 1000.0) == pytest.approx([-(1000 + math.log(2))])


@given(similarities, taus, st.permutations(range(5)))
def test_log_density_does_not_depend_on_the_anchors_order(support, tau, order):
    assert log_density(support[:, order], tau) == pytest.approx(log_density(support, tau), abs=1e-9)


@given(similarities, taus, st.floats(0, 0.5))
def test_density_of_a_denser_support_set_is_lower(support, tau, step):
    assert np.all(log_density(support + step, tau) <= log_density(support, tau) + 1e-12)


def test_density_of_one_anchor_is_its_own():
    assert log_density([[0.3]], 7.0) == pytest.approx([-2.1])


@given(similarities, taus)
def test_crowding_lies_between_least_and_greatest_support_similarity(support, tau):
    value = crowding(log_density(support, tau), k=5, tau=tau)

    assert np.all(value >= support.min(axis=1) - 1e-9)
    assert np.all(value <= support.max(axis=1) + 1e-9)


@pytest.mark.parametrize("k", [1, 3, 200])
def test_crowding_of_equal_similarities_is_that_similarity_at_any_k(k):
    support = np.full((1, k), 0.42)

    assert crowding(log_density(support, 5.0), k=k, tau=5.0) == pytest.approx([0.42])


def test_face_densities_of_two_faces_name_the_crowded_one():
    faces = face_densities(np.array([[0.1, 0.1], [0.6, 0.4]], np.float32), 1.0)

    assert faces.density[1] < faces.density[0]
    assert faces.crowding[1] > faces.crowding[0]
    assert faces.density == pytest.approx(np.exp(faces.log_density))
    assert faces.crowding[0] == pytest.approx(0.1, abs=1e-6)


def test_face_densities_of_no_faces_are_empty():
    assert face_densities(np.empty((0, 3)), 1.0).density.shape == (0,)
