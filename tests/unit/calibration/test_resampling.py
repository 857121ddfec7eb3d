"""Bootstrap over people against loops over every pair."""

import numpy as np
import pytest

from models.labelled.pairs.comparisons import compare_given
from models.labelled.pairs.resampling import (
    accepted_weights,
    fnmr_at_fmr,
    interval,
    person_weights,
    rejected_weights,
)
from models.labelled.pairs.sweep import BlockScorer, ExcludedPairs
from models.labelled.rates.threshold_rates import smoothed_fnmr
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters

FAILED = [0, 1, 0, 2, 0]


def weighted_pairs(embeddings, identities, draw, excluded=frozenset()):
    """Every pair of faces by a loop: score, weight, mated."""
    pairs = []
    for i in range(len(identities)):
        for j in range(i + 1, len(identities)):
            if (i, j) in excluded:
                continue
            one, other = identities[i], identities[j]
            weight = draw[one] if one == other else draw[one] * draw[other]
            pairs.append((float(np.dot(embeddings[i], embeddings[j])), float(weight), one == other))
    return pairs


@pytest.fixture
def five_people(make_people, compare):
    embeddings, identities = make_people(5, 4, seed=3, spread=1.0)
    return embeddings, identities, compare(embeddings, identities, failed=FAILED)


def test_person_weights_draw_as_many_people_as_there_are():
    weights = person_weights(7, 200, seed=1)

    assert weights.shape == (200, 7)
    assert np.array_equal(weights.sum(axis=1), np.full(200, 7))
    assert np.array_equal(weights, person_weights(7, 200, seed=1))
    assert not np.array_equal(weights, person_weights(7, 200, seed=2))


def test_weight_of_all_non_mated_pairs_agrees_with_a_loop(five_people):
    embeddings, identities, found = five_people
    weights = person_weights(5, 20, seed=4)

    totals = found.totals.weigh(weights)

    for draw, total in zip(weights, totals, strict=True):
        assert total == sum(w for _, w, mated in weighted_pairs(embeddings, identities, draw) if not mated)


def test_weight_of_all_non_mated_pairs_knows_the_excluded_ones(make_people, compare):
    embeddings, identities = make_people(5, 4, seed=3)
    exclude = ExcludedPairs(np.array([[0, 5], [5, 0], [0, 1]]), np.array([[2, 3]]))
    excluded = {(0, 5), (0, 1), *((i, j) for i in range(8, 12) for j in range(12, 16))}
    found = compare(embeddings, identities, exclude=exclude)
    weights = person_weights(5, 20, seed=4)

    for draw, total in zip(weights, found.totals.weigh(weights), strict=True):
        pairs = weighted_pairs(embeddings, identities, draw, excluded)
        assert total == sum(weight for _, weight, mated in pairs if not mated)
    assert found.non_mated == len(
        [1 for _, _, mated in weighted_pairs(embeddings, identities, np.ones(5), excluded) if not mated]
    )
    # Ten pairs of people, of which 2 and 3 never meet.
    assert found.totals.identity_pairs == 9


@pytest.mark.parametrize("threshold", [-0.2, 0.1, 0.4, 2.0])
def test_rates_at_a_threshold_agree_with_a_loop(five_people, threshold):
    embeddings, identities, found = five_people
    weights = person_weights(5, 12, seed=5)

    accepted = accepted_weights(found, np.array([threshold]), weights)
    rejected, mated = rejected_weights(found, np.array([threshold]), weights)

    for row, draw in enumerate(weights):
        pairs = weighted_pairs(embeddings, identities, draw)
        lost = sum(draw[person] * FAILED[person] for person in range(5))
        assert accepted[row, 0] == sum(w for score, w, same in pairs if not same and score >= threshold)
        assert rejected[row, 0] == sum(w for score, w, same in pairs if same and score < threshold) + lost
        assert mated[row] == sum(w for _, w, same in pairs if same) + lost


@pytest.mark.parametrize("fmr", [0.0, 0.02, 0.1, 0.3])
def test_fnmr_at_a_false_match_rate_agrees_with_a_loop(five_people, fmr):
    embeddings, identities, found = five_people
    weights = person_weights(5, 15, seed=6)

    rates = fnmr_at_fmr(found, np.array([fmr]), weights)

    for row, draw in enumerate(weights):
        pairs = weighted_pairs(embeddings, identities, draw)
        allowed = fmr * sum(weight for _, weight, mated in pairs if not mated)
        accepted, threshold = 0.0, np.inf
        for score, weight, mated in sorted(pairs, key=lambda pair: -pair[0]):
            if mated:
                continue
            accepted += weight
            if accepted > allowed:
                threshold = score
                break
        lost = sum(draw[person] * FAILED[person] for person in range(5))
        errors = sum(weight for score, weight, mated in pairs if mated and score <= threshold) + lost
        total = sum(weight for _, weight, mated in pairs if mated) + lost
        assert rates[row, 0] == pytest.approx((errors + 0.5) / (total + 1))


def test_weights_of_one_give_the_rates_themselves(five_people):
    _, _, found = five_people

    drawn = fnmr_at_fmr(found, np.array([0.05]), np.ones((1, 5), np.float32))

    assert drawn[0] == pytest.approx(smoothed_fnmr(found, [0.05]))


def test_given_pairs_are_weighted_like_all_pairs(make_people):
    embeddings, identities = make_people(5, 2, seed=7)
    scorer = BlockScorer(embeddings, find_method("cosine"), None, Parameters())
    mated = np.array([0, 2]), np.array([1, 3])
    non_mated = np.array([0, 0, 4, 9]), np.array([2, 3, 8, 1])

    found = compare_given("given", scorer, identities, np.zeros(5, np.int64), mated, non_mated)
    weights = person_weights(5, 10, seed=1)

    expected = [
        sum(draw[identities[i]] * draw[identities[j]] for i, j in zip(*non_mated, strict=True)) for draw in weights
    ]
    assert found.totals.weigh(weights) == pytest.approx(expected)
    assert (found.non_mated, found.totals.identity_pairs, found.mated) == (4, 3, 2)


def test_interval_of_replicates_leaves_out_the_outer_ones():
    low, high = interval(np.linspace(0, 1, 1001)[:, None])

    assert (low[0], high[0]) == (pytest.approx(0.025), pytest.approx(0.975))
