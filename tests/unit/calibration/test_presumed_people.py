"""Who is whom, by scores alone."""

from itertools import combinations

import numpy as np
import pytest

from models.calibration.presumed_people import presume_people
from models.labelled.pairs.sweep import BlockScorer
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters

pytestmark = pytest.mark.slow


def scorer_of(embeddings):
    return BlockScorer(embeddings, find_method("cosine"), None, Parameters())


@pytest.fixture
def crowd(make_people):
    """Four hundred people in one picture each, and more pictures of the first twelve, two of them in three."""
    embeddings, identities = make_people(400, 3, seed=3, dimension=64, spread=0.45)
    picture = np.arange(len(identities)) % 3
    kept = (picture == 0) | ((picture == 1) & (identities < 12)) | ((picture == 2) & (identities < 2))
    return embeddings[kept], identities[kept]


def test_pictures_of_one_person_are_joined_and_no_others(crowd):
    embeddings, identities = crowd

    found = presume_people(scorer_of(embeddings))

    joined = {
        pair for pair in combinations(range(len(identities)), 2) if found.people[pair[0]] == found.people[pair[1]]
    }
    true = {pair for pair in combinations(range(len(identities)), 2) if identities[pair[0]] == identities[pair[1]]}
    assert joined == true
    assert (found.joined_pairs, found.repeated) == (len(true), 12)
    scores = [float(embeddings[i] @ embeddings[j]) for i, j in true]
    assert found.linked == len([score for score in scores if score >= found.linked_from - 1e-6])
    assert len(found.doubtful) == 0


def test_who_is_linked_over_another_is_the_same_person(make_people):
    embeddings, _ = make_people(400, 1, seed=4, dimension=64)
    # One face turned by two steps: its ends are less alike than strangers at the top may be.
    side = np.linalg.qr(embeddings[:1].T, mode="complete")[0][:, 1]
    angles = np.array([0.0, 0.7, 1.4])
    turned = np.cos(angles)[:, None] * embeddings[0] + np.sin(angles)[:, None] * side
    rows = np.concatenate([turned.astype(np.float32), embeddings[1:]])

    found = presume_people(scorer_of(rows))

    assert found.people[0] == found.people[1] == found.people[2]
    assert (found.linked, found.joined_pairs) == (2, 3)


@pytest.mark.parametrize("seed", range(5))
def test_of_strangers_nobody_is_joined(make_people, seed):
    embeddings, _ = make_people(300, 1, seed=seed, dimension=64)

    found = presume_people(scorer_of(embeddings))

    assert len(np.unique(found.people)) == 300
    assert (found.linked, found.linked_from, len(found.doubtful)) == (0, None, 0)


def test_as_many_pairs_are_doubtful_as_mated_ones_are_left(make_people):
    # Pictures so unlike that many mated pairs score as strangers may.
    embeddings, identities = make_people(600, 2, seed=5, dimension=64, spread=0.75)
    kept = (np.arange(len(identities)) % 2 == 0) | (identities < 150)
    embeddings, identities = embeddings[kept], identities[kept]

    found = presume_people(scorer_of(embeddings))

    left = 150 - sum(
        found.people[i] == found.people[j]
        for i, j in zip(range(0, 300, 2), range(1, 300, 2), strict=True)
        if identities[i] == identities[j]
    )
    assert 20 < left < 130
    assert len(found.doubtful) == pytest.approx(left, rel=0.4)
    assert np.all(found.doubtful_scores < found.linked_from)
    assert len({tuple(sorted(pair)) for pair in found.doubtful.tolist()}) == len(found.doubtful)
