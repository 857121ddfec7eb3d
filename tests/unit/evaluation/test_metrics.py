"""Rates at thresholds against hand-made numbers and loops."""

import numpy as np
import pytest

from models.evaluation.systems import cosine_scorer
from models.labelled.pairs.comparisons import compare_all
from models.labelled.rates.threshold_rates import (
    det_curve,
    distribution,
    equal_error_rate,
    fnmr_at,
    threshold_at,
)


@pytest.fixture
def hand_made(people, given_pairs):
    """Two-dimensional faces at chosen angles, so that similarities are cosines of their differences."""

    def make(mated_degrees, non_mated_degrees):
        angles, pairs = [], []
        for degrees, mated in [(d, True) for d in mated_degrees] + [(d, False) for d in non_mated_degrees]:
            angles += [0.0, np.radians(degrees)]
            pairs.append((len(angles) - 2, len(angles) - 1, mated))
        rows = np.array([[np.cos(a), np.sin(a)] for a in angles], np.float32)
        identities = np.array([i // 2 if i < 2 * len(mated_degrees) else 1000 + i for i in range(len(angles))])
        return people(
            count=len(angles),
            faces_each=1,
            embeddings=rows,
            identities=np.unique(identities, return_inverse=True)[1],
            pairs=given_pairs(pairs),
        )

    return make


def test_fnmr_at_fmr_agrees_with_counting(hand_made, scored_by_cosine):
    labelled = hand_made([10, 20, 30, 50], [25, 40, 60, 80, 90])
    _, scored = scored_by_cosine(labelled, given=True)

    for fmr, rejected in [(0.0, 2), (0.2, 1), (0.4, 0), (0.6, 0)]:
        # One in five allowed: the pair 25 degrees apart may pass, and the threshold lies just above the next, 40.
        assert fnmr_at(scored.comparisons, [fmr])[0] == pytest.approx(rejected / 4)


def test_pair_whose_score_is_the_threshold_is_a_match_as_in_the_service(hand_made, scored_by_cosine):
    # Three strangers exactly as alike as two pairs of a person: all five are a match together, or none is.
    _, scored = scored_by_cosine(hand_made([20, 40, 40, 70], [40, 40, 40, 80, 90]), given=True)
    comparisons = scored.comparisons

    for fmr, matches in [(0.0, 0), (0.2, 0), (0.4, 0), (0.6, 3), (1.0, 5)]:
        threshold = threshold_at(comparisons, fmr)
        assert np.count_nonzero(comparisons.top_scores >= threshold) == matches
        assert comparisons.non_mated_at_least(np.array([threshold]))[0] == matches
        assert 4 - comparisons.mated_below(np.array([threshold]))[0] == np.sum(comparisons.mated_scores >= threshold)
    at_them = float(comparisons.top_scores[0])
    assert comparisons.mated_below(np.array([at_them])) == [1]


def test_fnmr_counts_lost_mated_pairs_as_rejected(people, scored_by_cosine, loop):
    labelled = people(lost=[1, 9])
    _, scored = scored_by_cosine(labelled)

    thresholds = np.array([-2.0, 0.1, 0.5, 2.0])
    found = scored.comparisons.mated_below(thresholds) / scored.comparisons.mated

    mated = [similarity for _, _, similarity, same in loop(labelled) if same]
    for threshold, rate in zip(thresholds, found, strict=True):
        rejected = sum(similarity is None or similarity < threshold for similarity in mated)
        assert rate == pytest.approx(rejected / len(mated))


def test_equal_error_rate_of_hand_made_scores(hand_made, scored_by_cosine):
    # Above 45 degrees' cosine: one of four strangers passes and one of four pairs of a person fails.
    _, scored = scored_by_cosine(hand_made([10, 20, 30, 60], [40, 70, 80, 90]), given=True)

    assert equal_error_rate(scored.comparisons) == pytest.approx(0.25)


def test_equal_error_rate_of_scores_that_part_is_zero(hand_made, scored_by_cosine):
    _, scored = scored_by_cosine(hand_made([10, 20], [70, 80]), given=True)

    assert equal_error_rate(scored.comparisons) == 0.0


def test_det_curve_falls_from_one_false_match_to_accepting_all(people, scored_by_cosine):
    labelled = people(spread=1.2, lost=[0])
    _, scored = scored_by_cosine(labelled)

    fmr, fnmr = det_curve(scored.comparisons)

    assert fmr[0] == pytest.approx(1 / scored.comparisons.non_mated)
    assert fmr[-1] == 1.0
    assert np.all(np.diff(fnmr) <= 0)
    assert fnmr[-1] == pytest.approx(3 / scored.comparisons.mated)


def test_threshold_beyond_the_kept_scores_is_interpolated_in_the_histogram(people):
    labelled = people(count=80, faces_each=4, spread=1.0)
    scorer = cosine_scorer(labelled.embeddings)
    none = np.zeros(80, np.int64)
    everything = compare_all("all", scorer, labelled.identities, none, keep=10**6)
    few = compare_all("few", scorer, labelled.identities, none, keep=100)

    for fmr in (0.3, 0.1, 0.05):
        assert threshold_at(few, fmr) == pytest.approx(threshold_at(everything, fmr), abs=2e-3)


def test_overlap_is_0_of_scores_that_part_and_near_1_of_one_cloud(hand_made, people, scored_by_cosine):
    _, apart = scored_by_cosine(hand_made([5, 10], [80, 90]), given=True)
    _, alike = scored_by_cosine(people(count=60, faces_each=6, spread=200.0))

    assert distribution(apart.comparisons).overlap == 0.0
    assert distribution(alike.comparisons, bins=10).overlap > 0.9


def test_distribution_holds_every_scored_pair_once(people, scored_by_cosine):
    _, scored = scored_by_cosine(people(spread=1.0))

    found = distribution(scored.comparisons)

    assert found.mated.sum() == pytest.approx(1.0)
    assert found.non_mated.sum() == pytest.approx(1.0)
