"""Anchors nearest to faces, and to anchors themselves: what support sets are made of."""

from dataclasses import dataclass

import numpy as np

from models.progress import Tick, silent
from service.arrays import Floats32, Floats64, Ints
from service.scoring.density import face_densities
from service.search.search import Search

_BATCH = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Faces and the anchors nearest to each.

    Attributes:
        similarities: (n, m) float32, each row in descending order.
        rows: (n, m) int64, the anchors' rows.
    """

    similarities: Floats32
    rows: Ints

    @property
    def nearest(self) -> Floats32:
        """(n,) similarity to the nearest anchor."""
        return self.similarities[:, 0]

    def crowding(self, k: int, tau: float) -> Floats64:
        """Return (n,) how crowded each face's neighbourhood is, in cosine units; see ``service.scoring.density``."""
        return face_densities(self.similarities[:, :k], tau).crowding


def neighbours_of_faces(search: Search, faces: Floats32, depth: int, tick: Tick = silent) -> Neighbours:
    """Return the ``depth`` anchors nearest to each of n faces (n, d).

    Raises:
        DimensionMismatch, InvalidEmbedding, TooFewAnchors, SearchFailed: as ``Search.search`` says.
    """
    similarities, rows = [], []
    for start in range(0, len(faces), _BATCH):
        found = search.search(faces[start : start + _BATCH], depth)
        similarities.append(found.similarities)
        rows.append(found.rows)
        tick(min(1.0, (start + _BATCH) / len(faces)))
    return Neighbours(np.concatenate(similarities), np.concatenate(rows))


def neighbours_of_anchors(
    search: Search, embeddings: Floats32, chosen: Ints, depth: int, tick: Tick = silent
) -> Neighbours:
    """Return the ``depth`` other anchors nearest to some anchors.

    Args:
        search: the search in the anchors.
        embeddings: (n, d) float32, all anchors.
        chosen: (m,) int64, rows of those that are looked at.
        depth: other anchors for each, fewer than n.
        tick: told the share done.
    """
    found = neighbours_of_faces(search, embeddings[chosen], depth + 1, tick)
    itself = found.rows == chosen[:, None]
    # An anchor with more copies than the depth need not find itself; then its last neighbour goes.
    itself[~itself.any(axis=1), -1] = True
    shape = (len(chosen), depth)
    return Neighbours(found.similarities[~itself].reshape(shape), found.rows[~itself].reshape(shape))
