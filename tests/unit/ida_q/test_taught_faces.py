"""Pairs that are learned from, against a loop over all of them."""

from dataclasses import replace

import numpy as np
import pytest

from models.heads.ida_q.likelihood_training import LikelihoodOptions
from models.heads.ida_q.taught_faces import joined_pairs
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms


class Nothing:
    provides = frozenset()

    def terms(self, embeddings, needs, parameters, norms=None):
        return FaceTerms()


@pytest.fixture
def faces(made_faces):
    """Nine people, a pair of pictures and a pair of people of whom count for nothing."""
    return replace(
        made_faces(people=9, pictures=3),
        excluded_pictures=np.array([[0, 4]]),
        excluded_people=np.array([[7, 8], [1, 99]]),
    )


def by_loop(faces):
    mated, others = set(), set()
    for i in range(len(faces)):
        for j in range(i + 1, len(faces)):
            pictures = {int(faces.pictures[i]), int(faces.pictures[j])}
            if len(pictures) == 1 or pictures == {0, 4} or {int(faces.people[i]), int(faces.people[j])} == {7, 8}:
                continue
            (mated if faces.people[i] == faces.people[j] else others).add((i, j))
    return mated, others


def keys(pairs, which):
    return {
        (min(i, j), max(i, j)) for i, j in zip(pairs.first[which].tolist(), pairs.second[which].tolist(), strict=True)
    }


def test_all_mated_pairs_and_the_highest_others_are_learned_and_no_excluded_one(faces):
    mated, others = by_loop(faces)
    options = LikelihoodOptions(hard=40, drawn=200, clean_share=1.0)

    pairs = faces.training_pairs(options, np.random.default_rng(0))

    assert keys(pairs, pairs.mated) == mated
    assert keys(pairs, ~pairs.mated) <= others
    assert len(keys(pairs, ~pairs.mated)) == np.count_nonzero(~pairs.mated), "no pair twice"
    cosine = {pair: float(faces.embeddings[pair[0]] @ faces.embeddings[pair[1]]) for pair in others}
    highest = sorted(others, key=cosine.__getitem__)[-40:]
    assert set(highest) <= keys(pairs, ~pairs.mated)
    # Those that were drawn stand for all others.
    assert pairs.weight[~pairs.mated].sum() == pytest.approx(len(others))
    assert pairs.similarity == pytest.approx(
        [faces.embeddings[i] @ faces.embeddings[j] for i, j in zip(pairs.first, pairs.second, strict=True)], abs=1e-6
    )


def test_comparisons_count_the_same_pairs(faces):
    mated, others = by_loop(faces)

    found = faces.compare(METHODS["cosine"], Parameters(), Nothing())

    assert (found.mated, found.non_mated) == (len(mated), len(others))


def test_subset_counts_only_its_own_pairs(faces):
    some = faces.people != 3
    part = faces.subset(some)
    mated, others = by_loop(part)

    found = part.compare(METHODS["cosine"], Parameters(), Nothing())

    assert (found.mated, found.non_mated) == (len(mated), len(others))


def test_pairs_of_two_sets_lie_behind_each_other_with_weights_as_shares(faces):
    options = LikelihoodOptions(hard=40, drawn=50)
    one, other = (faces.training_pairs(options, np.random.default_rng(seed)) for seed in (0, 1))

    both = joined_pairs([one, other], [len(faces), len(faces)])

    assert both.weight[both.mated].sum() == pytest.approx(1.0)
    assert both.weight[~both.mated].sum() == pytest.approx(1.0)
    assert np.array_equal(both.first[len(one.first) :], other.first + len(faces))
