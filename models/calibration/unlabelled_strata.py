"""Strata of faces that nobody named, and how sure a curve is where some of its pairs are in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.calibration.presumed_people import PresumedPeople
from models.calibration.strata_fit import choose_cuts, fit_strata
from models.calibration.vouched_tails import vouched
from models.labelled.comparable import Comparable
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.stratify import Bands
from service.arrays import Floats32, Floats64, Ints
from service.scoring.fmr_curve import FmrCurve
from service.scoring.strata import Strata, pairs_of_bands

_LOW_FLOOR = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class UnlabelledFaces:
    """One set by one method.

    Attributes:
        part: its faces, the presumed people in the place of named ones, pairs in doubt left out.
        scorer: of the same faces.
        presumed: what the scores say of who is whom.
    """

    part: Comparable
    scorer: BlockScorer
    presumed: PresumedPeople


@dataclass(frozen=True, slots=True)
class UnlabelledStratum:
    """What is told of one stratum.

    Attributes:
        name: such as "poor-good".
        pairs: that its curve rests on.
        people: presumed ones, who are in them.
        joined: pairs of one presumed person; they count for nothing.
        doubtful: further pairs that count for nothing.
    """

    name: str
    pairs: int
    people: int
    joined: int
    doubtful: int


def strata_without_labels(
    sets: Sequence[UnlabelledFaces], whole: FmrCurve
) -> tuple[Strata | None, tuple[UnlabelledStratum, ...]]:
    """Return the strata of faces that nobody named, and what is told of each.

    The bands are those of labelled faces: a norm is known of a face whoever it is. Presumed people, and pairs in doubt,
    are left out of each stratum's pairs; its interval holds too if none of those in doubt is mated, or twice as many.

    Args:
        sets: the faces of each set.
        whole: the curve of all pairs.

    Returns:
        None, and nothing, where there are too few faces, or no norms, for strata.
    """
    parts = [one.part for one in sets]
    cuts = choose_cuts(parts)
    strata = fit_strata(parts, [one.scorer for one in sets], cuts)
    if strata is None:
        return None, ()
    scores: dict[Bands, list[Floats64]] = {bands: [] for bands in pairs_of_bands(len(cuts) + 1)}
    joined = dict.fromkeys(scores, 0)
    for one in sets:
        for bands, rows in _by_bands(one.part.norms, one.presumed.doubtful, cuts).items():
            scores[bands].append(one.presumed.doubtful_scores[rows])
        for bands, rows in _by_bands(one.part.norms, np.stack(one.part.mated(), axis=1), cuts).items():
            joined[bands] += len(rows)
    in_doubt = {bands: np.sort(np.concatenate(found)) for bands, found in scores.items()}
    unsures = {
        bands: replace(stratum, curve=unsure(stratum.curve, in_doubt[bands], stratum.pairs))
        for bands, stratum in strata.strata.items()
    }
    strata = vouched(Strata(strata.cuts, unsures), whole)
    return strata, tuple(
        UnlabelledStratum(strata.name(stratum), stratum.pairs, stratum.people, joined[bands], len(in_doubt[bands]))
        for bands, stratum in strata.strata.items()
    )


def unsure(curve: FmrCurve, doubtful: Floats64, total: int) -> FmrCurve:
    """Return a curve whose interval holds too if none of the doubtful pairs is mated, or twice as many are.

    Where more pairs are in doubt than have the rate, it is extrapolated: nobody was seen to have it. Of a rate that the
    pairs do not show they say only that it is below one that they show, and the interval says no more: whether the few
    highest of them are of one person, and how the others' scores end, nobody knows who has no names.

    Args:
        curve: the curve without them.
        doubtful: (d,) their scores, ascending.
        total: non-mated pairs that it was fitted to.
    """
    share = at_least(doubtful, curve.scores) / total
    rates = 10.0**curve.log10_fmr
    shown = max(curve.shown_down_to, float(np.max(rates[share > rates], initial=0.0)))
    low, high = 10.0**curve.log10_low - share, 10.0**curve.log10_high + share
    low = np.where(rates < shown, _LOW_FLOOR, np.maximum(low, _LOW_FLOOR))
    high = np.where(rates < shown, np.maximum(high, curve.shown_down_to), high)
    return replace(
        curve,
        log10_low=np.log10(low),
        log10_high=np.log10(np.minimum(high, 1.0)),
        shown_down_to=shown,
    )


def at_least(ascending: Floats64, scores: Floats64) -> Ints:
    """Return how many of some scores, ascending, are at least as high as each of others."""
    return np.asarray(len(ascending) - np.searchsorted(ascending, scores, side="left"), np.int64)


def _by_bands(norms: Floats32, pairs: Ints, cuts: Sequence[float]) -> dict[Bands, Ints]:
    """Return which of some pairs (p, 2) are in each stratum; those with a norm that is not known are in none."""
    bands = np.sort(np.digitize(norms, cuts)[pairs], axis=1)
    known = np.all(norms[pairs] > 0, axis=1)
    return {found: np.flatnonzero(known & np.all(bands == found, axis=1)) for found in pairs_of_bands(len(cuts) + 1)}
