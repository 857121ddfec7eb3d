"""Several pictures of one person as one face: the mean of their embeddings, weighted by their quality."""

import numpy as np

from service.arrays import Floats, Floats32, Floats64
from service.scoring.similarity import normalise

WEIGHT_POWER = 2.0
"""Of a picture's norm in its weight: chosen on people that tune, whose pictures were in part degraded."""

MOST_SHARE = 1.5
"""The greatest norm that counts, as a share of the typical one.

No picture has a longer one; an embedding that a caller multiplied by a thousand would be the whole template.
"""


def picture_weights(norms: Floats, typical_norm: float) -> Floats64:
    """Return the weights (m,) of the pictures of one person, which add up to 1.

    Args:
        norms: (m,), lengths of what the backbone gave; 0 where one is not known, which counts as typical.
        typical_norm: the length of a typical picture.
    """
    shares = np.where(norms > 0, np.minimum(norms / typical_norm, MOST_SHARE), 1.0)
    # w_i = n_i^2 / sum_j n_j^2
    weights: Floats64 = np.asarray(shares, dtype=np.float64) ** WEIGHT_POWER
    return np.asarray(weights / np.sum(weights))


def fused(embeddings: Floats32, weights: Floats64) -> Floats32:
    """Return the embedding (d,) of unit norm that stands for several pictures.

    Args:
        embeddings: (m, d), unit norm.
        weights: (m,), adding up to 1.

    Raises:
        InvalidEmbedding: if they cancel each other out.
    """
    mean = weights @ embeddings.astype(np.float64)
    return np.asarray(normalise(mean[None])[0], dtype=np.float32)
