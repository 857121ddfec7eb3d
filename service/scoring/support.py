"""The similarities of faces to their nearest anchors, anchors of the face's own person left out by a guard."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from service.arrays import Floats32, Floats64, Ints
from service.errors import TooFewAnchors

Nearest = Callable[[Floats32, int], Floats32]
"""Finds anchors: embeddings (n, d) and a number m give (n, m) similarities, each row in descending order."""


@dataclass(frozen=True, slots=True, eq=False)
class SupportSimilarities:
    """Similarities of n faces to the k anchors nearest to each that the guard lets through.

    Attributes:
        similarities: (n, k) float64, each row in descending order.
        left_out: (n,) int64, how many anchors the guard left out.
        left_out_sum: (n,) float64, the sum of their similarities.
        left_out_squares: (n,) float64, the sum of their squares.
    """

    similarities: Floats64
    left_out: Ints
    left_out_sum: Floats64
    left_out_squares: Floats64


def support_similarities(
    nearest: Nearest, embeddings: Floats32, k: int, *, count: int, guard: float | None = None
) -> SupportSimilarities:
    """Return the similarities of faces to the k nearest anchors below the guard.

    The search is widened, for the faces that need it, until k anchors remain: a smaller support set would have
    another density only for being smaller.

    Args:
        nearest: finds anchors.
        embeddings: (n, d) float32, unit norm.
        k: anchors in a support set.
        count: number of anchors there are.
        guard: anchors at least this similar to a face are left out for it; None leaves out none.

    Raises:
        TooFewAnchors: if fewer than k anchors remain for a face.
    """
    faces = len(embeddings)
    if guard is None:
        found = np.asarray(nearest(embeddings, k), dtype=np.float64)
        return SupportSimilarities(found, np.zeros(faces, np.int64), np.zeros(faces), np.zeros(faces))
    kept = np.empty((faces, k))
    left_out, sums, squares = np.zeros(faces, np.int64), np.zeros(faces), np.zeros(faces)
    pending, width = np.arange(faces), k
    while len(pending):
        width = min(2 * width, count)
        found = np.asarray(nearest(embeddings[pending], width), dtype=np.float64)
        guarded = np.sum(found >= guard, axis=1)
        enough = guarded + k <= width
        rows = pending[enough]
        columns = guarded[enough, None] + np.arange(k)
        kept[rows] = np.take_along_axis(found[enough], columns, axis=1)
        outside = np.where(found[enough] >= guard, found[enough], 0.0)
        left_out[rows], sums[rows], squares[rows] = guarded[enough], outside.sum(axis=1), (outside**2).sum(axis=1)
        if width == count and not np.all(enough):
            raise TooFewAnchors(
                f"The guard cosine {guard} leaves {int(np.min(width - guarded))} anchors for a face, and k = {k} are "
                "needed: raise the guard, or use more anchors."
            )
        pending = pending[~enough]
    return SupportSimilarities(kept, left_out, sums, squares)
