"""How an uncertainty head is trained."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PfeOptions:
    """How an uncertainty head is trained.

    Attributes:
        hidden: values between the two layers.
        iterations: batches.
        batch: mated pairs in a batch.
        learning_rate: of Adam, falling to nothing along a cosine.
        weight_decay: decoupled L2 penalty.
        set_aside: share of the people for early stopping.
        checks: how often they are looked at.
        patience: looks without an improvement that end the training.
        seed: of everything drawn.
    """

    hidden: int = 64
    iterations: int = 2000
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    set_aside: float = 0.1
    checks: int = 40
    patience: int = 10
    seed: int = 0
