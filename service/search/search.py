"""What a search for support sets takes and gives, whatever engine runs it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from service.arrays import Floats32, Ints
from service.choices import Device
from service.errors import DimensionMismatch, InvalidEmbedding, TooFewAnchors


@dataclass(frozen=True, slots=True, eq=False)
class SupportSets:
    """The support sets of m embeddings: for each, the k anchors most similar to it.

    Attributes:
        similarities: (m, k) float32 in [-1, 1], each row in descending order.
        rows: (m, k) int64, the anchors' rows; equal similarities come in no fixed order.
    """

    similarities: Floats32
    rows: Ints


class Search(Protocol):
    """Searches one anchor set. Safe to call from several threads."""

    @property
    def device(self) -> Device:
        """Where the anchors lie."""
        ...

    def search(self, embeddings: Floats32, k: int) -> SupportSets:
        """Return the support sets of embeddings.

        Args:
            embeddings: (m, d) float32, unit norm.
            k: anchors in a support set, from 1 to the number of anchors.

        Raises:
            DimensionMismatch: if the embeddings have another dimension than the anchors.
            InvalidEmbedding: if a value is not finite.
            TooFewAnchors: if the set has no k anchors.
            SearchFailed: if the engine fails.
        """
        ...


def check_query(embeddings: Floats32, k: int, *, count: int, dimension: int) -> None:
    """Refuse a query that a set of ``count`` anchors of this dimension cannot answer.

    Raises:
        DimensionMismatch, InvalidEmbedding, TooFewAnchors: as ``Search.search`` says.
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != dimension:
        raise DimensionMismatch(
            f"The embeddings have shape {embeddings.shape}; the anchors need (m, {dimension}). "
            "Use embeddings of the backbone that the anchor set was made for."
        )
    if not np.all(np.isfinite(embeddings)):
        raise InvalidEmbedding("An embedding must have finite values only.")
    if not 1 <= k <= count:
        raise TooFewAnchors(f"A support set of {k} anchors was asked of a set of {count}: k must be from 1 to {count}.")
