"""What thresholds do to some people: false-match and false non-match rates with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, accepted_weights, rejected_weights, share_interval
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import upper_end
from service.arrays import Floats64
from service.scoring.calibration import as_score
from service.scoring.methods import Scale


@dataclass(frozen=True, slots=True)
class ObservedRates:
    """What a threshold does to some people.

    Attributes:
        threshold: of the scores as the service gives them.
        false_matches: how many non-mated pairs reach it.
        fmr: their share of all.
        fmr_low: lower end of its 95 % interval.
        fmr_high: upper end; 3/``identity_pairs`` at least where no pair reaches the threshold.
        fnmr: share of the mated pairs that do not reach it, undetected faces counted.
        fnmr_low: lower end of its 95 % interval.
        fnmr_high: upper end.
        identity_pairs: pairs of people whose pictures were compared, each counted once.
    """

    threshold: float
    false_matches: int
    fmr: float
    fmr_low: float
    fmr_high: float
    fnmr: float
    fnmr_low: float
    fnmr_high: float
    identity_pairs: int

    @property
    def fmr_interval(self) -> Interval:
        """The false-match rate with its interval."""
        return Interval(self.fmr, self.fmr_low, self.fmr_high)


def observe(
    thresholds: Floats64, scale: Scale, sets: Sequence[Comparisons], weights: Sequence[WeightArray]
) -> list[ObservedRates]:
    """Return what thresholds do to the people of one or more sets taken together.

    Args:
        thresholds: (p,), on the scale of ``Method.combine``; where all non-mated pairs above were kept.
        scale: of the method.
        sets: the scored pairs; none across two sets.
        weights: for each set (b, u), its people's weights in each replicate of the bootstrap.
    """
    total, mated = sum(found.non_mated for found in sets), sum(found.mated for found in sets)
    reached = np.sum([found.non_mated_at_least(thresholds) for found in sets], axis=0)
    drawn_total, drawn_reached, drawn_mated, drawn_rejected = resampled(thresholds, sets, weights)
    rejected = np.sum([found.mated_below(thresholds) for found in sets], axis=0)
    fmr_low, fmr_high = share_interval(drawn_reached, drawn_total)
    fnmr_low, fnmr_high = share_interval(drawn_rejected, drawn_mated)
    people = sum(found.people_with_mated_pairs for found in sets)
    identity_pairs = sum(found.totals.identity_pairs for found in sets)
    observed = []
    for row, threshold in enumerate(thresholds):
        false_matches = round(reached[row])
        observed.append(
            ObservedRates(
                threshold=as_score(float(threshold), scale),
                false_matches=false_matches,
                fmr=false_matches / total,
                fmr_low=float(fmr_low[row]),
                fmr_high=upper_end(false_matches, identity_pairs, float(fmr_high[row])),
                fnmr=float(rejected[row]) / mated,
                fnmr_low=float(fnmr_low[row]),
                fnmr_high=upper_end(rejected[row], people, float(fnmr_high[row])),
                identity_pairs=identity_pairs,
            )
        )
    return observed


def resampled(
    thresholds: Floats64, sets: Sequence[Comparisons], weights: Sequence[WeightArray]
) -> tuple[Floats64, Floats64, Floats64, Floats64]:
    """Return, summed over the sets, the weight of all non-mated pairs, of accepted ones, of mated and rejected ones."""
    replicates = len(weights[0])
    total, mated = np.zeros(replicates), np.zeros(replicates)
    accepted, rejected = np.zeros((replicates, len(thresholds))), np.zeros((replicates, len(thresholds)))
    for found, drawn in zip(sets, weights, strict=True):
        total += found.totals.weigh(drawn)
        kept = len(found.top_scores) - np.searchsorted(found.top_scores[::-1], thresholds, side="left")
        # More pairs reach the lowest thresholds than are kept, if a set is that much harder than the others: the
        # replicates of the rest are taken to vary as the kept ones do.
        beyond = found.non_mated_at_least(thresholds) / np.maximum(kept, 1)
        accepted += accepted_weights(found, thresholds, drawn) * np.maximum(beyond, 1.0)
        below, of_all = rejected_weights(found, thresholds, drawn)
        rejected += below
        mated += of_all
    return total, accepted, mated, rejected
