"""How well predicted log-densities agree with those found among the anchors."""

from dataclasses import asdict, dataclass

import numpy as np
from pydantic import JsonValue

from service.arrays import Floats64

_DECILES = 10


@dataclass(frozen=True, slots=True)
class Decile:
    """Errors where the true log-density is in one tenth of its range of faces.

    Attributes:
        low: smallest true log-density.
        high: largest.
        bias: mean of predicted less true.
        deviation: root of the mean squared difference.
    """

    low: float
    high: float
    bias: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well predictions agree with the truth.

    Attributes:
        faces: how many were compared.
        r2: 1 less the share of the truth's variance that is left; below 0 where its mean would predict better.
        spearman: rank correlation.
        bias: mean of predicted less true.
        deciles: by true log-density, from the most crowded tenth to the least.
    """

    faces: int
    r2: float
    spearman: float
    bias: float
    deciles: tuple[Decile, ...]

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for the head's card, whose arrays are lists."""
        return {**asdict(self), "deciles": [asdict(decile) for decile in self.deciles]}


def agreement(predicted: Floats64, true: Floats64) -> Agreement:
    """Return how well predicted log-densities (n,) agree with the true ones (n,), not all equal, n >= 2."""
    # Here, because it takes half a second that every other command need not wait.
    from scipy.stats import spearmanr  # noqa: PLC0415

    error = predicted - true
    order = np.argsort(true, kind="stable")
    tenths = [rows for rows in np.array_split(order, _DECILES) if len(rows)]
    # A head that says the same of every face ranks nothing.
    ranked = float(spearmanr(predicted, true).statistic) if np.ptp(predicted) > 0 else 0.0
    return Agreement(
        faces=len(true),
        r2=r_squared(predicted, true),
        spearman=ranked,
        bias=float(error.mean()),
        deciles=tuple(
            Decile(
                low=float(true[rows[0]]),
                high=float(true[rows[-1]]),
                bias=float(error[rows].mean()),
                deviation=float(np.sqrt(np.mean(error[rows] ** 2))),
            )
            for rows in tenths
        ),
    )


def r_squared(predicted: Floats64, true: Floats64) -> float:
    """Return the share of the variance of the truth (n,) that predictions (n,) explain."""
    return float(1 - np.mean((predicted - true) ** 2) / np.var(true))
