"""Series of metrics that lie just below a threshold of an alert and just above it, as promtool's tests take them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STEP = 30  # seconds between two looks of Prometheus, and between two samples
STEPS = 240

Series = dict[str, str]


def held(value: float) -> str:
    return f"{value}x{STEPS}"


def counted(by: float) -> str:
    """A counter that grows by so much from one sample to the next: 4 samples in 2 minutes, 30 in 15, 120 in an hour."""
    return f"0+{by}x{STEPS}"


@dataclass(frozen=True)
class Edge:
    """Series beside which others decide: with those it is quiet, with these it fires."""

    below: Series
    above: Series
    beside: Series


@dataclass(frozen=True)
class Edges:
    """The edges of one alert's thresholds, and what makes it fire as soon as its duration allows.

    Attributes:
        thresholds: its edges.
        lasting: series by which its condition holds from ``since`` seconds on.
        since: a counter tells nothing before its second sample.
    """

    thresholds: list[Edge]
    lasting: Series
    since: int = 0


def edge(name: str, below: float, above: float, /, kind: Callable[[float], str] = held, **beside: Any) -> Edge:
    return Edge({name: kind(below)}, {name: kind(above)}, beside.get("beside", {}))


def service(name: str, **labels: str) -> str:
    told = "".join(f', {label}="{value}"' for label, value in labels.items())
    return f'{name}{{job="ida-verify"{told}}}'


def recorded(**values: float) -> Series:
    """Recorded series by their names, with __ in the place of the colons, each at a value."""
    return {f"ida:{name.replace('__', ':')}": held(value) for name, value in values.items()}


def between(low: Series, high: Series, **beside: float) -> Edge:
    return Edge(low, high, recorded(**beside))


def risen(share: str, usual: str, counted_in: str, *at: tuple[float, float, float], least: int) -> Edges:
    """The edges of an alert on a share of an hour that rose above its usual one, where enough was counted.

    Args:
        share, usual, counted_in: recorded series, with __ in the place of the colons.
        at: usual shares, each with one that is quiet and one that fires.
        least: how much must have been counted.
    """
    beyond = {usual: 0, share: 1}
    return Edges(
        [
            *(
                between(recorded(**{share: below}), recorded(**{share: above}), **{usual: value, counted_in: 9999})
                for value, below, above in at
            ),
            between(recorded(**{counted_in: 0.98 * least}), recorded(**{counted_in: 1.02 * least}), **beyond),
        ],
        recorded(**beyond, **{counted_in: 9999}),
    )


def crowding_difference(bound: float, by: float = 1000) -> Series:
    """Half of the differences lie below half of a bound."""
    buckets = {"0": 0.0, str(bound): by, "+Inf": by}
    named = {service("ida_crowding_difference_bucket", le=le): counted(value) for le, value in buckets.items()}
    return {**named, service("ida_crowding_difference_count"): counted(by)}


OF_THE_METHOD = '{method="ida-r"}'


def of_the_method(**values: float) -> Series:
    return {f"{name}{OF_THE_METHOD}": value for name, value in recorded(**values).items()}
