"""From candidates, found by rounded similarities, to exact support sets."""

import numpy as np

from service.arrays import Floats, Floats32, Ints
from service.search.search import SupportSets

# Candidates beyond the k that are asked, so that the gap between the last support and the last candidate is wide.
_SPARE = 54
# Bounds what is copied at a time, of 4 bytes each: a tool searches for thousands of faces in one call.
_GATHERED_VALUES = 1 << 23
_SCANNED_ROWS = 16384


def candidates_for(k: int, count: int) -> int:
    """Return how many candidates among ``count`` anchors are asked of a rounded search for k."""
    return min(count, k + max(_SPARE, k))


def support_sets(
    anchors: Floats32,
    queries: Floats32,
    candidates: Ints,
    k: int,
    left_out: Floats | float = -np.inf,
) -> SupportSets:
    """Return the k most similar of each face's candidates by their exact similarities.

    A face one of whose supports may be no candidate is compared with every anchor instead. What is found for a face
    does not depend on the others.

    Args:
        anchors: (n, d) float32, unit norm.
        queries: (m, d) float32, unit norm.
        candidates: (m, c) rows of anchors, c at least k.
        k: anchors in a support set.
        left_out: (m,) or one for all, what no similarity to an anchor that is no candidate exceeds.
    """
    exact = np.empty(candidates.shape, np.float32)
    step = max(1, _GATHERED_VALUES // max(1, candidates.shape[1] * anchors.shape[1]))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        exact[part] = np.einsum("mcd,md->mc", anchors[candidates[part]], queries[part])
    order = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    similarities, rows = np.take_along_axis(exact, order, 1), np.take_along_axis(candidates, order, 1)
    for face in np.flatnonzero(similarities[:, -1] <= left_out):
        similarities[face], rows[face] = scanned(anchors, queries[face], k)
    # Unit norm holds only to rounding, so an inner product may leave the range by as little.
    return SupportSets(np.clip(similarities, -1.0, 1.0), rows)


def scanned(anchors: Floats32, query: Floats32, k: int) -> tuple[Floats32, Ints]:
    """Return one face's similarities to its k nearest anchors (k,), and their rows, by comparing it with all."""
    exact = np.concatenate(
        [
            np.einsum("nd,d->n", anchors[start : start + _SCANNED_ROWS], query)
            for start in range(0, len(anchors), _SCANNED_ROWS)
        ]
    )
    rows = np.argpartition(-exact, k - 1)[:k]
    rows = rows[np.argsort(-exact[rows], kind="stable")]
    return exact[rows], rows
