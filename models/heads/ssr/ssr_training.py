"""The training itself, in PyTorch (the extra ``train``): new samples in every batch, until the schedule ends."""

from dataclasses import dataclass

import numpy as np
import torch

from models.heads.descent import Looks, LossCheck, descend
from models.heads.ssr.first_weights import set_first_weights
from models.heads.ssr.pool import Pool
from models.heads.ssr.samples import Sampler
from models.heads.ssr.ssr_graph import HeadWeights
from models.heads.ssr.ssr_network import Layers
from models.heads.ssr.ssr_options import Schedule, TrainOptions
from models.heads.ssr.targets import Targets
from models.progress import Tick, silent
from models.tool_errors import TrainingImpossible
from service.arrays import Floats32
from service.choices import Device
from service.errors import DeviceUnavailable
from service.scoring.parameters import Parameters

_SAMPLES_TO_START = 4096
_SAMPLES_TO_CHECK = 8192
_WARM_UP = 0.1
# Densities that differ by no more are the same, found in another order.
_ROUNDING = 1e-6
# The seeds of what is drawn apart from the batches.
_START_SEED, _CHECK_SEED, _CLUSTER_SEED = 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained head.

    Attributes:
        weights: those of the best check.
        checks: the loss on its way, as shares of the target's variance.
        best: iteration of the best check.
        mean: what was subtracted from the target, log F or F.
        deviation: what it was divided by then.
        predicted: (m,) float32, what the head says of the samples set aside, log F or F.
        true: (m,) float32, what it should say.
    """

    weights: HeadWeights
    checks: tuple[LossCheck, ...]
    best: int
    mean: float
    deviation: float
    predicted: Floats32
    true: Floats32


def squared_error(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return Eq. 6 for a batch: the mean of (M_SSR(f) - F(f, Psi_f))^2 over predictions (n,) and targets (n,)."""
    return torch.mean((predicted - target) ** 2)


def train_ssr(
    anchors: Pool,
    faces: Pool,
    parameters: Parameters,
    options: TrainOptions,
    *,
    device: Device,
    threads: int,
    tick: Tick = silent,
) -> Trained:
    """Train a head. The same arguments give the same head on one machine.

    Args:
        anchors: all anchors, and the source image of each.
        faces: what samples are made of.
        parameters: k, tau and guard of the support sets.
        options: how.
        device: where the batches are computed.
        threads: CPU threads.
        tick: told the share done.

    Raises:
        DeviceUnavailable: if the device is not there.
        TrainingImpossible: if there are too few faces, or all samples have the same density, or the loss is not finite.
        TooFewAnchors: if a sample's support set cannot be found.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceUnavailable("The device cuda: PyTorch finds no CUDA device. Take the device cpu.")
    torch.set_num_threads(threads)
    on = torch.device(device)
    kept, aside = faces.split(options.set_aside, options.seed)
    # Copies: PyTorch takes no array that may not be written.
    everywhere = torch.tensor(anchors.embeddings)
    targets = Targets(everywhere.to(on), torch.tensor(anchors.sources, device=on), parameters)

    def sampler(pool: Pool, use: int) -> Sampler:
        seed = 4 * options.seed + use
        return Sampler(
            torch.tensor(pool.embeddings, device=on), torch.tensor(pool.sources, device=on), options.shares, seed
        )

    def wanted(points: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        log_f = targets.log_density(points, sources)
        return log_f if options.target == "log-f" else torch.exp(log_f)

    points, sources = sampler(kept, _START_SEED).draw(_SAMPLES_TO_START)
    first = wanted(points, sources)
    mean, deviation = float(first.mean()), float(first.std())
    if not deviation > _ROUNDING * abs(mean):
        raise TrainingImpossible("All samples have the same density: there is nothing to learn. Give more anchors.")
    head = Layers.new(anchors.embeddings.shape[1], options.hidden)
    set_first_weights(
        head, everywhere, points.cpu(), ((first - mean) / deviation).cpu(), 4 * options.seed + _CLUSTER_SEED
    )
    head = head.to(on)
    points_aside, sources_aside = sampler(aside, _CHECK_SEED).draw(_SAMPLES_TO_CHECK)
    true = wanted(points_aside, sources_aside)
    batches, schedule = sampler(kept, 0), options.schedule

    # F varies by 1e-4 of its square or so, and log F by little more: unscaled, the loss would hardly move anything.
    def loss(points: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        return squared_error(head(points), (said - mean) / deviation)

    def batch_loss() -> torch.Tensor:
        drawn, from_sources = batches.draw(schedule.batch)
        return loss(drawn, wanted(drawn, from_sources))

    # Not while the rate still rises, which may well worsen the loss at first.
    looks = Looks(schedule.iterations, options.checks, options.patience, _WARM_UP * schedule.iterations)
    checks, best = descend(
        head.parameters(), *_optimizer(head, schedule), batch_loss, lambda: float(loss(points_aside, true)), looks, tick
    )
    weights = _exported(head, mean, deviation, options)
    return Trained(
        weights=weights,
        checks=checks,
        best=best,
        mean=mean,
        deviation=deviation,
        predicted=predict(weights, points_aside.cpu().numpy()),
        true=true.cpu().numpy(),
    )


def predict(weights: HeadWeights, embeddings: Floats32) -> Floats32:
    """Return what a head says of embeddings (n, d), log F or F as its target is: (n,) float32, computed by PyTorch."""
    with torch.no_grad():
        first = torch.from_numpy(weights.first.astype(np.float32))
        hidden = torch.relu(
            torch.nn.functional.linear(torch.from_numpy(embeddings), first, torch.from_numpy(weights.first_bias))
        )
        said: Floats32 = (hidden @ torch.from_numpy(weights.second) + weights.second_bias).numpy()
    return said


def _optimizer(head: Layers, schedule: Schedule) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimizer: torch.optim.Optimizer
    if schedule.optimizer == "sgd":
        optimizer = torch.optim.SGD(
            head.parameters(), schedule.learning_rate, momentum=schedule.momentum, weight_decay=schedule.weight_decay
        )
    else:
        optimizer = torch.optim.AdamW(head.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay)
    if schedule.decay == "steps":
        return optimizer, torch.optim.lr_scheduler.MultiStepLR(optimizer, list(schedule.milestones), gamma=0.1)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        schedule.learning_rate,
        # One step more than there are iterations, since the scheduler is stepped after the last one too.
        total_steps=schedule.iterations + 1,
        pct_start=_WARM_UP,
        cycle_momentum=False,
    )


def _exported(head: Layers, mean: float, deviation: float, options: TrainOptions) -> HeadWeights:
    """Return a head's weights, the scale of its target taken into the second layer."""
    first, second = head.first, head.second
    return HeadWeights(
        first=first.weight.detach().cpu().numpy().astype(np.float16),
        first_bias=first.bias.detach().cpu().numpy().copy(),
        second=(deviation * second.weight.detach()[0]).cpu().numpy(),
        second_bias=deviation * float(second.bias.detach()[0]) + mean,
        target=options.target,
    )
