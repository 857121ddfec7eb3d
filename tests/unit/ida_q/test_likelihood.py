"""The equation of a pair: by hand, the same with its sides swapped, and never falling in the similarity."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.scoring.likelihood import FACE_STATISTICS, face_statistics, log_likelihood_ratio
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms

LINE = ("llr_slope", "llr_middle", "llr_look", "llr_offset")
told = st.floats(-50, 50)
line = st.tuples(told, told, told, told)


def face(values):
    return FaceTerms(**{name: np.array([value]) for name, value in zip(LINE, values, strict=True)})


def test_pair_by_hand():
    ratio = log_likelihood_ratio(np.array([0.6]), face((0.5, 0.1, 0.4, -1.0)), face((-0.2, 0.25, 0.5, -2.0)))

    assert ratio == pytest.approx([20 * math.log(1 + math.exp(0.3)) * (0.6 - (0.35 + 0.2)) - 3.0])


@pytest.mark.slow
@given(st.floats(-1, 1), line, line)
@settings(max_examples=100, deadline=None)
def test_sides_swapped_give_the_same_to_the_bit(similarity, one, other):
    s = np.array([similarity])

    assert np.array_equal(
        log_likelihood_ratio(s, face(one), face(other)), log_likelihood_ratio(s, face(other), face(one))
    )


@pytest.mark.slow
@given(line, line)
@settings(max_examples=100, deadline=None)
def test_evidence_never_falls_as_the_similarity_grows_whatever_a_network_says(one, other):
    similarities = np.linspace(-1, 1, 41)

    ratio = log_likelihood_ratio(similarities, face(one), face(other))

    assert np.all(np.diff(ratio) >= 0)


def test_statistics_stand_in_the_order_that_was_asked():
    parameters = Parameters(k=4, tau=2.0, typical_norm=10.0)
    terms = FaceTerms(log_density=np.log([0.1, 0.05]), cohort_spread=np.array([0.1, 0.2])).with_norms(
        np.array([5.0, 0.0]), parameters
    )

    found = face_statistics(terms, ("log_cohort_spread", "crowding", "log_length"), parameters)

    assert found.dtype == np.float32
    # log(1 / (k F)) / tau; a length that is not known counts as typical, and no short one as longer than it is.
    for row, (spread, density, share) in enumerate([(0.1, 0.1, 0.5), (0.2, 0.05, 1.0)]):
        assert found[row] == pytest.approx(
            [math.log(spread), math.log(1 / (4 * density)) / 2.0, math.log(share)], rel=1e-5
        )


def test_every_statistic_is_one_of_terms_that_the_methods_need():
    given_terms = {name for statistic in find_method("ida-q").needs for name in statistic.terms} | {"log_length"}

    class Asked(FaceTerms):
        def __getitem__(self, name):
            assert name in given_terms
            return np.ones(1)

    for tell in FACE_STATISTICS.values():
        tell(Asked(), Parameters())
