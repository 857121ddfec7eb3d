"""The terms of faces among anchors, against loops over every anchor."""

import numpy as np
import pytest
from vectors import to_unit

from service.bundle.anchors_part import Anchors
from service.errors import TooFewAnchors
from service.scoring.methods import find_method, methods_of
from service.scoring.parameters import Parameters
from service.scoring.terms import COHORT, NEAREST, SUPPORT
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch


@pytest.fixture
def faces():
    return to_unit(np.random.default_rng(1).standard_normal((6, 12)))


@pytest.fixture
def finder(faces):
    # Two anchors of the first face's own person are among them.
    own = faces[[0, 0]] + 0.05 * np.random.default_rng(3).standard_normal((2, 12))
    anchors = Anchors.from_stored(
        to_unit(np.concatenate([np.random.default_rng(2).standard_normal((40, 12)), own])), "backbone"
    )
    return TermFinder(anchors, FaissSearch(anchors)), anchors.embeddings


@pytest.mark.parametrize("guard", [None, 0.8])
def test_terms_agree_with_loops(finder, faces, guard):
    found, anchors = finder
    parameters = Parameters(k=4, tau=3.0, cohort=9, guard=guard)

    support = found.terms(faces, (SUPPORT,), parameters)
    nearest = found.terms(faces, (NEAREST,), parameters)
    cohort = found.terms(faces, (COHORT,), parameters)

    for row, face in enumerate(faces):
        similarities = sorted((float(np.dot(face, anchor)) for anchor in anchors), reverse=True)
        if guard is not None:
            similarities = [similarity for similarity in similarities if similarity < guard]
        assert support["log_density"][row] == pytest.approx(-np.log(sum(np.exp(3.0 * s) for s in similarities[:4])))
        assert support["support_mean"][row] == pytest.approx(np.mean(similarities[:4]))
        assert nearest["log_density"][row] == pytest.approx(support["log_density"][row])
        assert nearest["nearest_mean"][row] == pytest.approx(np.mean(similarities[:9]))
        assert nearest["nearest_spread"][row] == pytest.approx(np.std(similarities[:9]))
        assert cohort["cohort_mean"][row] == pytest.approx(np.mean(similarities), abs=1e-6)
        assert cohort["cohort_spread"][row] == pytest.approx(np.std(similarities), abs=1e-6)


@pytest.mark.parametrize("method", methods_of(TermFinder.provides))
def test_terms_of_a_methods_need_are_all_that_it_combines(finder, faces, method):
    found, _ = finder
    chosen, parameters = find_method(method), Parameters(k=4, cohort=9)

    scores = chosen.score(faces[:3], faces[3:], found.terms(faces, chosen.needs, parameters), parameters)

    assert np.isfinite(scores.score).all()
    assert (scores.dao_score is not None) == bool({SUPPORT, NEAREST} & set(chosen.needs))


@pytest.mark.parametrize("guard", [None, 0.8])
def test_cohort_of_more_anchors_than_there_are_is_half_of_them(finder, faces, guard):
    found, _ = finder

    many = found.terms(faces, (NEAREST,), Parameters(cohort=1000, guard=guard))
    half = found.terms(faces, (NEAREST,), Parameters(cohort=21, guard=guard))

    assert np.array_equal(many["nearest_mean"], half["nearest_mean"])
    assert np.array_equal(many["nearest_spread"], half["nearest_spread"])


def test_k_beyond_the_anchors_is_refused(finder, faces):
    with pytest.raises(TooFewAnchors):
        finder[0].terms(faces, (SUPPORT,), Parameters(k=43))


def test_densities_are_those_of_the_terms(finder, faces):
    found, _ = finder
    parameters = Parameters(k=4, tau=3.0)

    terms = found.terms(faces, (SUPPORT,), parameters)
    densities = terms.densities(parameters)

    assert np.array_equal(densities.log_density, terms["log_density"])
    assert densities.crowding == pytest.approx(np.log(1 / (4 * densities.density)) / 3.0)
    with pytest.raises(ValueError, match="log_density"):
        found.terms(faces, (COHORT,), parameters).densities(parameters)
