"""The mixture of non-mated and mated scores."""

import math

import numpy as np
import pytest

from models.calibration.mated_mixture import Mixture, exponential_log_likelihood, fit_mixture, share_left

MIXTURE = Mixture(start=0.3, share=0.1, scale=0.03, mean=0.6, spread=0.1, log_likelihood=0.0)


def densities(score, mixture, below=math.inf):
    """Both densities of a score, written out."""

    def normal_share(value):
        return 0.5 * (1 + math.erf((value - mixture.mean) / mixture.spread / math.sqrt(2)))

    seen = (1.0 if below == math.inf else normal_share(below)) - normal_share(mixture.start)
    normal = math.exp(-0.5 * ((score - mixture.mean) / mixture.spread) ** 2)
    normal /= mixture.spread * math.sqrt(2 * math.pi) * seen
    return (
        (1 - mixture.share) * math.exp(-(score - mixture.start) / mixture.scale) / mixture.scale,
        mixture.share * (normal if score < below else 0.0),
    )


@pytest.mark.parametrize("below", [math.inf, 0.55])
def test_mated_probability_is_the_mated_share_of_the_density(below):
    scores = np.array([0.31, 0.4, 0.45, 0.5, 0.54, 0.6, 0.9])

    found = MIXTURE.mated_probability(scores, below)

    for score, probability in zip(scores, found, strict=True):
        non_mated, mated = densities(score, MIXTURE, below)
        assert probability == pytest.approx(mated / (mated + non_mated), abs=1e-9)


def test_non_mated_beyond_by_hand():
    # 0.9 of 1000 pairs, one scale above the start.
    assert MIXTURE.non_mated_beyond(np.array([0.33]), 1000) == pytest.approx([900 / math.e])


def drawn(pairs, share, seed=0):
    generator = np.random.default_rng(seed)
    mated = generator.random(pairs) < share
    scores = np.where(mated, generator.normal(0.6, 0.1, pairs), 0.3 + generator.exponential(0.03, pairs))
    return scores[scores > 0.3], int(np.count_nonzero(mated & (scores > 0.3)))


def test_fit_finds_what_scores_were_drawn_from_and_is_likelier_than_it():
    scores, mated = drawn(4000, 0.1)

    found = fit_mixture(scores, 0.3)

    assert found.share * len(scores) == pytest.approx(mated, rel=0.1)
    assert (found.scale, found.mean, found.spread) == pytest.approx((0.03, 0.6, 0.1), rel=0.1)
    likelihood = sum(math.log(sum(densities(score, found))) for score in scores)
    assert found.log_likelihood == pytest.approx(likelihood, abs=0.01)
    assert found.log_likelihood >= sum(math.log(sum(densities(score, MIXTURE))) for score in scores) - 0.5


@pytest.mark.slow
def test_of_strangers_alone_a_mixture_gains_next_to_nothing():
    scores, _ = drawn(4000, 0.0)

    found = fit_mixture(scores, 0.3)

    assert found is None or found.log_likelihood - exponential_log_likelihood(scores, 0.3) < 3


def test_share_left_finds_how_many_mated_pairs_stay_below_those_that_are_gone():
    scores, _ = drawn(20_000, 0.1, seed=1)
    found = fit_mixture(scores, 0.3)

    left = share_left(scores[scores < 0.55], found, 0.55)
    # Had half of the mated pairs below gone too, half would be left.
    generator = np.random.default_rng(2)
    mated = generator.random(len(scores)) < found.mated_probability(scores)
    kept = (scores < 0.55) & ~(mated & (generator.random(len(scores)) < 0.5))
    fewer = share_left(scores[kept], found, 0.55)

    below = np.sum(mated & (scores < 0.55))
    assert left.share * np.sum(scores < 0.55) == pytest.approx(below, rel=0.15)
    assert fewer.share * np.sum(kept) == pytest.approx(below / 2, rel=0.25)
