"""The training loop of both heads, in PyTorch: batches, checks on what was set aside, the best weights kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.progress import Tick
from models.tool_errors import TrainingImpossible


@dataclass(frozen=True, slots=True)
class LossCheck:
    """How far training was when what was set aside was looked at.

    Attributes:
        iteration: batches so far.
        training: mean loss of the batches since the last check; of the first, the loss before any.
        aside: loss of what was set aside.
    """

    iteration: int
    training: float
    aside: float


@dataclass(frozen=True, slots=True)
class Looks:
    """How long training goes on.

    Attributes:
        iterations: batches at most.
        checks: how often in those what was set aside is looked at.
        patience: checks without an improvement that end it.
        impatient_after: iterations up to which none of them counts.
    """

    iterations: int
    checks: int
    patience: int
    impatient_after: float = 0.0


def descend(
    weights: Sequence[torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    rate: torch.optim.lr_scheduler.LRScheduler,
    batch_loss: Callable[[], torch.Tensor],
    loss_aside: Callable[[], float],
    looks: Looks,
    tick: Tick,
) -> tuple[tuple[LossCheck, ...], int]:
    """Move weights down the loss of batches, and leave those of the best check in place.

    Args:
        weights: what is trained.
        optimizer: moves them.
        rate: its learning rate, stepped after every batch.
        batch_loss: draws a batch and gives its loss.
        loss_aside: gives the loss of what was set aside.
        looks: how long.
        tick: told the share done.

    Returns:
        The checks, and the iteration of the best.

    Raises:
        TrainingImpossible: if the loss is no longer finite.
    """
    every = max(1, looks.iterations // looks.checks)
    with torch.no_grad():
        start = loss_aside()
    checks, kept, best, least, since = [LossCheck(0, start, start)], _copied(weights), 0, start, 0
    total, counted = 0.0, 0
    for iteration in range(1, looks.iterations + 1):
        loss = batch_loss()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        optimizer.step()
        rate.step()
        total, counted = total + float(loss.detach()), counted + 1
        if iteration % every and iteration != looks.iterations:
            continue
        with torch.no_grad():
            check = LossCheck(iteration, total / counted, loss_aside())
        checks.append(check)
        total, counted = 0.0, 0
        tick(iteration / looks.iterations)
        if not np.isfinite(check.training + check.aside):
            raise TrainingImpossible(
                f"After {iteration} iterations the loss is no longer finite: choose a lower --learning-rate."
            )
        if check.aside < least:
            kept, best, least, since = _copied(weights), iteration, check.aside, 0
        elif iteration > looks.impatient_after:
            since += 1
            if since >= looks.patience:
                break
    with torch.no_grad():
        for weight, former in zip(weights, kept, strict=True):
            weight.copy_(former)
    tick(1.0)
    return tuple(checks), best


def _copied(weights: Sequence[torch.nn.Parameter]) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in weights]
