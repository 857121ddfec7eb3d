"""Rank-1 identification against a loop over every trial."""

import numpy as np
import pytest

from models.evaluation.identification import highest_distractors, ranked_trials, sizes
from models.evaluation.systems import cosine_scorer
from models.labelled.pairs.resampling import person_weights


def test_distractor_sets_grow_by_powers_of_ten_up_to_all():
    assert sizes(2500) == (10, 100, 1000, 2500)
    assert sizes(100) == (10, 100)
    assert sizes(3) == (3,)
    assert sizes(0) == ()


def test_rank_one_agrees_with_trying_every_probe(people, scored_by_cosine):
    labelled = people(count=12, faces_each=3, spread=1.2, lost=[4])
    found, scored = scored_by_cosine(labelled)
    order = np.random.default_rng(2).permutation(len(found.rows))

    rates = ranked_trials(found, scored, scored.scorer, order, person_weights(12, 100, seed=0)).result

    faces = labelled.embeddings[found.rows].astype(np.float64)
    who = found.identities
    trials = 2 * 12 * 3
    assert rates.trials == trials
    assert rates.distractors == (10, 35)
    for size, share in zip(rates.distractors, rates.rank1, strict=True):
        won = 0
        for probe in range(len(faces)):
            others = [d for d in order[:size] if who[d] != who[probe]]
            highest = max((faces[probe] @ faces[d] for d in others), default=-np.inf)
            won += sum(
                faces[probe] @ faces[enrolled] > highest
                for enrolled in range(len(faces))
                if enrolled != probe and who[enrolled] == who[probe]
            )
        assert share.value == pytest.approx(won / trials)
        assert share.low <= share.value <= share.high


def test_distractors_of_other_people_follow_the_compared_faces(people, scored_by_cosine):
    labelled = people(count=6, faces_each=2, spread=0.8)
    found, scored = scored_by_cosine(labelled)
    strangers = people(count=20, faces_each=1, seed=9).embeddings
    scorer = cosine_scorer(np.concatenate([labelled.embeddings, strangers]))

    rates = ranked_trials(found, scored, scorer, np.arange(12, 32), person_weights(6, 100, seed=0)).result

    highest = (labelled.embeddings @ strangers.T).max(axis=1)
    won = sum(float(labelled.embeddings[i] @ labelled.embeddings[i ^ 1]) > highest[i] for i in range(len(labelled)))
    assert rates.rank1[-1].value == pytest.approx(won / 12)


def test_distractor_of_the_probes_own_person_is_none(people):
    labelled = people(count=2, faces_each=2)

    found = highest_distractors(
        cosine_scorer(labelled.embeddings), labelled.identities, np.array([0]), np.array([1, 2]), np.array([1, 2])
    )

    assert found[0, 0] == -np.inf
    assert found[0, 1] == pytest.approx(labelled.embeddings[0] @ labelled.embeddings[2], abs=1e-6)


def test_everybody_identified_is_no_proof_that_everybody_would_be(people, scored_by_cosine):
    labelled = people(count=30, faces_each=2, spread=0.05)
    found, scored = scored_by_cosine(labelled)

    rates = ranked_trials(found, scored, scored.scorer, np.arange(10), person_weights(30, 100, seed=0)).result

    assert (rates.rank1[0].value, rates.rank1[0].high) == (1.0, 1.0)
    assert rates.rank1[0].low == pytest.approx(1 - 3 / 30)
