"""All scored pairs of a set as weighted points, those that were not kept by their bin."""

import numpy as np

from models.labelled.pairs.comparisons import Comparisons
from service.arrays import Floats64


def score_points(found: Comparisons) -> tuple[Floats64, Floats64, Floats64]:
    """Return scores with the numbers of mated and of non-mated pairs at each, those that were not kept by their bin."""
    kept = found.top_scores
    middles = 0.5 * (found.edges[1:] + found.edges[:-1])
    rest = found.histogram.astype(np.float64)
    if len(kept) >= found.non_mated:
        rest[:] = 0.0
    elif len(kept):
        last = float(kept[-1])
        rest[middles > last] = 0.0
        # So many are not kept, whichever side of the last one the middle of its bin lies.
        rest *= (found.non_mated - len(kept)) / max(rest.sum(), 1.0)
    scores = np.concatenate([found.mated_scores, kept, middles])
    mated = np.concatenate([np.ones(len(found.mated_scores)), np.zeros(len(kept) + len(middles))])
    non_mated = np.concatenate([np.zeros(len(found.mated_scores)), np.ones(len(kept)), rest])
    return scores, mated, non_mated
