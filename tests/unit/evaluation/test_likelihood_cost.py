"""The cost of scores as evidence, against sums over all pairs and all rising ratios."""

import math
from dataclasses import replace

import numpy as np
import pytest

from models.evaluation.likelihood_cost import cllr, likelihood_cost, min_cllr
from models.labelled.pairs.resampling import person_weights

ONES = np.array([0.0, 1.0, 0.0, 2.0, 1.0])
OTHERS = np.array([3.0, 0.0, 2.0, 0.0, 1.0])
LLR = np.array([-2.0, -0.5, 0.3, 1.5, 4.0])


def cost(llr, ones, others):
    """Cllr in bits, pair by pair."""
    mated = [math.log2(1 + math.exp(-x)) for x, count in zip(llr, ones, strict=True) for _ in range(int(count))]
    strangers = [math.log2(1 + math.exp(x)) for x, count in zip(llr, others, strict=True) for _ in range(int(count))]
    return (sum(mated) / len(mated) + sum(strangers) / len(strangers)) / 2


def test_cllr_is_the_mean_over_pairs():
    assert cllr(LLR, ONES, OTHERS) == pytest.approx(cost(LLR, ONES, OTHERS))


def test_scores_that_say_nothing_cost_one_bit():
    assert cllr(np.zeros(5), ONES, OTHERS) == pytest.approx(1.0)
    assert min_cllr(np.zeros(5), ONES, OTHERS) == pytest.approx(1.0)


def test_scores_in_the_right_order_cost_nothing_at_best():
    assert min_cllr(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 5.0]), np.array([4.0, 1.0, 0.0])) == 0.0


@pytest.mark.slow
def test_min_cllr_is_the_least_of_all_rising_ratios():
    generator = np.random.default_rng(1)
    grid = np.linspace(-3, 3, 25)
    least = min(
        cost(np.sort(generator.choice(grid, 5)), ONES, OTHERS) for _ in range(20_000)
    )  # rising in the order of LLR

    found = min_cllr(LLR, ONES, OTHERS)

    assert found <= least
    # By hand: 0: others alone; {1 of 1, 2 of others}: mated 1/4, others 2/6; {2, 1}: 3/4 against 1/6.
    blocks = [(-math.inf, 0, 3), (math.log((1 / 4) / (2 / 6)), 1, 2), (math.log((3 / 4) / (1 / 6)), 3, 1)]
    by_hand = sum(ones / 4 * math.log2(1 + math.exp(-x)) for x, ones, _ in blocks if ones) / 2
    by_hand += sum(others / 6 * math.log2(1 + math.exp(x)) for x, _, others in blocks) / 2
    assert found == pytest.approx(by_hand)


def test_order_of_the_scores_does_not_matter():
    order = [3, 0, 4, 2, 1]
    assert min_cllr(LLR[order], ONES[order], OTHERS[order]) == pytest.approx(min_cllr(LLR, ONES, OTHERS))


def test_pairs_that_were_not_kept_count_by_their_bins(people, scored_by_cosine):
    labelled = people(count=40, faces_each=4, spread=1.0, lost=[5])
    _, scored = scored_by_cosine(labelled)
    whole = scored.comparisons
    few = replace(
        whole, top_scores=whole.top_scores[:300], top_people=whole.top_people[:300], top_faces=whole.top_faces[:300]
    )

    assert few.complete_above > -1
    found, exact = (likelihood_cost(one, tells_llr=True) for one in (few, whole))
    assert found.min_cllr == pytest.approx(exact.min_cllr, abs=2e-3)
    assert found.cllr == pytest.approx(exact.cllr, abs=1e-4)
    assert sum(one.non_mated for one in found.reliability) == pytest.approx(whole.non_mated, abs=2)


@pytest.mark.slow
def test_reliability_tells_stated_against_observed(people, scored_by_cosine):
    _, scored = scored_by_cosine(people(count=30, faces_each=4, spread=1.0))
    whole = scored.comparisons
    spread = replace(whole, mated_scores=8 * whole.mated_scores, top_scores=8 * whole.top_scores, edges=8 * whole.edges)

    found = likelihood_cost(spread, tells_llr=True)

    for one in found.reliability:
        ones = [s for s in spread.mated_scores if round(s) == round(one.stated)]
        others = [s for s in spread.top_scores if round(s) == round(one.stated)]
        assert (one.mated, one.non_mated) == (len(ones), len(others))
        if ones and others:
            ratio = len(ones) / len(spread.mated_scores) / (len(others) / len(spread.top_scores))
            assert one.observed == pytest.approx(math.log(ratio))
        else:
            assert one.observed is None
    assert sum(one.mated for one in found.reliability) == len(spread.mated_scores)


def test_a_method_that_tells_no_ratio_has_no_cllr(people, scored_by_cosine):
    _, scored = scored_by_cosine(people())

    found = likelihood_cost(scored.comparisons, tells_llr=False)

    assert (found.cllr, found.reliability) == (None, ())
    assert 0 <= found.min_cllr <= 1


def test_intervals_are_those_of_people_drawn_again(people, scored_by_cosine):
    labelled = people(count=30, faces_each=4, spread=1.0)
    _, scored = scored_by_cosine(labelled)
    weights = person_weights(30, 100, seed=4)

    cost = likelihood_cost(scored.comparisons, tells_llr=True, weights=weights)

    faces, who = scored.scorer.embeddings, scored.found.identities
    i, j = np.triu_indices(len(faces), 1)
    scores, mated = scored.scorer.pairs(i, j).astype(np.float64), who[i] == who[j]
    drawn = []
    for draw in weights:
        ones, others = np.where(mated, draw[who[i]], 0.0), np.where(mated, 0.0, draw[who[i]] * draw[who[j]])
        drawn.append(cllr(scores, ones, others))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (cost.cllr_interval.low, cost.cllr_interval.high) == pytest.approx((low, high), abs=2e-4)
    assert cost.min_cllr_interval.low < cost.min_cllr < cost.min_cllr_interval.high
