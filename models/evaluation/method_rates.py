"""FNMR at false-match rates, with intervals over people and the paired gain over the cosine."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, fnmr_at_fmr, interval
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import OPERATING_FMRS, quality, upper_end
from models.labelled.rates.threshold_rates import fnmr_at, threshold_at
from service.arrays import Floats64
from service.scoring.calibration import Quality, as_score
from service.scoring.methods import Scale

FMRS = (1e-1, *OPERATING_FMRS)


@dataclass(frozen=True, slots=True)
class FnmrAtFmr:
    """What a false-match rate costs.

    Attributes:
        fmr: the false-match rate.
        quality: "measured", "wide" where the non-mated pairs show its order only, "extrapolated" where they cannot show
            it; nothing is given there.
        threshold: a score of at least this, on the scale of answers, is a match; None where the rate cannot be shown.
        fnmr: share of mated pairs rejected, those with an undetected face among them; None as above.
        gain: the cosine's FNMR less this one, above 0 where this method is better; None also for the cosine.
    """

    fmr: float
    quality: Quality
    threshold: float | None = None
    fnmr: Interval | None = None
    gain: Interval | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FnmrReplicates:
    """FNMR of every replicate.

    Attributes:
        fmrs: (f,), those whose replicates stay within the kept scores.
        fnmr: (b, f) float64.
    """

    fmrs: tuple[float, ...]
    fnmr: Floats64

    def at(self, fmr: float) -> Floats64 | None:
        """Return the replicates (b,) at a rate; None where there are none."""
        return self.fnmr[:, self.fmrs.index(fmr)] if fmr in self.fmrs else None


def fnmr_replicates(
    comparisons: Comparisons, fmrs: tuple[float, ...], weights: WeightArray, workers: int
) -> FnmrReplicates:
    """Return the FNMR of each replicate at the rates whose threshold the kept scores certainly hold.

    Args:
        comparisons: the scored pairs.
        fmrs: the false-match rates.
        weights: (b, u), how often each person is drawn.
        workers: threads.
    """
    # Twice the pairs of the rate itself: no replicate of these weights reaches further down than that.
    kept = len(comparisons.top_scores) / comparisons.non_mated
    held = tuple(
        fmr for fmr in fmrs if (kept >= 1 or 2 * fmr <= kept) and quality(comparisons.non_mated, fmr) != "extrapolated"
    )
    if not held or not len(weights):
        return FnmrReplicates((), np.empty((len(weights), 0)))

    def smoothed(drawn: WeightArray) -> Floats64:
        return fnmr_at_fmr(comparisons, np.array(held), drawn)

    with ThreadPoolExecutor(workers) as pool:
        rates = np.concatenate(list(pool.map(smoothed, np.array_split(weights, workers))))
    pairs = np.bincount(comparisons.mated_person, minlength=comparisons.people) + comparisons.failed
    drawn = (weights.astype(np.float64) @ pairs)[:, None]
    # The half error that steadies a choice between parameters would shift a reported rate.
    return FnmrReplicates(held, np.clip((rates * (drawn + 1) - 0.5) / np.maximum(drawn, 1), 0.0, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class MethodRates:
    """The rates of one method.

    Attributes:
        rates: FNMR at each false-match rate.
        replicates: those of the bootstrap.
    """

    rates: tuple[FnmrAtFmr, ...]
    replicates: FnmrReplicates


def method_rates(
    comparisons: Comparisons,
    scale: Scale,
    fmrs: tuple[float, ...],
    replicates: FnmrReplicates,
    cosine: MethodRates | None,
) -> MethodRates:
    """Return the FNMR at each false-match rate.

    Args:
        comparisons: the scored pairs of a method.
        scale: the method's.
        fmrs: the false-match rates.
        replicates: of the same pairs.
        cosine: the cosine's on the same pairs with the same weights; None where this is the cosine.
    """
    people, found = comparisons.people_with_mated_pairs, []
    for position, fmr in enumerate(fmrs):
        kind = quality(comparisons.non_mated, fmr)
        if kind == "extrapolated":
            found.append(FnmrAtFmr(fmr, kind))
            continue
        value, drawn = float(fnmr_at(comparisons, [fmr])[0]), replicates.at(fmr)
        # No error in n people is no proof of none, and resampling cannot bound what was not seen.
        fnmr = _interval(value, drawn) if value > 0 else Interval(value, 0.0, upper_end(value, people, 0.0))
        gain = None
        if cosine is not None and (reference := cosine.rates[position].fnmr) is not None:
            other = cosine.replicates.at(fmr)
            gain = _interval(reference.value - value, None if drawn is None or other is None else other - drawn)
        found.append(FnmrAtFmr(fmr, kind, as_score(threshold_at(comparisons, fmr), scale), fnmr, gain))
    return MethodRates(tuple(found), replicates)


def _interval(value: float, drawn: Floats64 | None) -> Interval:
    if drawn is None:
        return Interval(value)
    low, high = interval(drawn)
    return Interval(value, float(low), float(high))
