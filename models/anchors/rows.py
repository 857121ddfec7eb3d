"""The embeddings of an anchor set while it is made: read by blocks, so that millions of them may lie on the disk."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from models.tool_errors import AnchorSourceInvalid
from service.arrays import Floats32, Floats64, Ints

BLOCK = 4096
# An embedding of which less than this is left has no direction of its own.
_LEAST_LEFT = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class SharedDirections:
    """What a set of embeddings has in common.

    Attributes:
        mean: (d,) float32, subtracted from each; zeros where directions are removed.
        directions: (m, d) float32, orthonormal; each embedding's part along them is removed.
        share: the part of the embeddings' squared length that lies in what is removed.
    """

    mean: Floats32
    directions: Floats32
    share: float

    def remove(self, embeddings: Floats32) -> Floats32:
        """Return embeddings (n, d) without what they share, of unit norm again.

        Raises:
            AnchorSourceInvalid: if one of them is nothing else.
        """
        left = embeddings - self.mean
        left -= (left @ self.directions.T) @ self.directions
        norms = np.linalg.norm(left, axis=1, keepdims=True)
        if not np.all(norms > _LEAST_LEFT):
            raise AnchorSourceInvalid(
                "An anchor has nothing of its own beside what all anchors share: drop near-duplicates, or remove fewer "
                "directions."
            )
        own: Floats32 = (left / norms).astype(np.float32)
        return own


@dataclass(frozen=True, slots=True, eq=False)
class AnchorRows:
    """Some of the rows of a file of embeddings, perhaps without what they share; read by blocks.

    Attributes:
        stored: (n, d) float32, unit norm; may be a map of a file.
        kept: (m,) int64, rows that belong to the set, in their order.
        shared: what is removed from each; None for nothing.
    """

    stored: Floats32
    kept: Ints
    shared: SharedDirections | None = None

    @classmethod
    def all_of(cls, stored: Floats32) -> "AnchorRows":
        """Return all rows as they are."""
        return cls(stored, np.arange(len(stored)))

    def __len__(self) -> int:
        return len(self.kept)

    def rows(self, positions: slice | Ints) -> Floats32:
        """Return the embeddings at some positions of ``kept``: (p, d) float32, unit norm."""
        found = np.asarray(self.stored[self.kept[positions]], dtype=np.float32)
        return found if self.shared is None else self.shared.remove(found)

    def blocks(self) -> Iterator[Floats32]:
        """Yield all embeddings in their order, a block at a time."""
        for start in range(0, len(self), BLOCK):
            yield self.rows(slice(start, start + BLOCK))

    def keeping(self, positions: Ints) -> "AnchorRows":
        """Return the set with only the rows at some positions of ``kept``."""
        return replace(self, kept=self.kept[positions])


def row_sum(anchors: AnchorRows) -> Floats64:
    """Return the sum (d,) of all embeddings."""
    total = np.zeros(anchors.stored.shape[1])
    for block in anchors.blocks():
        total += block.sum(axis=0, dtype=np.float64)
    return total


def mean_pair_cosine(anchors: AnchorRows) -> float:
    """Return the mean similarity of all pairs of different anchors; 0 for fewer than two."""
    return mean_of_sum(row_sum(anchors), len(anchors))


def mean_of_sum(total: Floats64, count: int) -> float:
    """Return the mean pair cosine of ``count`` unit vectors whose sum is ``total`` (d,)."""
    if count < 2:
        return 0.0
    # All products sum up to the square of the sum; the n squares of unit vectors on their diagonal are no pairs.
    return float((total @ total - count) / (count * (count - 1)))
