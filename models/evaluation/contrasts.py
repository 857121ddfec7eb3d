"""Methods against each other, not only against the cosine: what the paper's tables compare, person by person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.evaluation.method_rates import MethodRates
from models.evaluation.systems import Variant
from models.labelled.pairs.resampling import interval
from models.labelled.rates.interval import Interval
from service.scoring.methods import COSINE

Form = Literal["paper", "tuned", "any"]
"""Whether DAO is Eq. 4 as the paper has it, or at the bundle's strength and norm power; "any" without DAO."""

# The false-match rates of the paper's tables; where a set shows none of them, its smallest one stands for them.
_LARGEST_FMR = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class ContrastSide:
    """One method that is compared.

    Attributes:
        method: its name.
        form: as Eq. 4 has it, or as tuned.
        bundle: name of the bundle; None for the cosine.
        rates: its rates with their replicates.
    """

    method: str
    form: Form
    bundle: str | None
    rates: MethodRates


@dataclass(frozen=True, slots=True)
class Contrast:
    """One method beside another on the same pairs and the same resampled people.

    Attributes:
        method: name of the method.
        form: as Eq. 4 has it, or as tuned.
        bundle: name of its bundle.
        against: name of the other method.
        against_bundle: name of that one's bundle; None for the cosine.
        fmrs: the false-match rates that the set shows.
        gains: the other's FNMR less this one, by rate; above 0 where this one is better.
        span: those of the rates that ``mean`` is over: measured, and 1e-3 or less where there are such.
        mean: the mean gain over the span; None where no rate is measured.
        room: the other's mean FNMR over the span; no gain can be larger.
    """

    method: str
    form: Form
    bundle: str
    against: str
    against_bundle: str | None
    fmrs: tuple[float, ...]
    gains: tuple[Interval, ...]
    span: tuple[float, ...]
    mean: Interval | None
    room: float


def form_of(variant: Variant) -> Form:
    """Return in which form a variant has DAO."""
    names, parameters = variant.method.parameters, variant.parameters
    if "pfe_strength" in names:
        plain = parameters.pfe_strength == 1 and parameters.norm_power == 0
    elif "strength" in names:
        plain = parameters.strength == 1 and parameters.norm_power == 0
    else:
        return "any"
    return "paper" if plain else "tuned"


def contrasts(cosine: MethodRates, sides: Sequence[ContrastSide]) -> tuple[Contrast, ...]:
    """Return what the paper's tables compare.

    Every method with the cosine (Tables 1, 4 and 5), with its own bundle's ``ida-r`` (Table 1) and ``pfe`` (Table 5),
    and ``ida-r`` with that of the first bundle (Table 4).
    """
    plain = ContrastSide(COSINE, "any", None, cosine)
    return tuple(_contrast(side, other) for side in sides for other in (plain, *_others(side, sides)))


def _others(side: ContrastSide, sides: Sequence[ContrastSide]) -> Iterator[ContrastSide]:
    for other in sides:
        alike = other.form in (side.form, "any")
        if other is side or not alike:
            continue
        same = other.bundle == side.bundle
        told = other.method == "ida-r" or (other.method == "pfe" and side.method == "pfe+ida-r")
        kinds = other.bundle == sides[0].bundle and other.method == side.method == "ida-r"
        if told if same else kinds:
            yield other


def _contrast(side: ContrastSide, other: ContrastSide) -> Contrast:
    fmrs, gains = [], []
    for mine, theirs in zip(side.rates.rates, other.rates.rates, strict=True):
        if mine.fnmr is not None and theirs.fnmr is not None:
            fmrs.append(mine.fmr)
            gains.append(_gain(side.rates, other.rates, (mine.fmr,)))
    span = _span(side.rates, other.rates)
    return Contrast(
        method=side.method,
        form=side.form,
        bundle=side.bundle or "",
        against=other.method,
        against_bundle=other.bundle,
        fmrs=tuple(fmrs),
        gains=tuple(gains),
        span=span,
        mean=_gain(side.rates, other.rates, span) if span else None,
        room=_mean(other.rates, span) if span else 0.0,
    )


def _span(one: MethodRates, other: MethodRates) -> tuple[float, ...]:
    """Return the rates that are judged together: measured and resampled for both."""
    measured = [
        rate.fmr
        for rate in one.rates
        if rate.quality == "measured" and one.replicates.at(rate.fmr) is not None is not other.replicates.at(rate.fmr)
    ]
    return tuple(fmr for fmr in measured if fmr <= _LARGEST_FMR) or tuple(measured[-1:])


def _gain(one: MethodRates, other: MethodRates, fmrs: tuple[float, ...]) -> Interval:
    """Return the mean gain over some rates, people resampled where they were for both."""
    value = _mean(other, fmrs) - _mean(one, fmrs)
    mine, theirs = ([rates.replicates.at(fmr) for fmr in fmrs] for rates in (one, other))
    drawn = [second - first for first, second in zip(mine, theirs, strict=True) if first is not None is not second]
    if len(drawn) < len(fmrs):
        return Interval(value)
    low, high = interval(np.mean(drawn, axis=0))
    return Interval(value, float(low), float(high))


def _mean(rates: MethodRates, fmrs: tuple[float, ...]) -> float:
    return float(np.mean([rate.fnmr.value for rate in rates.rates if rate.fmr in fmrs and rate.fnmr is not None]))
