"""Exact search on a CPU: candidates by 8-bit products in the anchors' subspace, then their exact similarities.

The candidates are chosen by rounded products, so an anchor could be missed whose rounded product is too small. Each
answer is therefore checked: the worst support of the exact ones must lie above the best product that was left out by
more than rounding and the subspace explain. Where it does not (many equal anchors, say), that face is compared with
every anchor.
"""

import math

import numpy as np
from numpy.typing import NDArray

from service.arrays import Floats32
from service.bundle.anchors_part import Anchors
from service.choices import Device
from service.inference.integer_product import QUERY_LIMIT, QUERY_ZERO, IntegerProduct
from service.search.exact import candidates_for, support_sets
from service.search.search import SupportSets, check_query
from service.search.subspace import subspace_of

_LIMIT = 127
# The rounding errors of r values add up like noise: not one search of 50,000 anchors in ten million has one so far off.
_DEVIATIONS = 7.0
# Bounds the matrix of all products, of 4 bytes each.
_PRODUCTS = 1 << 23
_ROUNDED_ROWS = 4096


class Int8Search:
    """An index of one anchor set for a CPU. Safe to call from several threads.

    What it finds for a face does not depend on the other faces of the call.
    """

    device: Device = "cpu"

    def __init__(self, anchors: Anchors, *, threads: int = 1) -> None:
        """Build the index: a byte for each value of the anchors in their subspace, beside the anchor set itself.

        Args:
            anchors: what is searched.
            threads: CPU threads of one search, 1 or more.

        Raises:
            SearchFailed: if ONNX Runtime does not take it.
        """
        self._anchors = anchors.embeddings
        self._count, self._dimension = self._anchors.shape
        self._basis = subspace_of(self._anchors)
        rounded, self._step, self._error, self._outside = _rounded(self._anchors, self._basis)
        self._product = IntegerProduct(rounded, threads=threads)

    def search(self, embeddings: Floats32, k: int) -> SupportSets:
        """Return the support sets of embeddings; see ``Search.search``."""
        check_query(embeddings, k, count=self._count, dimension=self._dimension)
        similarities = np.empty((len(embeddings), k), np.float32)
        rows = np.empty((len(embeddings), k), np.int64)
        step = max(1, _PRODUCTS // self._count)
        for start in range(0, len(embeddings), step):
            part = slice(start, start + step)
            found = self._search(np.ascontiguousarray(embeddings[part], np.float32), k)
            similarities[part], rows[part] = found.similarities, found.rows
        return SupportSets(similarities, rows)

    def _search(self, queries: Floats32, k: int) -> SupportSets:
        count = candidates_for(k, self._count)
        inside = queries @ self._basis
        steps = np.maximum(np.max(np.abs(inside), axis=1), np.finfo(np.float32).tiny) / QUERY_LIMIT
        integers = np.rint(inside / steps[:, None])
        products, candidates = self._product.greatest((integers + QUERY_ZERO).astype(np.uint8), count)
        if count == self._count:
            return support_sets(self._anchors, queries, candidates, k)
        # With q = q' + (q - q') and a = a' + (a - a') in the subspace, <q, a> - <q', a'> is two sums of r small errors,
        # independent of each other, and the product of what lies outside, at most that of the norms.
        rounding = np.hypot(np.linalg.norm(inside - integers * steps[:, None], axis=1), self._error)
        outside = np.sqrt(
            np.maximum(np.einsum("md,md->m", queries, queries) - np.einsum("mr,mr->m", inside, inside), 0)
        )
        error = _DEVIATIONS * rounding / math.sqrt(inside.shape[1]) + outside * self._outside
        rounded = products * (steps * self._step)[:, None]
        # What lies below the k-th by twice the error is no support, and its row need not be read.
        kept = int(np.sum(rounded >= (rounded[:, k - 1] - 2 * error)[:, None], axis=1).max(initial=k))
        return support_sets(self._anchors, queries, candidates[:, :kept], k, rounded[:, -1] + error)


def _rounded(anchors: Floats32, basis: Floats32) -> tuple[NDArray[np.int8], float, float, float]:
    """Return the anchors in the subspace as integers (r, n), the step between two of these, and two greatest norms.

    The norms are of what rounding took from an anchor, and of what lies outside the subspace.
    """
    # In parts: NumPy holds the interpreter only between them.
    parts = [slice(start, start + _ROUNDED_ROWS) for start in range(0, len(anchors), _ROUNDED_ROWS)]
    inside = np.concatenate([anchors[part] @ basis for part in parts])
    step = max(float(np.abs(inside).max()), float(np.finfo(np.float32).tiny)) / _LIMIT
    rounded = np.empty(inside.shape[::-1], np.int8)
    error, outside = 0.0, 0.0
    for part in parts:
        integers = np.rint(inside[part] / np.float32(step))
        rounded[:, part] = integers.astype(np.int8).T
        integers *= np.float32(step)
        error = max(error, float(np.linalg.norm(inside[part] - integers, axis=1).max()))
        norms = np.einsum("nd,nd->n", anchors[part], anchors[part]) - np.einsum("nr,nr->n", inside[part], inside[part])
        outside = max(outside, float(norms.max()))
    return rounded, step, error, math.sqrt(max(outside, 0.0))
