"""The density cache: a face that comes again, a gallery's or a retry's, is not searched for again.

One cache belongs to one snapshot, so what one generation found never serves another.
"""

import hashlib
import os
import threading
from collections.abc import Callable

import numpy as np
from cachetools import LRUCache

from service.arrays import Floats32
from service.scoring.terms import FaceTerms, Statistic

_KEY_BYTES = 16

CountLookups = Callable[[int, int], object]
"""Is told how many faces of a call were in the cache, and how many were not."""


class DensityCache:
    """Keeps the terms of the faces used last. Safe to use from several threads.

    A face is known by a digest of its embedding under a key that this process drew: neither the embedding nor
    anything that another process could compare with one is kept.
    """

    def __init__(self, entries: int, count: CountLookups | None = None) -> None:
        """Start empty.

        Args:
            entries: faces that are kept at most, 1 or more; some 700 bytes each.
            count: is told of hits and misses; None for nobody.
        """
        self._rows: LRUCache[bytes, FaceTerms] = LRUCache(entries)
        self._turn = threading.Lock()
        self._secret = os.urandom(_KEY_BYTES)
        self._count = count

    def terms(self, embeddings: Floats32, statistic: Statistic, find: Callable[[Floats32], FaceTerms]) -> FaceTerms:
        """Return the terms of faces, those that are not kept from ``find``.

        Args:
            embeddings: (n, d) float32.
            statistic: which terms.
            find: gives the terms of embeddings (m, d), each face's whatever the others are; raises what it likes.
        """
        keys = [self._key(embedding, statistic) for embedding in np.ascontiguousarray(embeddings)]
        with self._turn:
            rows = {key: self._rows[key] for key in keys if key in self._rows}
        missing = {key: place for place, key in enumerate(keys) if key not in rows}
        hits = sum(key in rows for key in keys)
        if self._count is not None:
            self._count(hits, len(keys) - hits)
        if missing:
            # Without the lock: others need not wait for this search, and one made twice gives the same.
            found = find(embeddings[list(missing.values())])
            new = {key: found.map(_row_of(place)) for place, key in enumerate(missing)}
            rows |= new
            with self._turn:
                self._rows.update(new)
        return FaceTerms.concatenated([rows[key] for key in keys])

    def _key(self, embedding: Floats32, statistic: Statistic) -> bytes:
        digest = hashlib.blake2b(embedding.data, digest_size=_KEY_BYTES, key=self._secret)
        digest.update(statistic.name.encode())
        return digest.digest()


def _row_of(place: int) -> Callable[[np.ndarray], np.ndarray]:
    # A copy: a view would keep the terms of the whole call alive.
    return lambda term: term[place : place + 1].copy()
