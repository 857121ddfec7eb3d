"""How a head is trained: its size, where its samples come from, and the schedule."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Literal

Optimizer = Literal["adam", "sgd"]
Decay = Literal["one-cycle", "steps"]
Target = Literal["log-f", "f"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the weights are moved.

    Attributes:
        optimizer: Adam with decoupled weight decay, or SGD with momentum.
        learning_rate: the largest there is.
        decay: "one-cycle" rises over the first tenth and falls to nothing, "steps" divides by 10 at each milestone.
        milestones: iterations at which "steps" divides.
        momentum: of SGD.
        weight_decay: L2 penalty.
        iterations: batches.
        batch: samples in a batch.
    """

    optimizer: Optimizer = "adam"
    learning_rate: float = 5e-3
    decay: Decay = "one-cycle"
    milestones: tuple[int, ...] = ()
    momentum: float = 0.9
    weight_decay: float = 0.0
    iterations: int = 1500
    batch: int = 512


# Section 4.1 of the paper gives momentum, weight decay and batch, and the schedule of its stage-wise training.
PRESETS: Mapping[str, Schedule] = MappingProxyType(
    {
        "default": Schedule(),
        "paper": Schedule(
            optimizer="sgd",
            learning_rate=1e-3,
            decay="steps",
            milestones=(15_000, 20_000, 25_000),
            weight_decay=5e-4,
            iterations=30_000,
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Shares:
    """Of a batch, the share of each kind of sample; only their proportions count.

    Attributes:
        spread: points spread more evenly than generated faces, with parts of two faces in them.
        mixture: sums of four faces, each with a random sign and weight.
        shift: a face from which parts of two others are taken, or to which they are added.
        noise: a face moved in a random direction, by anything from nothing to most of the way.
        face: a face as it is, anchors made from its own source image left out.
    """

    spread: float = 2.0
    mixture: float = 1.0
    shift: float = 1.0
    noise: float = 0.0
    face: float = 0.0

    def sizes(self, count: int) -> dict[str, int]:
        """Return how many of ``count`` samples are of each kind.

        >>> Shares(spread=2, mixture=1, shift=0, noise=0, face=0).sizes(10)
        {'spread': 7, 'mixture': 3, 'shift': 0, 'noise': 0, 'face': 0}
        """
        shares = {each.name: float(getattr(self, each.name)) for each in fields(self)}
        total, passed, sizes = sum(shares.values()), 0.0, {}
        for name, share in shares.items():
            before = round(count * passed / total)
            passed += share
            sizes[name] = round(count * passed / total) - before
        return sizes


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a head is trained.

    Attributes:
        target: what the loss compares, log F or, as Eq. 6 has it, F; standardised either way.
        hidden: values between the two layers.
        schedule: how the weights are moved.
        shares: what a batch is made of.
        set_aside: share of the sources whose faces are kept from training, for early stopping.
        checks: how often in the schedule the samples set aside are looked at.
        patience: checks without an improvement after which training stops.
        seed: of everything drawn.
    """

    target: Target = "log-f"
    hidden: int = 1024
    schedule: Schedule = field(default_factory=Schedule)
    shares: Shares = field(default_factory=Shares)
    set_aside: float = 0.05
    checks: int = 60
    patience: int = 15
    seed: int = 0
