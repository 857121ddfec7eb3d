"""The table of scoring methods."""

import math

import numpy as np
import pytest

from service.errors import UnknownMethod
from service.scoring.density import log_density
from service.scoring.methods import METHODS, find_method
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms

PROBES = np.array([[1.0, 0.0], [1.0, 0.0]])
REFERENCES = np.array([[0.0, 1.0], [0.6, 0.8]])
# Two probes, then two references, each with two anchors.
DENSITIES = FaceTerms(log_density=log_density([[0.0, 0.0], [0.5, 0.5], [0.0, 0.0], [0.5, 0.5]], 1.0))


def test_parameters_by_default_are_the_papers():
    assert Parameters() == Parameters(k=10, tau=1.0, strength=1.0)


def test_find_method_of_every_listed_name_gives_it():
    assert [find_method(name).name for name in METHODS] == [
        "cosine",
        "ida-r",
        "ida-l",
        "pfe",
        "pfe+ida-r",
        "csls",
        "s-norm",
        "as-norm",
        "ida-q",
        "ida-ql",
    ]


def test_find_method_of_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownMethod, match=r"'euclid'.*cosine, ida-r"):
        find_method("euclid")


def test_cosine_scores_are_the_similarities():
    scores = find_method("cosine").score(PROBES, REFERENCES, None, Parameters())

    assert scores.score == pytest.approx([0.0, 0.6])
    assert scores.similarity == pytest.approx([0.0, 0.6])
    assert scores.dao_score is None


def test_cosine_with_densities_tells_the_dao_score_beside_its_own():
    scores = find_method("cosine").score(PROBES, REFERENCES, DENSITIES, Parameters(k=2))

    assert scores.score == pytest.approx([0.0, 0.6])
    assert scores.dao_score is not None
    # F = 1/2 on both sides; then F = 1/(2 e^0.5) on both.
    assert scores.dao_score == pytest.approx([1.0, math.exp(0.6) / math.exp(0.5)])


def test_ida_r_score_is_the_dao_score():
    scores = find_method("ida-r").score(PROBES, REFERENCES, DENSITIES, Parameters(k=2))

    assert scores.score == pytest.approx([1.0, math.exp(0.1)])
    assert scores.dao_score is not None
    assert np.array_equal(scores.score, scores.dao_score)


def test_ida_r_uses_the_strength_it_is_given():
    scores = find_method("ida-r").score(PROBES, REFERENCES, DENSITIES, Parameters(k=2, strength=0.0))

    assert scores.score == pytest.approx(np.exp([0.0, 0.6]))


@pytest.mark.parametrize("name", ["ida-r", "ida-l"])
def test_ida_with_a_norm_power_divides_each_density_by_its_faces_norm(name):
    parameters = Parameters(tau=2.0, strength=0.5, norm_power=3.0, typical_norm=2.0)
    terms = FaceTerms(log_density=np.log([0.2, 0.4])).with_norms(np.array([4.0, 1.8]), parameters)

    scores = find_method(name).score([[1.0, 0.0]], [[0.6, 0.8]], terms, parameters)

    # Norms over the typical one: 2 and 0.9.
    by_hand = math.exp(2.0 * 0.6) * math.sqrt(0.2 / 2.0**3 + 0.4 / 0.9**3)
    assert scores.score == pytest.approx([by_hand])
    assert scores.dao_score == pytest.approx([by_hand])


def test_face_of_unknown_norm_counts_as_typical():
    parameters = Parameters(norm_power=2.0, typical_norm=3.0)

    terms = FaceTerms().with_norms(np.array([0.0, 3.0, 6.0]), parameters)

    assert terms["log_norm"] == pytest.approx([0.0, 0.0, math.log(2.0)])


def test_face_of_a_norm_below_the_least_that_counts_gains_no_more():
    terms = FaceTerms().with_norms(np.array([2.4, 1.0, 0.1]), Parameters(typical_norm=3.0))

    assert terms["log_norm"] == pytest.approx([math.log(0.8)] * 3)


def test_ida_without_a_norm_power_is_eq_4_whatever_the_norms():
    terms = FaceTerms(log_density=np.log([0.2, 0.4]))
    with_norms = terms.with_norms(np.array([4.0, 1.0]), Parameters())

    plain, given = (
        find_method("ida-r").score([[1.0, 0.0]], [[0.6, 0.8]], found, Parameters()) for found in (terms, with_norms)
    )

    assert given.score == plain.score


def test_ida_r_without_densities_is_refused():
    with pytest.raises(ValueError, match="needs the log_density"):
        find_method("ida-r").score(PROBES, REFERENCES, None, Parameters())


def test_terms_of_another_number_of_faces_are_refused():
    with pytest.raises(ValueError, match="2 pairs need the terms of 4 faces"):
        find_method("ida-r").score(PROBES, REFERENCES, FaceTerms(log_density=np.zeros(3)), Parameters(k=2))


def test_csls_of_a_pair_by_hand():
    terms = FaceTerms(support_mean=np.array([0.1, 0.2, 0.3, 0.4]))

    # 2 * 0 - 0.1 - 0.3, then 2 * 0.6 - 0.2 - 0.4.
    assert find_method("csls").score(PROBES, REFERENCES, terms, Parameters()).score == pytest.approx([-0.4, 0.6])


def test_s_norm_of_a_pair_by_hand():
    terms = FaceTerms(cohort_mean=np.array([0.1, 0.2, 0.0, 0.1]), cohort_spread=np.array([0.1, 0.1, 0.2, 0.5]))

    # ((0 - 0.1) / 0.1 + 0 / 0.2) / 2, then ((0.6 - 0.2) / 0.1 + (0.6 - 0.1) / 0.5) / 2.
    assert find_method("s-norm").score(PROBES, REFERENCES, terms, Parameters()).score == pytest.approx([-0.5, 2.5])


def test_as_norm_takes_the_nearest_anchors_statistics():
    terms = FaceTerms(
        cohort_mean=np.full(4, 9.0),
        cohort_spread=np.full(4, 9.0),
        nearest_mean=np.full(4, 0.2),
        nearest_spread=np.full(4, 0.1),
    )

    assert find_method("as-norm").score(PROBES, REFERENCES, terms, Parameters()).score == pytest.approx([-2.0, 4.0])


@pytest.mark.parametrize(
    ("name", "term"), [("csls", "support_mean"), ("s-norm", "cohort_mean"), ("as-norm", "nearest_mean")]
)
def test_method_without_its_terms_is_refused(name, term):
    with pytest.raises(ValueError, match=term):
        find_method(name).score(PROBES, REFERENCES, DENSITIES, Parameters())


def random_terms(rng_rows, faces):
    support = rng_rows(faces, 4)
    return FaceTerms(
        log_density=log_density(support, 3.0),
        support_mean=support.mean(axis=1),
        cohort_mean=support[:, 0] / 10,
        cohort_spread=np.abs(support[:, 1]) + 0.1,
        nearest_mean=support[:, 2],
        nearest_spread=np.abs(support[:, 3]) + 0.1,
        mean=rng_rows(faces, 32),
        log_variance=-3.0 + rng_rows(faces, 32),
        sigma0_squared=np.full(faces, 0.01),
        llr_slope=support[:, 0],
        llr_middle=support[:, 1] / 10,
        llr_look=support[:, 3],
        llr_offset=support[:, 2],
    )


@pytest.mark.parametrize("name", METHODS)
def test_score_of_a_batch_equals_its_pairs_one_by_one(rng_rows, name):
    probes, references, terms = rng_rows(6, 32), rng_rows(6, 32), random_terms(rng_rows, 12)
    method, parameters = find_method(name), Parameters(k=4, tau=3.0, strength=0.5)

    batch = method.score(probes, references, terms, parameters)
    single = [
        method.score(
            probes[i : i + 1], references[i : i + 1], terms.map(lambda term, i=i: term[[i, 6 + i]]), parameters
        )
        for i in range(6)
    ]

    assert batch.score == pytest.approx([one.score[0] for one in single], rel=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_score_swapped_sides_is_equal_to_the_bit(rng_rows, name):
    probes, references, terms = rng_rows(6, 32), rng_rows(6, 32), random_terms(rng_rows, 12)
    method, parameters = find_method(name), Parameters(k=4)

    forward = method.score(probes, references, terms, parameters)
    backward = method.score(references, probes, terms.map(lambda term: np.roll(term, 6, axis=0)), parameters)

    assert np.array_equal(forward.score, backward.score)


@pytest.mark.parametrize("name", METHODS)
def test_score_follows_what_is_combined(rng_rows, name):
    probes, references, terms = rng_rows(40, 32), rng_rows(40, 32), random_terms(rng_rows, 80)
    method, parameters = find_method(name), Parameters(k=4, tau=3.0, strength=0.5)
    first, second = terms.map(lambda term: term[:40]), terms.map(lambda term: term[40:])

    scores = method.score(probes, references, terms, parameters)
    combined = method.combine(scores.similarity, first, second, parameters)

    assert np.array_equal(np.argsort(scores.score), np.argsort(combined))
    assert (np.log(scores.score) if method.scale == "log" else scores.score) == pytest.approx(combined)
