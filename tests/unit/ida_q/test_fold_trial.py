"""When a network counts as worse than a method without one."""

import numpy as np
import pytest

from models.heads.ida_q.fold_trial import FoldScores, TrialRate, trial_rates
from models.labelled.pairs.comparisons import compare_all
from models.labelled.pairs.sweep import BlockScorer
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters


def rate(gain, low, high, margin):
    return TrialRate("a set", "mixed", 1e-3, 0.1, 0.1 - gain, gain, low, high, margin)


@pytest.mark.parametrize(
    ("gain", "low", "high", "margin", "harmless"),
    [
        (0.02, 0.01, 0.03, 0.01, True),
        (-0.005, -0.02, 0.01, 0.01, True),
        (-0.005, -0.009, -0.001, 0.01, False),
        (-0.02, -0.05, 0.01, 0.01, False),
        (0.0, 0.0, 0.0, 0.0, True),
    ],
)
def test_worse_is_what_is_surely_worse_or_by_more_than_a_standard_error(gain, low, high, margin, harmless):
    assert rate(gain, low, high, margin).harmless is harmless


def scores(embeddings, people):
    scorer = BlockScorer(embeddings, METHODS["cosine"], None, Parameters())
    return compare_all("a set", scorer, people, np.zeros(int(people.max()) + 1, np.int64), keep=10**6)


@pytest.mark.slow
def test_rates_are_those_the_smaller_fold_measures_and_gains_the_mean_of_the_folds(made_faces):
    folds = []
    for seed, people in ((0, 40), (1, 60)):
        faces = made_faces(people=people, seed=seed)
        noise = np.random.default_rng(seed).standard_normal(faces.embeddings.shape) * 0.1
        blurred = faces.embeddings + noise
        blurred /= np.linalg.norm(blurred, axis=1, keepdims=True)
        folds.append(FoldScores("mixed", scores(blurred, faces.people), scores(faces.embeddings, faces.people)))

    found = trial_rates(folds, replicates=50, seed=0)

    # 320 faces of 40 people have 50,000 pairs of two people, of which 1e-3 is 50 and 3e-4 is 15.
    assert [one.fmr for one in found] == [1e-2, 3e-3, 1e-3]
    for one in found:
        expected = []
        for fold in folds:
            allowed = int(one.fmr * fold.without.non_mated)
            expected.append(
                [
                    (np.count_nonzero(side.mated_scores <= side.top_scores[allowed]) + 0.5) / (side.mated + 1)
                    for side in (fold.without, fold.with_network)
                ]
            )
        without, with_network = np.mean(expected, axis=0)
        assert (one.fnmr_without, one.fnmr) == pytest.approx((without, with_network))
        assert one.gain == pytest.approx(without - with_network)
        assert one.gain_low <= one.gain_high
        assert one.harmless


def test_too_few_pairs_give_no_rate(made_faces):
    faces = made_faces(people=5, pictures=2)
    found = scores(faces.embeddings, faces.people)

    assert trial_rates([FoldScores("as they are", found, found)], replicates=20, seed=0) == ()
