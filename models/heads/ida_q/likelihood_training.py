"""Training the likelihood network on pairs of people who are known, by L-BFGS and without PyTorch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.heads.ida_q.likelihood_weights import LikelihoodWeights, first_weights
from service.arrays import Bools, Floats, Floats64, Ints
from service.scoring.likelihood import SLOPE_SCALE


@dataclass(frozen=True, slots=True)
class LikelihoodOptions:
    """How the network is trained.

    Attributes:
        hidden: values between its layers.
        false_match_rates: those that the loss weighs: prior odds of one person against two at which a wrong decision
            either way costs alike.
        decay: what the square of every weight but a bias costs.
        clean_share: of both kinds of pairs, what pairs of two pictures as they are weigh over others.
        hard: pairs of two people with the highest scores that are all trained on.
        drawn: pairs of two people drawn from the others, which then stand for them.
        iterations: of L-BFGS at most.
        seed: of everything drawn.
    """

    hidden: int = 8
    false_match_rates: tuple[float, ...] = (1e-2, 1e-3, 1e-4)
    decay: float = 1.0
    clean_share: float = 2.0
    hard: int = 20_000
    drawn: int = 10_000
    iterations: int = 150
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPairs:
    """Pairs that are learned from.

    Attributes:
        first: (p,) int64, row of the one face.
        second: (p,) int64, row of the other.
        similarity: (p,) float64, cosine.
        mated: (p,) bool, whether they are one person's.
        weight: (p,) float64, above 0: those of the mated add up to 1, and so do those of the others.
    """

    first: Ints
    second: Ints
    similarity: Floats64
    mated: Bools
    weight: Floats64


def train_likelihood(
    statistics: Floats, as_they_are: Bools, pairs: TrainingPairs, options: LikelihoodOptions
) -> tuple[LikelihoodWeights, float]:
    """Return a network that tells one person's pairs from two people's, and its loss.

    Args:
        statistics: (n, d) of all faces.
        as_they_are: (n,), which of them are no degraded copies; their statistics set the scale.
        pairs: what is learned from.
        options: how.
    """
    # Here, because importing it takes as long as a short command.
    from scipy.optimize import minimize  # noqa: PLC0415

    impostors, spread = _mean_and_spread(pairs)
    # At first a straight line through evidence 0 five standard deviations above what two people's pairs have.
    start = first_weights(
        statistics[as_they_are], impostors + 5 * spread, 1 / (SLOPE_SCALE * spread), options.hidden, options.seed
    )
    faces, places = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
    told, ends = start.standardised(statistics[faces]), np.split(places, 2)
    found = minimize(
        loss_of(start, told, (ends[0], ends[1]), pairs, options),
        start.learned,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": options.iterations, "maxcor": 20},
    )
    return start.with_learned(np.asarray(found.x, np.float64)), float(found.fun)


def loss_of(
    network: LikelihoodWeights,
    told: Floats64,
    ends: tuple[Ints, Ints],
    pairs: TrainingPairs,
    options: LikelihoodOptions,
) -> Callable[[Floats64], tuple[float, Floats64]]:
    """Return the loss and its gradient (p,) as a function of the network's weights (p,).

    With prior odds e^h of one person, a decision that follows llr + h errs at the cost
    ``mean over mated of softplus(-(llr + h)) + e^-h mean over others of softplus(llr + h)``: the proper scoring rule by
    which small false-match rates weigh as much as misses. The loss is its mean over h = log of the rates.

    Args:
        network: gives the shapes.
        told: (n, d) standardised statistics.
        ends: rows (p,) of both faces of each pair.
        pairs: the pairs.
        options: rates and decay.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415

    first, second = ends
    count = len(first)
    # (n, 2p): adds up, over the ends of pairs that are a face, what each end says of it.
    of_face = csr_array(
        (np.ones(2 * count), (np.concatenate([first, second]), np.arange(2 * count))), shape=(len(told), 2 * count)
    )
    sign = np.where(pairs.mated, -1.0, 1.0)
    is_weight = _is_weight(network)
    log_odds = np.log(options.false_match_rates)

    def loss(values: Floats64) -> tuple[float, Floats64]:
        now = network.with_learned(values)
        hidden = np.tanh(told @ now.first.T + now.first_bias)
        outputs = hidden @ now.second.T + told @ now.straight.T + now.second_bias
        before, middle, _, offset = (outputs[first] + outputs[second]).T
        looks = outputs[first, 2], outputs[second, 2]
        slope, beyond = SLOPE_SCALE * _softplus(before), pairs.similarity - middle - looks[0] * looks[1]
        ratio = slope * beyond + offset
        total, by_ratio = 0.0, np.zeros(count)
        for odds in log_odds:
            cost = pairs.weight * np.where(pairs.mated, 1.0, np.exp(-odds)) / len(log_odds)
            total += float(cost @ _softplus(sign * (ratio + odds)))
            by_ratio += cost * sign * _sigmoid(sign * (ratio + odds))
        by_slope, by_middle = by_ratio * SLOPE_SCALE * _sigmoid(before) * beyond, -by_ratio * slope
        by_end = [np.stack([by_slope, by_middle, by_middle * other, by_ratio], axis=1) for other in reversed(looks)]
        by_output = of_face @ np.concatenate(by_end)
        by_hidden = (by_output @ now.second) * (1 - hidden**2)
        gradient = np.concatenate(
            [
                (by_hidden.T @ told).ravel(),
                by_hidden.sum(axis=0),
                (by_output.T @ hidden).ravel(),
                (by_output.T @ told).ravel(),
                by_output.sum(axis=0),
            ]
        )
        decayed = np.where(is_weight, values, 0.0)
        return total + options.decay / 2 * float(decayed @ decayed), gradient + options.decay * decayed

    return loss


def _is_weight(network: LikelihoodWeights) -> Bools:
    """Return which learned values (p,) are weights, and not biases."""
    ones, zeros = np.ones, np.zeros
    return np.concatenate(
        [
            ones(network.first.size, bool),
            ones(network.first_bias.size, bool),
            ones(network.second.size, bool),
            ones(network.straight.size, bool),
            zeros(network.second_bias.size, bool),
        ]
    )


def _mean_and_spread(pairs: TrainingPairs) -> tuple[float, float]:
    others = ~pairs.mated
    mean = float(np.average(pairs.similarity[others], weights=pairs.weight[others]))
    variance = float(np.average((pairs.similarity[others] - mean) ** 2, weights=pairs.weight[others]))
    return mean, max(variance, 1e-6) ** 0.5


def _softplus(values: Floats64) -> Floats64:
    return np.maximum(values, 0.0) + np.log1p(np.exp(-np.abs(values)))


def _sigmoid(values: Floats64) -> Floats64:
    return 0.5 * (1 + np.tanh(values / 2))
