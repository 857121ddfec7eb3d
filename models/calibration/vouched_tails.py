"""What a stratum may say of rates that its own pairs do not show: never less than all pairs together say."""

from dataclasses import replace

import numpy as np

from service.arrays import Floats64
from service.scoring.fmr_curve import FmrCurve
from service.scoring.strata import Strata

# Of the knots of all pairs' curve, which is much finer than a stratum's.
_EVERY = 4
# Decades by which a knot lies below the one before at least, since a curve falls strictly.
_FALL = 1e-5


def vouched(strata: Strata, whole: FmrCurve) -> Strata:
    """Return strata whose extrapolated rates are no lower than those of all pairs.

    A fitted tail says what chance does to pairs like those that were seen. Pairs of a kind that was not, look-alikes or
    children in good pictures, are among all pairs sooner than in one stratum.

    Args:
        strata: as they were fitted.
        whole: the curve of all pairs.
    """
    found = {bands: replace(one, curve=_vouched(one.curve, whole)) for bands, one in strata.strata.items()}
    return Strata(strata.cuts, found)


def _vouched(own: FmrCurve, whole: FmrCurve) -> FmrCurve:
    """Return max(own, min(d, whole)) where own is below d, the smallest rate that its pairs show, and own elsewhere."""
    shown = float(np.log10(own.shown_down_to))
    start = own.score_of(own.shown_down_to)
    beyond = np.append(whole.scores[whole.scores > start][::_EVERY], whole.scores[-1])
    scores = np.unique(np.round(np.concatenate([own.scores, [start], beyond[beyond > start]]), 7))

    def at(curve: FmrCurve) -> tuple[Floats64, Floats64, Floats64]:
        lines = curve.log10_fmr, curve.log10_low, curve.log10_high
        rate, low, high = (np.interp(scores, curve.scores, line) for line in lines)
        return rate, low, high

    (rate, low, high), (other, other_low, other_high) = at(own), at(whole)
    bound = np.minimum(shown, other)
    by_whole = (scores > start) & (bound > rate)
    rate = np.where(by_whole, bound, rate)
    # What its own pairs leave open stays so, however well all pairs together are known.
    low = np.where(by_whole, np.minimum(low, bound + other_low - other), low)
    high = np.where(by_whole, np.maximum(high, bound + other_high - other), high)
    falling = np.minimum.accumulate(rate + _FALL * np.arange(len(rate))) - _FALL * np.arange(len(rate))
    last = int(np.flatnonzero(np.isclose(falling, falling[-1], atol=_FALL * len(rate)))[0]) + 1
    kept = slice(0, max(2, last))
    return replace(
        own,
        scores=scores[kept],
        log10_fmr=np.round(falling[kept], 6),
        log10_low=np.round(np.minimum(low, falling)[kept], 4),
        log10_high=np.round(np.maximum(high, falling)[kept], 4),
    )
