"""The table of scoring methods."""

import math

import numpy as np
import pytest

from service.errors import UnknownMethod
from service.scoring.density import face_densities
from service.scoring.methods import METHODS, find_method
from service.scoring.parameters import Parameters

PROBES = np.array([[1.0, 0.0], [1.0, 0.0]])
REFERENCES = np.array([[0.0, 1.0], [0.6, 0.8]])
# Two probes, then two references, each with two anchors.
DENSITIES = face_densities([[0.0, 0.0], [0.5, 0.5], [0.0, 0.0], [0.5, 0.5]], 1.0)


def test_parameters_by_default_are_the_papers():
    assert Parameters() == Parameters(k=10, tau=1.0, strength=1.0)


def test_find_method_of_every_listed_name_gives_it():
    assert [find_method(name).name for name in METHODS] == ["cosine", "ida-r"]


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


def test_ida_r_without_densities_is_refused():
    with pytest.raises(ValueError, match="ida-r needs the densities"):
        find_method("ida-r").score(PROBES, REFERENCES, None, Parameters())


def test_densities_of_another_number_of_faces_are_refused():
    with pytest.raises(ValueError, match="2 pairs need densities of 4 faces"):
        find_method("ida-r").score(PROBES, REFERENCES, face_densities([[0.0, 0.1]] * 3, 1.0), Parameters(k=2))


@pytest.mark.parametrize("name", ["cosine", "ida-r"])
def test_score_of_a_batch_equals_its_pairs_one_by_one(rng_rows, name):
    probes, references, support = rng_rows(6, 32), rng_rows(6, 32), rng_rows(12, 4)
    method, parameters = find_method(name), Parameters(k=4, tau=3.0, strength=0.5)

    batch = method.score(probes, references, face_densities(support, 3.0), parameters)
    single = [
        method.score(probes[i : i + 1], references[i : i + 1], face_densities(support[[i, 6 + i]], 3.0), parameters)
        for i in range(6)
    ]

    assert batch.score == pytest.approx([one.score[0] for one in single], rel=1e-12)


@pytest.mark.parametrize("name", ["cosine", "ida-r"])
def test_score_swapped_sides_is_equal_to_the_bit(rng_rows, name):
    probes, references, support = rng_rows(6, 32), rng_rows(6, 32), rng_rows(12, 4)
    method, parameters = find_method(name), Parameters(k=4)

    forward = method.score(probes, references, face_densities(support, 1.0), parameters)
    backward = method.score(references, probes, face_densities(np.roll(support, 6, axis=0), 1.0), parameters)

    assert np.array_equal(forward.score, backward.score)
