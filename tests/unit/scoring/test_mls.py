"""The mutual likelihood score: by hand, by loops, in blocks, and as the cosine where the variance is constant."""

import math

import numpy as np
import pytest

from models.labelled.pairs.sweep import BlockScorer
from service.scoring.methods import find_method
from service.scoring.mls import mutual_likelihood, pfe_similarity
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms


@pytest.fixture
def faces():
    generator = np.random.default_rng(3)
    rows = generator.standard_normal((9, 16))
    means = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return means, generator.uniform(-6, -3, (9, 16))


def by_loops(means, log_variances, i, j):
    total = 0.0
    for value in range(means.shape[1]):
        summed = math.exp(log_variances[i, value]) + math.exp(log_variances[j, value])
        total += (means[i, value] - means[j, value]) ** 2 / summed + math.log(summed)
    return -0.5 * total - 0.5 * means.shape[1] * math.log(2 * math.pi)


def test_likelihood_of_a_pair_by_hand():
    found = mutual_likelihood([[1.0, 0.0]], [[0.0, 1.0]], np.log([[0.5, 0.5]]), np.log([[0.5, 1.5]]))

    # -1/2 (1/1 + log 1 + 1/2 + log 2) - log(2 pi).
    assert found == pytest.approx([-0.5 * (1.5 + math.log(2.0)) - math.log(2 * math.pi)])


def test_likelihood_of_all_pairs_equals_loops(faces):
    means, log_variances = faces

    at_once = mutual_likelihood(means[:, None], means[None], log_variances[:, None], log_variances[None])

    for i in range(9):
        for j in range(9):
            assert at_once[i, j] == pytest.approx(by_loops(means, log_variances, i, j), rel=1e-10)


def test_likelihood_of_a_block_too_large_for_one_array_equals_that_of_its_pairs():
    generator = np.random.default_rng(5)
    means, log_variances = generator.standard_normal((300, 16)), generator.uniform(-3, 0, (300, 16))

    block = mutual_likelihood(means[:, None], means[None], log_variances[:, None], log_variances[None])

    rows, columns = np.array([0, 17, 299]), np.array([5, 200, 299])
    alone = mutual_likelihood(means[rows], means[columns], log_variances[rows], log_variances[columns])
    assert block[rows, columns] == pytest.approx(alone, rel=1e-10)


def test_likelihoods_of_a_long_list_of_pairs_equal_those_of_its_parts_and_stay_float32():
    generator = np.random.default_rng(7)
    means, other_means = generator.standard_normal((2, 70_000, 3)).astype(np.float32)
    log_variances = generator.uniform(-3, 0, (70_000, 3)).astype(np.float32)
    of_all = generator.uniform(-3, 0, 3).astype(np.float32)

    listed = mutual_likelihood(means, other_means, log_variances, of_all)

    assert (listed.shape, listed.dtype) == ((70_000,), np.float32)
    for row in (0, 32_767, 32_768, 69_999):
        alone = mutual_likelihood(means[row], other_means[row], log_variances[row], of_all)
        assert listed[row] == pytest.approx(float(alone), rel=1e-5, abs=1e-5)


def test_similarity_of_a_constant_variance_is_the_cosine(faces):
    means, _ = faces
    constant = np.full(means.shape, math.log(0.003))

    likelihood = mutual_likelihood(means[:, None], means[None], constant[:, None], constant[None])

    assert pfe_similarity(likelihood, 16, np.array(0.003)) == pytest.approx(means @ means.T, abs=1e-9)


def terms_of(means, log_variances, densities=None):
    terms = FaceTerms(mean=means, log_variance=log_variances, sigma0_squared=np.full(len(means), 0.01))
    return terms if densities is None else terms.joined(FaceTerms(log_density=np.log(densities)))


def test_pfe_scores_in_blocks_equal_scores_one_by_one(faces):
    means, log_variances = faces
    scorer = BlockScorer(means.astype(np.float32), find_method("pfe"), terms_of(means, log_variances), Parameters())

    block = scorer.block(slice(0, 4), slice(4, 9))

    for i in range(4):
        for j in range(5):
            expected = 1 + 0.02 * (by_loops(means, log_variances, i, 4 + j) + 8 * math.log(4 * math.pi * 0.01))
            assert block[i, j] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_pfe_of_a_less_sure_face_says_less_against_a_stranger(faces):
    means, _ = faces
    sure, unsure = np.full((1, 16), -6.0), np.full((1, 16), -2.0)

    likely = [mutual_likelihood(means[:1], means[1:2], variances, sure) for variances in (sure, unsure)]

    assert likely[1] > likely[0]


def test_pfe_with_ida_r_is_eq_4_of_the_likelihood_at_its_own_strength(faces):
    means, log_variances = faces
    terms = terms_of(means[:2], log_variances[:2], densities=[0.2, 0.4])
    parameters = Parameters(tau=2.0, strength=0.9, pfe_strength=0.5)

    similarity = find_method("pfe").score(means[:1], means[1:2], terms, parameters).score[0]
    scores = find_method("pfe+ida-r").score(means[:1], means[1:2], terms, parameters)

    assert scores.score == pytest.approx([math.exp(2.0 * similarity) * math.sqrt(0.6)])
    assert scores.similarity == pytest.approx([means[0] @ means[1]])
