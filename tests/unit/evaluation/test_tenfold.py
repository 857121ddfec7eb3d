"""Accuracy over folds."""

from dataclasses import replace

import numpy as np
import pytest

from models.evaluation.tenfold import (
    Accuracy,
    FoldDecisions,
    accuracy_by_fold,
    accuracy_gain,
    best_threshold,
    fold_accuracy,
)
from models.labelled.comparable import comparable


def test_best_threshold_lies_between_the_scores_it_parts():
    assert best_threshold(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, True, False, False])) == pytest.approx(0.55)


def test_best_threshold_agrees_with_trying_all():
    generator = np.random.default_rng(5)
    for _ in range(30):
        scores = generator.integers(0, 12, 25) / 10
        mated = generator.random(25) < 0.3 + 0.5 * scores
        tried = [np.mean((scores >= t) == mated) for t in [*(np.unique(scores)), np.inf]]
        assert np.mean((scores >= best_threshold(scores, mated)) == mated) == pytest.approx(max(tried))


def test_best_threshold_of_only_strangers_accepts_none():
    scores = np.array([0.9, 0.2])

    assert not np.any(scores >= best_threshold(scores, np.array([False, False])))


def test_pair_that_cannot_match_is_never_accepted():
    scores = np.array([0.9, -np.inf, -np.inf])

    assert best_threshold(scores, np.array([True, True, True])) > -np.inf


def test_each_fold_is_judged_at_the_threshold_of_the_others():
    scores = np.array([0.9, 0.1, 0.8, 0.2, 0.45, 0.6])
    mated = np.array([True, False, True, False, True, False])
    fold = np.array([0, 0, 1, 1, 2, 2])

    found = accuracy_by_fold(scores, mated, fold)

    # The folds 0 and 1 part at 0.5: both pairs of fold 2 are then decided wrongly.
    assert found.folds == (1.0, 1.0, 0.0)
    assert found.mean == pytest.approx(2 / 3)
    assert found.standard_error == pytest.approx(np.std([1, 1, 0], ddof=1) / np.sqrt(3))


def test_pair_with_an_undetected_face_is_an_error_only_if_it_is_mated(people, given_pairs, scored_by_cosine):
    rows = [(0, 1, True), (0, 2, False), (2, 3, True), (2, 4, False), (4, 5, True), (1, 4, False)]
    pairs = given_pairs([*rows, (6, 7, True), (6, 0, False)], fold=[0, 0, 1, 1, 0, 0, 1, 1])
    found, scored = scored_by_cosine(people(count=4, faces_each=2, spread=0.01, lost=[6], pairs=pairs), given=True)

    assert fold_accuracy(found, scored.scorer).folds == (1.0, 0.75)


def test_pairs_without_folds_have_no_accuracy(people, given_pairs, scored_by_cosine):
    found, scored = scored_by_cosine(people(pairs=given_pairs([(0, 1, True), (0, 5, False)])), given=True)

    assert fold_accuracy(found, scored.scorer) is None


def test_accuracy_gain_weighs_pairs_by_how_often_their_people_are_drawn(people, given_pairs):
    labelled = people(count=3, faces_each=2, lost=[5])
    rows = [(0, 1, True), (2, 3, True), (0, 2, False), (1, 4, False), (3, 5, False)]
    found = comparable(replace(labelled, pairs=given_pairs(rows, fold=[0, 0, 0, 1, 1])), None, given=True)
    told = Accuracy(0.0, 0.0, ())
    right = {"method": [True, True, False, True, True], "cosine": [True, False, True, False, True]}
    method, cosine = (FoldDecisions(told, np.array(right[name])) for name in ("method", "cosine"))
    weights = np.array([[1, 1, 1], [2, 1, 0], [0, 2, 1]], np.float32)

    gain = accuracy_gain(found, labelled, method, cosine, weights)

    shares = []
    for draw in weights:
        more = total = 0.0
        for (first, second, mated), mine, theirs in zip(rows, right["method"], right["cosine"], strict=True):
            one, other = labelled.identities[[first, second]]
            weight = draw[one] if mated else draw[one] * draw[other]
            more, total = more + weight * (mine - theirs), total + weight
        shares.append(more / total)
    assert gain.value == pytest.approx(1 / 5)
    assert (gain.low, gain.high) == pytest.approx(tuple(np.quantile(shares, [0.025, 0.975])))
