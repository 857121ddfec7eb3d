"""Training the uncertainty head in PyTorch (the extra ``train``): only mated pairs count, the backbone stays."""

from dataclasses import dataclass

import numpy as np
import torch

from models.heads.descent import Looks, descend
from models.heads.pfe.mated import MatedFaces, constant_variance
from models.heads.pfe.pfe_graph import PfeWeights
from models.heads.pfe.pfe_options import PfeOptions
from models.progress import Tick, silent

_PAIRS_ASIDE = 8192
_PAIRS_SEED, _ASIDE_SEED = 1, 2


@dataclass(frozen=True, slots=True)
class PfeCheck:
    """How likely mated pairs of the people set aside were.

    Attributes:
        iteration: batches so far.
        aside: mean log-likelihood, above that under one constant variance.
    """

    iteration: int
    aside: float


@dataclass(frozen=True, slots=True, eq=False)
class TrainedPfe:
    """A trained uncertainty head.

    Attributes:
        weights: those of the best check.
        sigma0_squared: the constant variance that fits the mated pairs set aside best.
        checks: how training went.
        best: iteration of the best check.
    """

    weights: PfeWeights
    sigma0_squared: float
    checks: tuple[PfeCheck, ...]
    best: int


def train_pfe(faces: MatedFaces, options: PfeOptions, *, threads: int, tick: Tick = silent) -> TrainedPfe:
    """Train a head on mated pairs. The same arguments give the same head on one machine.

    Args:
        faces: of people with two or more.
        options: how.
        threads: CPU threads.
        tick: told the share done.

    Raises:
        TrainingImpossible: as ``descend`` says.
    """
    torch.set_num_threads(threads)
    kept, aside = faces.split(options.set_aside, options.seed)
    generator = np.random.default_rng((options.seed, _PAIRS_SEED))
    first, second = aside.draw(_PAIRS_ASIDE, np.random.default_rng((options.seed, _ASIDE_SEED)))
    looked_at = torch.tensor(aside.embeddings[first]), torch.tensor(aside.embeddings[second])
    variance = constant_variance(aside.embeddings[first], aside.embeddings[second])
    dimension = faces.embeddings.shape[1]
    torch.manual_seed(options.seed)
    layers = torch.nn.Linear(dimension, options.hidden), torch.nn.Linear(options.hidden, dimension)
    # The start is the constant variance, and so the cosine.
    torch.nn.init.zeros_(layers[1].weight)
    torch.nn.init.constant_(layers[1].bias, float(np.log(variance)))
    weights = [*layers[0].parameters(), *layers[1].parameters()]
    optimizer = torch.optim.AdamW(weights, lr=options.learning_rate, weight_decay=options.weight_decay)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.iterations)
    embeddings = torch.tensor(kept.embeddings)

    def variances(points: torch.Tensor) -> torch.Tensor:
        said: torch.Tensor = layers[1](torch.relu(layers[0](points)))
        return said

    def likelihood(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return pair_likelihood(one, other, variances(one), variances(other)).mean()

    def batch_loss() -> torch.Tensor:
        one, other = (torch.from_numpy(rows) for rows in kept.draw(options.batch, generator))
        return -likelihood(embeddings[one], embeddings[other])

    looks = Looks(options.iterations, options.checks, options.patience)
    losses, best = descend(weights, optimizer, rate, batch_loss, lambda: -float(likelihood(*looked_at)), looks, tick)
    checks = tuple(PfeCheck(found.iteration, losses[0].aside - found.aside) for found in losses)
    arrays = [weight.detach().numpy().astype(np.float32) for weight in weights]
    return TrainedPfe(PfeWeights(*arrays), variance, checks, best)


def pair_likelihood(
    one: torch.Tensor, other: torch.Tensor, log_variance: torch.Tensor, other_log_variance: torch.Tensor
) -> torch.Tensor:
    """Return the log-likelihood that both sides of each pair are one point, (n,); see ``service.scoring.mls``."""
    summed = torch.exp(log_variance) + torch.exp(other_log_variance)
    values = (one - other) ** 2 / summed + torch.log(summed)
    likelihood: torch.Tensor = -0.5 * values.sum(dim=1) - 0.5 * one.shape[1] * float(np.log(2 * np.pi))
    return likelihood
