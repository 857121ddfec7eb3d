"""Pairs of a set parted by the bands of both faces."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons, compare_between
from models.labelled.pairs.sweep import BlockScorer, ExcludedPairs
from service.scoring.strata import pairs_of_bands

Bands = tuple[int, int]

_KEEP_SHARE = 0.1
_LEAST_KEEP = 10_000


def stratify(part: Comparable, scorer: BlockScorer, cuts: Sequence[float]) -> dict[Bands, Comparisons]:
    """Return the scored pairs of a set by the bands of both faces.

    Args:
        part: the faces; those whose norm is not known are in no pair.
        scorer: of the same faces.
        cuts: norms that part the bands.
    """
    band = np.digitize(part.norms, cuts)
    known = np.flatnonzero(part.norms > 0)
    order = known[np.argsort(band[known], kind="stable")]
    ends = np.concatenate([[0], np.cumsum(np.bincount(band[order], minlength=len(cuts) + 1))])
    runs = [slice(int(start), int(stop)) for start, stop in pairwise(ends)]
    place = np.full(len(part.rows), -1, np.int64)
    place[order] = np.arange(len(order))
    listed = place[part.excluded.faces]
    exclude = ExcludedPairs(listed[np.all(listed >= 0, axis=1)], part.excluded.identities)
    ordered, identities = scorer.subset(order), part.identities[order]
    return {
        (one, other): compare_between(
            part.name,
            ordered,
            identities,
            len(part.people),
            (runs[one], runs[other]),
            exclude=exclude,
            keep=int(_KEEP_SHARE * _between(runs[one], runs[other])) + _LEAST_KEEP,
        )
        for one, other in pairs_of_bands(len(runs))
    }


def _between(one: slice, other: slice) -> int:
    return int(one.stop - one.start) * int(other.stop - other.start)
