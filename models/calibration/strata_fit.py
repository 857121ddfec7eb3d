"""Fitting strata: pairs parted by the norms of both faces, and a curve for each part."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from models.calibration.between_sets import between_sets
from models.calibration.curve import fit_curve
from models.calibration.llr_line import fit_llr_line
from models.calibration.tail import fit_tail
from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.stratify import Bands, stratify
from models.tool_errors import CalibrationImpossible
from service.arrays import Ints
from service.scoring.fmr_curve import FmrCurve
from service.scoring.strata import Strata, Stratum, pairs_of_bands

SHARES = (0.1, 0.25, 0.6)
"""Shares of the faces below the norms that part the bands: a poor picture differs from a fair one by most."""

# Enough to show a rate of 1e-3, and for a tail that reaches 1e-4.
_LEAST_PAIRS = 10_000
_KNOTS_PER_DECADE = 8


def choose_cuts(parts: Sequence[Comparable]) -> tuple[float, ...]:
    """Return the norms that part the bands; as many bands as leave enough pairs in every stratum, none for one.

    Args:
        parts: the faces of each set; those whose norm is not known count for nothing.
    """
    norms = [part.norms[part.norms > 0] for part in parts if part.given is None]
    known = np.concatenate([*norms, np.empty(0)])
    for shares in (SHARES, SHARES[1:], SHARES[2:]):
        if not len(known):
            return ()
        # Rounded, since the last digits depend on the processor and would give the bundle another id.
        cuts = tuple(round(float(cut), 3) for cut in np.quantile(known, shares))
        if len(set(cuts)) < len(cuts):
            continue
        counts = np.array([np.bincount(np.digitize(of_set, cuts), minlength=len(cuts) + 1) for of_set in norms])
        if all(_pairs(counts, bands) >= _LEAST_PAIRS for bands in pairs_of_bands(len(cuts) + 1)):
            return cuts
    return ()


def _pairs(counts: Ints, bands: Bands) -> int:
    one, other = counts[:, bands[0]], counts[:, bands[1]]
    return int(np.sum(one * (one - 1) // 2 if bands[0] == bands[1] else one * other))


def fit_strata(
    parts: Sequence[Comparable], scorers: Sequence[BlockScorer], cuts: Sequence[float], *, tells_llr: bool = False
) -> Strata | None:
    """Fit the curve of every stratum; None where there is one, or one has too few scores for a curve.

    The tails are shared: they have one shape, and differ in where they start and in their scale.

    Args:
        parts: the faces of each set.
        scorers: of the same faces.
        cuts: as ``choose_cuts`` gives them.
        tells_llr: whether the scores are log-likelihood ratios, and it is known who is whom.
    """
    if not cuts:
        return None
    by_set = [stratify(part, scorer, cuts) for part, scorer in zip(parts, scorers, strict=True)]
    sets = {bands: [found[bands] for found in by_set if found[bands].non_mated] for bands in by_set[0]}
    try:
        shape = _shared_shape(sets.values())
        curves = {
            bands: fit_curve(found, shape=shape, knots_per_decade=_KNOTS_PER_DECADE).curve
            for bands, found in sets.items()
        }
    except CalibrationImpossible:
        return None
    spread = between_sets([(curves[bands], found) for bands, found in sets.items()])
    strata = {
        bands: Stratum(
            bands,
            _rounded(replace(curves[bands], between_sets=spread)),
            pairs=sum(one.non_mated for one in found),
            people=sum(_people(one) for one in found),
            llr=fit_llr_line(found) if tells_llr else None,
        )
        for bands, found in sets.items()
    }
    return Strata(tuple(cuts), strata)


def _shared_shape(strata: Iterable[Sequence[Comparisons]]) -> float:
    """Return the shape of the exceedances of all strata, each in units of its own mean."""
    found = []
    for sets in strata:
        start = fit_curve(sets, shape=0.0).tail_start
        beyond = np.concatenate([one.top_scores[one.top_scores > start] - start for one in sets])
        found.append(beyond / np.mean(beyond))
    exceedances = np.concatenate(found)
    return float(fit_tail(exceedances, np.ones((1, len(exceedances)))).shape[0])


def _rounded(curve: FmrCurve) -> FmrCurve:
    """Return a curve with as many digits as its knots are worth: a tenth of the bytes is the rest."""
    return replace(
        curve,
        scores=np.round(curve.scores, 7),
        log10_fmr=np.round(curve.log10_fmr, 6),
        log10_low=np.round(curve.log10_low, 4),
        log10_high=np.round(curve.log10_high, 4),
    )


def _people(found: Comparisons) -> int:
    others = found.totals.others
    return int(np.count_nonzero(found.totals.faces if others is None else found.totals.faces + others))
