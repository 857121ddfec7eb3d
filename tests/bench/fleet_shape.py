"""What ``fleet_simulation.py`` is told and what it saw."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

_WARM_UP_SHARE = 0.2
Balancing = Literal["random", "turns", "least"]


@dataclass(frozen=True)
class Away:
    """One replica dies, and is ready again some seconds later, for which it works on one CPU."""

    at: float
    replica: int
    seconds: float
    start_work: float = 0.0


@dataclass(frozen=True)
class Swap:
    """Every replica loads an anchor set, beside what it serves, each a moment after the first."""

    at: float
    work: float
    within: float = 6.0


@dataclass(frozen=True)
class Shape:
    """What is simulated; times in seconds.

    Attributes:
        replicas: how many there are.
        workers: pairs that one works on at a time.
        queue: pairs that wait at one; who comes beyond is turned away.
        deadline: within which a pair must be answered.
        balancing: by which the proxy chooses: at random (a name that is looked up), in turns, or whoever has least.
        work: what a pair may cost, of which one is drawn for each.
        refusal: what turning away costs.
        ahead: what a pair costs before a replica sees it: the proxy, and a load generator on the same machine.
        cpus: of one machine that all replicas share; None where each has a CPU for each worker.
        others: CPUs of that machine which others take.
        listed: for how long a dead replica is still asked by the proxy.
        silence: until the proxy gives up connecting to a dead one: 0 where its machine still refuses.
        away: deaths, and how long they last.
        between_deaths: mean of a replica's life; None where none dies but as said.
        restart: until a replica that died is ready again.
        swaps: of the anchor set.
    """

    replicas: int
    work: Sequence[float]
    workers: int = 2
    queue: int = 32
    deadline: float = 30.0
    balancing: Balancing = "random"
    refusal: float = 0.0005
    ahead: float = 0.0
    cpus: int | None = None
    others: float = 0.0
    listed: float = 2.0
    silence: float = 0.0
    away: Sequence[Away] = ()
    between_deaths: float | None = None
    restart: float = 15.0
    swaps: Sequence[Swap] = ()


@dataclass
class Seen:
    """What became of each pair: when it was answered, how long that took, and the status."""

    answered: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def summary(self, seconds: float) -> dict:
        """Return what the last four fifths of a run of so many seconds saw."""
        span = (1 - _WARM_UP_SHARE) * seconds
        answered, statuses = np.array(self.answered), np.array(self.statuses)
        kept = (answered >= _WARM_UP_SHARE * seconds) & (answered <= seconds)
        took = np.array(self.seconds)[kept & (statuses == 200)]
        counts = Counter(statuses[kept].tolist())
        quantiles = (
            {f"p{share}_ms": round(1000 * float(np.quantile(took, share / 100)), 1) for share in (50, 95, 99)}
            if len(took)
            else {}
        )
        return {
            "answered_per_second": round(len(took) / span, 2),
            **quantiles,
            "refused": round(counts[429] / max(1, sum(counts.values())), 4),
            "statuses": {str(status): count for status, count in sorted(counts.items())},
        }


def spread(mean: float, variation: float, count: int = 2000, seed: int = 0) -> list[float]:
    """Return times of this mean and coefficient of variation, drawn from a lognormal distribution."""
    sigma = np.sqrt(np.log1p(variation**2))
    drawn = np.random.default_rng(seed).lognormal(-(sigma**2) / 2, sigma, count)
    return [float(value) for value in mean * drawn / drawn.mean()]
