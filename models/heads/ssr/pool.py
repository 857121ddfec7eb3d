"""The faces and anchors that samples are made of, each with the source image that it was made from."""

from dataclasses import dataclass

import numpy as np

from models.tool_errors import TrainingImpossible
from service.arrays import Floats32, Ints

UNKNOWN = -1
# Two faces to mix are the least that a sample is made of.
_LEAST = 2


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Embeddings and their sources.

    Attributes:
        embeddings: (n, d) float32, unit norm.
        sources: (n,) int64, number of the source image; -1 where it is not known to be an anchor's.
    """

    embeddings: Floats32
    sources: Ints

    def __len__(self) -> int:
        return len(self.embeddings)

    def with_others(self, other: "Pool") -> "Pool":
        """Return these and other embeddings."""
        return Pool(np.concatenate([self.embeddings, other.embeddings]), np.concatenate([self.sources, other.sources]))

    def split(self, share: float, seed: int) -> tuple["Pool", "Pool"]:
        """Return the embeddings to train on and those set aside, nothing of one source in both.

        Args:
            share: of the sources, set aside.
            seed: chooses them.

        Raises:
            TrainingImpossible: if either part would have fewer than two embeddings.
        """
        # An embedding whose source is not known is a source of its own.
        alone = self.sources == UNKNOWN
        keys = np.where(alone, -1 - np.arange(len(self)), self.sources)
        sources = np.unique(keys)
        chosen = np.random.default_rng(seed).permutation(sources)[: round(share * len(sources))]
        aside = np.isin(keys, chosen)
        if min(int(aside.sum()), int(np.sum(~aside))) < _LEAST:
            raise TrainingImpossible(
                f"Of {len(sources)} sources, {len(chosen)} would be set aside: too few embeddings to train on, or to "
                "tell when to stop. Give more faces, or another --set-aside."
            )
        return Pool(self.embeddings[~aside], self.sources[~aside]), Pool(self.embeddings[aside], self.sources[aside])
