"""What each stratum's own thresholds do to the people set aside."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.jackknife import Moved, moved_counts
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.measured import OPERATING_FMRS, bound_without_error
from models.labelled.rates.rate_ratio import RateRatio
from models.labelled.rates.stratify import stratify
from service.scoring.calibration import as_score
from service.scoring.methods import Method
from service.scoring.strata import Strata, Stratum


@dataclass(frozen=True, slots=True)
class SeenRate:
    """What one threshold of a stratum does.

    Attributes:
        fmr: the rate that is stated.
        threshold: of the scores as the service gives them.
        false_matches: how many non-mated pairs of the stratum reach it.
        ratio: observed over stated rate, with its interval.
        fnmr: share of the stratum's mated pairs below it; None where there are none.
    """

    fmr: float
    threshold: float
    false_matches: int
    ratio: RateRatio
    fnmr: float | None


@dataclass(frozen=True, slots=True)
class SeenStratum:
    """One stratum, and the pairs of the people set aside that are in it.

    Attributes:
        name: such as "poor-good".
        pairs: pairs of different people that its curve rests on.
        people: of how many people.
        pairs_aside: such pairs of the people set aside.
        mated_aside: pairs of one person among them.
        rates: at the operating points.
    """

    name: str
    pairs: int
    people: int
    pairs_aside: int
    mated_aside: int
    rates: tuple[SeenRate, ...]


def seen_strata(
    strata: Strata | None, method: Method, parts: Sequence[Comparable], scorers: Sequence[BlockScorer]
) -> tuple[SeenStratum, ...]:
    """Return what the thresholds of strata do to people set aside.

    Args:
        strata: as fitted; None for none.
        method: that of the scores.
        parts: the faces of each set.
        scorers: of the same faces.
    """
    if strata is None:
        return ()
    by_set = [stratify(part, scorer, strata.cuts) for part, scorer in zip(parts, scorers, strict=True)]
    return tuple(
        _seen(strata, stratum, method, [found[bands] for found in by_set]) for bands, stratum in strata.strata.items()
    )


def _seen(strata: Strata, stratum: Stratum, method: Method, sets: Sequence[Comparisons]) -> SeenStratum:
    pairs, mated = sum(found.non_mated for found in sets), sum(found.mated for found in sets)
    rates = []
    for fmr in OPERATING_FMRS:
        threshold = stratum.curve.score_of(fmr)
        score = np.array([threshold])
        reached = sum(float(found.non_mated_at_least(score)[0]) for found in sets)
        below = sum(int(found.mated_below(score)[0]) for found in sets)
        rates.append(
            SeenRate(
                fmr,
                as_score(threshold, method.scale),
                round(reached),
                observed_ratio_at(sets, threshold, fmr, reached, pairs),
                below / mated if mated else None,
            )
        )
    return SeenStratum(strata.name(stratum), stratum.pairs, stratum.people, pairs, mated, tuple(rates))


def observed_ratio_at(
    sets: Sequence[Comparisons], threshold: float, fmr: float, reached: float, pairs: int
) -> RateRatio:
    """Return observed over stated rate of a threshold, with the observed one's interval.

    Args:
        sets: the scored pairs.
        threshold: on their scale.
        fmr: the stated rate, above 0.
        reached: how many pairs of all sets reach it.
        pairs: how many there are.
    """
    if not pairs:
        return RateRatio(0.0)
    ratio = reached / pairs / fmr
    if not reached:
        return RateRatio(0.0, 0.0, bound_without_error(sum(found.totals.identity_pairs for found in sets)) / fmr)
    if threshold <= max(found.complete_above for found in sets):
        return RateRatio(ratio)
    score, all_reached = np.array([threshold]), np.array([reached])
    below, above = Moved.together([moved_counts(found, score, all_reached) for found in sets]).widths()
    return RateRatio(ratio, ratio * float(np.exp(-below[0])), ratio * float(np.exp(min(above[0], 50.0))))
