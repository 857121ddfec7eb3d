"""Exact search on a CPU: candidates by 8-bit products, a quarter of the memory to read, then their exact similarities.

The candidates are chosen by rounded products, so an anchor could be missed whose rounded product is too small. Each
answer is therefore checked: the worst support of the exact ones must lie above the best product that was left out by
more than rounding explains. Where it does not (many equal anchors, say), that face is searched in float32.
"""

import math

import numpy as np
from numpy.typing import NDArray

from service.anchors.anchor_set import AnchorSet
from service.anchors.search import FloatArray, SupportSets, check_query
from service.inference.integer_product import QUERY_LIMIT, QUERY_ZERO, IntegerProduct
from service.settings import Device

_LIMIT = 127
# Candidates beyond the k that are asked, so that the gap between the last support and the last candidate is wide.
_SPARE = 54
# The rounding errors of d values add up like noise: not one search of 50,000 anchors in ten million has one so far off.
_DEVIATIONS = 7.0
# Bounds the matrix of all products, of 8 bytes each.
_PRODUCTS = 1 << 23
_ROUNDING_ROWS = 4096
_FLOAT_ROWS = 16384


class Int8Search:
    """An index of one anchor set for a CPU. Safe to call from several threads.

    What it finds for a face does not depend on the other faces of the call.
    """

    device: Device = "cpu"

    def __init__(self, anchors: AnchorSet, *, threads: int = 1) -> None:
        """Build the index: a byte for each value, beside the anchor set itself.

        Args:
            anchors: what is searched.
            threads: CPU threads of one search, 1 or more.

        Raises:
            SearchFailed: if ONNX Runtime does not take it.
        """
        self._anchors = anchors.embeddings
        self._count, self._dimension = self._anchors.shape
        rounded, scales, self._error = _rounded(self._anchors)
        self._product = IntegerProduct(rounded, scales, threads=threads)

    def search(self, embeddings: FloatArray, k: int) -> SupportSets:
        """Return the support sets of embeddings; see ``Search.search``."""
        check_query(embeddings, k, count=self._count, dimension=self._dimension)
        similarities = np.empty((len(embeddings), k), np.float32)
        rows = np.empty((len(embeddings), k), np.int64)
        step = max(1, _PRODUCTS // self._count)
        for start in range(0, len(embeddings), step):
            part = slice(start, start + step)
            similarities[part], rows[part] = self._search(np.ascontiguousarray(embeddings[part], np.float32), k)
        # Unit norm holds only to rounding, so an inner product may leave the range by as little.
        return SupportSets(np.clip(similarities, -1.0, 1.0), rows)

    def _search(self, queries: FloatArray, k: int) -> tuple[FloatArray, NDArray[np.int64]]:
        count = min(self._count, k + max(_SPARE, k))
        scales = np.maximum(np.max(np.abs(queries), axis=1), np.finfo(np.float32).tiny) / QUERY_LIMIT
        integers = np.rint(queries / scales[:, None])
        products, candidates = self._product.greatest((integers + QUERY_ZERO).astype(np.uint8), count)
        exact = np.einsum("mcd,md->mc", self._anchors[candidates], queries)
        order = np.argsort(-exact, axis=1, kind="stable")[:, :k]
        similarities, rows = np.take_along_axis(exact, order, 1), np.take_along_axis(candidates, order, 1)
        if count < self._count:
            left_out = products[:, -1] * scales
            # <q, a> - <q', a'> = <q - q', a'> + <q, a - a'>: two sums of d small errors, independent of each other.
            error = np.hypot(np.linalg.norm(queries - integers * scales[:, None], axis=1), self._error)
            unsure = similarities[:, -1] - left_out <= _DEVIATIONS * error / math.sqrt(self._dimension)
            for face in np.flatnonzero(unsure):
                similarities[face], rows[face] = self._float_search(queries[face], k)
        return similarities, rows

    def _float_search(self, query: FloatArray, k: int) -> tuple[FloatArray, NDArray[np.int64]]:
        exact = np.concatenate(
            [
                np.einsum("nd,d->n", self._anchors[start : start + _FLOAT_ROWS], query)
                for start in range(0, self._count, _FLOAT_ROWS)
            ]
        )
        rows = np.argpartition(-exact, k - 1)[:k]
        rows = rows[np.argsort(-exact[rows], kind="stable")]
        return exact[rows], rows


def _rounded(anchors: FloatArray) -> tuple[NDArray[np.int8], FloatArray, float]:
    """Return the anchors as integers (d, n), the scale of each, and the greatest norm of what rounding took."""
    scales = (np.maximum(np.max(np.abs(anchors), axis=1), np.finfo(np.float32).tiny) / _LIMIT).astype(np.float32)
    rounded = np.empty(anchors.shape[::-1], np.int8)
    error = 0.0
    # In parts: NumPy holds the interpreter only between them, and no temporary is as large as the set.
    for start in range(0, len(anchors), _ROUNDING_ROWS):
        part = slice(start, start + _ROUNDING_ROWS)
        integers = np.rint(anchors[part] / scales[part, None])
        rounded[:, part] = integers.T
        error = max(error, float(np.linalg.norm(anchors[part] - integers * scales[part, None], axis=1).max()))
    return rounded, scales, error
