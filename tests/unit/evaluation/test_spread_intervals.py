"""Intervals of EER and overlap against loops over resampled people."""

from bisect import bisect_left

import numpy as np
import pytest

from models.labelled.pairs.resampling import person_weights
from models.labelled.rates.spread_intervals import eer_interval, overlap_interval
from models.labelled.rates.threshold_rates import distribution, equal_error_rate

PEOPLE = 16


@pytest.fixture
def scored(people, scored_by_cosine, loop):
    """Scores of people some of whose pictures were lost, and every pair as (one, other, score or None)."""
    labelled = people(count=PEOPLE, faces_each=4, spread=1.3, lost=[2, 30])
    pairs = [(int(labelled.identities[i]), int(labelled.identities[j]), score) for i, j, score, _ in loop(labelled)]
    return scored_by_cosine(labelled)[1].comparisons, pairs


def drawn_rates(pairs, draw, threshold):
    """FMR and FNMR of one replicate, pair by pair."""
    wrong, all_weights = [0.0, 0.0], [0.0, 0.0]
    for one, other, score in pairs:
        mated = one == other
        if not mated and score is None:
            continue
        weight = draw[one] if mated else draw[one] * draw[other]
        all_weights[mated] += weight
        reaches = score is not None and score >= threshold
        wrong[mated] += weight * (reaches != mated)
    return wrong[0] / all_weights[0], wrong[1] / all_weights[1]


@pytest.mark.slow
def test_eer_of_every_replicate_is_where_its_own_rates_meet(scored):
    found, pairs = scored
    weights = person_weights(PEOPLE, 60, seed=3)
    thresholds = np.linspace(-0.5, 1.0, 121)
    rates = []
    for draw in weights:

        def rates_at(place: int, draw: np.ndarray = draw) -> tuple[float, float]:
            return drawn_rates(pairs, draw, thresholds[place])

        def has_crossed(place: int) -> bool:
            wrong, missed = rates_at(place)
            return missed >= wrong

        # The higher the threshold, the fewer false matches and the more misses: they cross once.
        crossing = bisect_left(range(len(thresholds)), x=True, key=has_crossed)
        both = [rates_at(place) for place in (crossing - 1, crossing)]
        rates.append(np.mean(min(both, key=lambda two: abs(two[0] - two[1]))))

    told = eer_interval(found, equal_error_rate(found), weights)

    assert told.value == equal_error_rate(found)
    assert (told.low, told.high) == pytest.approx(tuple(np.quantile(rates, [0.025, 0.975])), abs=0.02)
    assert told.high - told.low > 0.05


def test_overlap_of_every_replicate_is_that_of_its_own_histograms(scored):
    found, pairs = scored
    spread = distribution(found)
    weights = person_weights(PEOPLE, 60, seed=4)
    areas = []
    for draw in weights:
        shares = []
        for kind in (True, False):
            scores = [score for one, other, score in pairs if (one == other) == kind and score is not None]
            of_pairs = [
                draw[one] if kind else draw[one] * draw[other]
                for one, other, score in pairs
                if (one == other) == kind and score is not None
            ]
            counts = np.histogram(scores, spread.edges, weights=of_pairs)[0]
            shares.append(counts / counts.sum())
        areas.append(float(np.minimum(*shares).sum()))

    told = overlap_interval(found, spread, weights)

    assert told.value == spread.overlap
    low, high = np.quantile(areas, [0.025, 0.975])
    assert (told.low, told.high) == pytest.approx((min(low, told.value), max(high, told.value)), abs=0.01)


def test_scores_that_part_have_an_upper_end_by_people_and_not_by_pairs(people, scored_by_cosine):
    found = scored_by_cosine(people(count=10, faces_each=5, spread=0.01))[1].comparisons

    told = eer_interval(found, equal_error_rate(found), person_weights(10, 60, seed=0))

    assert (told.value, told.low) == (0.0, 0.0)
    assert told.high == pytest.approx(3 / 10)
