"""Training the likelihood network: its loss by a loop, its gradient by differences, what it learns, and its file."""

import math
from dataclasses import replace

import numpy as np
import pytest

from models.heads.ida_q.likelihood_graph import likelihood_graph
from models.heads.ida_q.likelihood_training import LikelihoodOptions, TrainingPairs, loss_of, train_likelihood
from models.heads.ida_q.likelihood_weights import first_weights
from models.heads.ida_q.taught_faces import joined_pairs
from service.errors import InferenceFailed
from service.inference.likelihood_head import LikelihoodHead
from service.scoring.likelihood import log_likelihood_ratio
from service.scoring.terms import LIKELIHOOD, FaceTerms


@pytest.fixture
def small():
    """Statistics of nine faces, and twelve pairs."""
    draw = np.random.default_rng(3)
    statistics = draw.standard_normal((9, 2))
    pairs = TrainingPairs(
        first=draw.integers(0, 9, 12),
        second=draw.integers(0, 9, 12),
        similarity=draw.uniform(0, 0.8, 12),
        mated=np.arange(12) < 4,
        weight=np.r_[np.full(4, 0.25), np.full(8, 0.125)],
    )
    network = first_weights(statistics, 0.4, 0.6, 3, 0)
    return statistics, pairs, network.with_learned(network.learned + 0.1 * draw.standard_normal(len(network.learned)))


def by_loop(network, statistics, pairs, options):
    def face(row):
        told = [
            min(5.0, max(-5.0, (x - m) / s))
            for x, m, s in zip(statistics[row], network.mean, network.spread, strict=True)
        ]
        hidden = [
            math.tanh(sum(w * t for w, t in zip(weights, told, strict=True)) + bias)
            for weights, bias in zip(network.first, network.first_bias, strict=True)
        ]
        return [
            sum(w * h for w, h in zip(second, hidden, strict=True))
            + sum(w * t for w, t in zip(straight, told, strict=True))
            + bias
            for second, straight, bias in zip(network.second, network.straight, network.second_bias, strict=True)
        ]

    total = 0.0
    for i, j, s, mated, weight in zip(
        pairs.first, pairs.second, pairs.similarity, pairs.mated, pairs.weight, strict=True
    ):
        slope, middle, _, offset = (x + y for x, y in zip(face(i), face(j), strict=True))
        ratio = 20 * math.log(1 + math.exp(slope)) * (s - middle - face(i)[2] * face(j)[2]) + offset
        for rate in options.false_match_rates:
            odds = math.log(rate)
            cost = math.log(1 + math.exp(-(ratio + odds))) if mated else math.log(1 + math.exp(ratio + odds)) / rate
            total += weight * cost / len(options.false_match_rates)
    weights = [network.first, network.first_bias, network.second, network.straight]
    return total + options.decay / 2 * sum(float(w) ** 2 for array in weights for w in array.ravel())


def test_loss_is_that_of_a_loop(small):
    statistics, pairs, network = small
    options = LikelihoodOptions(false_match_rates=(1e-1, 1e-2))
    loss = loss_of(network, network.standardised(statistics), (pairs.first, pairs.second), pairs, options)

    assert loss(network.learned)[0] == pytest.approx(by_loop(network, statistics, pairs, options), rel=1e-9)


def test_gradient_is_that_of_differences(small):
    statistics, pairs, network = small
    loss = loss_of(network, network.standardised(statistics), (pairs.first, pairs.second), pairs, LikelihoodOptions())
    at, step = network.learned, 1e-6
    differences = [(loss(at + step * e)[0] - loss(at - step * e)[0]) / (2 * step) for e in np.eye(len(at))]

    assert loss(at)[1] == pytest.approx(differences, rel=1e-4, abs=1e-4)


def trained(faces, **changes):
    options = replace(LikelihoodOptions(hard=2000, drawn=4000, iterations=80), **changes)
    pairs = joined_pairs([faces.training_pairs(options, np.random.default_rng(0))], [len(faces)])
    statistics = np.log(faces.norms)[:, None]
    return train_likelihood(statistics, ~faces.is_copy, pairs, options)[0], statistics


def sides(lines, first, second):
    return [FaceTerms(**dict(zip(LIKELIHOOD.terms, lines[rows].T, strict=True))) for rows in (first, second)]


def accepted(scores, faces, fmr):
    first, second = np.triu_indices(len(faces), 1)
    counted = faces.pictures[first] != faces.pictures[second]
    mated = faces.people[first] == faces.people[second]
    others = np.sort(scores[counted & ~mated])[::-1]
    return float(np.mean(scores[counted & mated] > others[int(fmr * len(others))]))


@pytest.mark.slow
def test_network_learns_that_poor_strangers_are_more_alike_and_helps_people_it_never_saw(made_faces):
    network, _ = trained(made_faces(seed=1))
    faces = made_faces(seed=2)
    first, second = np.triu_indices(len(faces), 1)
    similarity = np.sum(faces.embeddings[first] * faces.embeddings[second], axis=1).astype(np.float64)
    ratio = log_likelihood_ratio(similarity, *sides(network.of_faces(np.log(faces.norms)[:, None]), first, second))

    assert accepted(ratio, faces, 1e-3) > accepted(similarity, faces, 1e-3) + 0.15
    poor = faces.is_copy[first] & faces.is_copy[second]
    good = ~faces.is_copy[first] & ~faces.is_copy[second]
    likeness = (similarity > 0.6) & (similarity < 0.7)
    assert np.mean(ratio[poor & likeness]) < np.mean(ratio[good & likeness]) - 2, "the same likeness says less"


@pytest.mark.slow
def test_ratio_is_one_that_a_decision_at_the_prior_odds_can_rest_on(made_faces):
    faces = made_faces(seed=1)
    network, statistics = trained(faces, clean_share=1.0)
    first, second = np.triu_indices(len(faces), 1)
    counted = faces.pictures[first] != faces.pictures[second]
    first, second = first[counted], second[counted]
    similarity = np.sum(faces.embeddings[first] * faces.embeddings[second], axis=1)
    ratio = log_likelihood_ratio(similarity, *sides(network.of_faces(statistics), first, second))
    mated = faces.people[first] == faces.people[second]

    # Among pairs of ratio r or more, mated pairs are at least e^r times as frequent, of those that there are.
    for level in (2.0, 4.0):
        share, false = np.mean(ratio[mated] > level), np.mean(ratio[~mated] > level)
        assert false * math.exp(level) < 2 * share


@pytest.mark.slow
def test_same_faces_and_seed_give_the_same_file(made_faces):
    faces = made_faces(people=20)

    assert likelihood_graph(trained(faces)[0]) == likelihood_graph(trained(faces)[0])


@pytest.mark.slow
def test_onnx_file_gives_what_numpy_gives(made_faces):
    network, statistics = trained(made_faces(people=20))
    far = np.concatenate([statistics, [[-40.0], [40.0]]]).astype(np.float32)

    found = LikelihoodHead.of(likelihood_graph(network), "a network").lines(far)

    assert found.dtype == np.float32
    assert found == pytest.approx(network.of_faces(far), abs=1e-4)


@pytest.mark.slow
def test_network_that_gives_no_number_is_refused(made_faces):
    network, statistics = trained(made_faces(people=20))
    wild = replace(network, second_bias=np.array([0.0, np.nan, 0.0, 0.0]))

    with pytest.raises(InferenceFailed, match="beyond 1000, or none"):
        LikelihoodHead.of(likelihood_graph(wild), "a network").lines(statistics.astype(np.float32))


def test_statistic_that_all_faces_share_tells_nothing():
    network = first_weights(np.ones((5, 2)), 0.4, 0.5, 2, 0)

    assert np.all(np.isfinite(network.of_faces(np.ones((3, 2)))))
