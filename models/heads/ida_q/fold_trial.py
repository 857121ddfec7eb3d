"""Whether a network helps people it was not trained on: its false non-matches beside a method's without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import fnmr_at_fmr, interval, person_weights
from models.labelled.rates.measured import measured_fmrs
from models.labelled.rates.threshold_rates import smoothed_fnmr

Pictures = Literal["as they are", "mixed"]


@dataclass(frozen=True, slots=True)
class TrialRate:
    """How a network and a method without one differ on one set at one false-match rate, averaged over the folds.

    Attributes:
        set_name: the set.
        pictures: "as they are", or "mixed": those and degraded copies under one threshold.
        fmr: the false-match rate.
        fnmr_without: FNMR without the network.
        fnmr: FNMR with it.
        gain: how much lower that is.
        gain_low: lower end of its 95 % interval, people resampled, both on the same people.
        gain_high: upper end.
        margin: a standard error of ``fnmr_without``.
    """

    set_name: str
    pictures: Pictures
    fmr: float
    fnmr_without: float
    fnmr: float
    gain: float
    gain_low: float
    gain_high: float
    margin: float

    @property
    def harmless(self) -> bool:
        """Whether the network is not worse beyond noise: not surely worse, and not by more than a standard error.

        Among some twenty rates an interval that has to lie above 0 would fail one by chance.
        """
        return self.gain_high >= 0 and self.gain >= -self.margin


@dataclass(frozen=True, slots=True, eq=False)
class FoldScores:
    """One fold's people of one set, scored by networks that never saw them, and without.

    Attributes:
        pictures: which of their pictures.
        without: by the method without a network.
        with_network: by the network.
    """

    pictures: Pictures
    without: Comparisons
    with_network: Comparisons


def trial_rates(folds: Sequence[FoldScores], *, replicates: int, seed: int) -> tuple[TrialRate, ...]:
    """Return the differences at every rate from 1e-2 to the smallest that the folds of a set measure.

    Args:
        folds: of one or more sets, each fold at thresholds of its own.
        replicates: of the bootstrap.
        seed: of the bootstrap.
    """
    kinds = dict.fromkeys((fold.without.name, fold.pictures) for fold in folds)
    return tuple(
        rate
        for name, pictures in kinds
        for rate in _of_set([f for f in folds if (f.without.name, f.pictures) == (name, pictures)], replicates, seed)
    )


def _of_set(folds: Sequence[FoldScores], replicates: int, seed: int) -> list[TrialRate]:
    rates = measured_fmrs(min(fold.without.non_mated for fold in folds))
    if not rates:
        return []
    fmrs = np.array(rates)
    weights = [person_weights(fold.without.people, replicates, seed + number) for number, fold in enumerate(folds)]
    drawn = list(zip(folds, weights, strict=True))
    without = np.mean([fnmr_at_fmr(fold.without, fmrs, draw) for fold, draw in drawn], axis=0)
    found = np.mean([fnmr_at_fmr(fold.with_network, fmrs, draw) for fold, draw in drawn], axis=0)
    low, high = interval(without - found)
    fnmr_without = np.mean([smoothed_fnmr(fold.without, rates) for fold in folds], axis=0)
    fnmr = np.mean([smoothed_fnmr(fold.with_network, rates) for fold in folds], axis=0)
    noise = np.std(without, axis=0)
    return [
        TrialRate(
            set_name=folds[0].without.name,
            pictures=folds[0].pictures,
            fmr=fmr,
            fnmr_without=float(fnmr_without[column]),
            fnmr=float(fnmr[column]),
            gain=float(fnmr_without[column] - fnmr[column]),
            gain_low=float(low[column]),
            gain_high=float(high[column]),
            margin=float(noise[column]),
        )
        for column, fmr in enumerate(rates)
    ]
