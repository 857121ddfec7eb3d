"""Cosine similarity of embeddings, and the unit rows it needs."""

import numpy as np
from numpy.typing import ArrayLike

from service.arrays import Floats, Floats32, Floats64
from service.errors import InvalidEmbedding

# Written with few digits, an embedding of unit norm misses it by less than this.
_UNIT_ROUNDING = 1e-3


def normalise(embeddings: ArrayLike) -> Floats64:
    """Return embeddings scaled to unit norm.

    Args:
        embeddings: (n, d) of any float type and any norm but zero.

    Returns:
        (n, d) float64, each row of unit norm.

    Raises:
        InvalidEmbedding: if a value is not finite, or a row has no direction.
    """
    rows = np.asarray(embeddings, dtype=np.float64)
    if not np.all(np.isfinite(rows)):
        raise InvalidEmbedding("An embedding must have finite values only.")
    largest = np.max(np.abs(rows), axis=1, keepdims=True, initial=0.0)
    if not np.all(largest > 0):
        raise InvalidEmbedding("An embedding must have a direction: its values cannot all be zero.")
    # Scaled first: the squares of values near the ends of the float range would overflow, or vanish.
    scaled = rows / largest
    unit: Floats64 = scaled / np.sqrt(np.sum(scaled * scaled, axis=1, keepdims=True))
    return unit


def require_unit(embeddings: Floats, *, or_zeros: bool = False) -> None:
    """Refuse embeddings whose products would be no cosines.

    Args:
        embeddings: (n, d).
        or_zeros: whether rows of zeros, which stand for faces that were not found, pass too.

    Raises:
        InvalidEmbedding: if a row has another norm than 1.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("nd,nd->n", embeddings, embeddings)
    # Written so that a NaN fails.
    passes = np.abs(squares - 1) < 2 * _UNIT_ROUNDING
    if or_zeros:
        passes |= squares == 0
    if not np.all(passes):
        row = int(np.argmin(passes))
        raise InvalidEmbedding(
            f"Embeddings of unit norm are compared, and the one in row {row} has the norm {np.sqrt(squares[row]):.4g}."
        )


def telling_norms(rows: ArrayLike) -> Floats32:
    """Return the norms of embeddings where they tell something: 0 for rows of zeros, and for rows scaled to unit norm.

    Args:
        rows: (n, d), embeddings as a backbone gave them, or scaled since.

    Returns:
        (n,) float32, 0 or above.
    """
    norms = np.linalg.norm(np.asarray(rows, dtype=np.float64), axis=1).astype(np.float32)
    return np.where(np.abs(norms - 1) < _UNIT_ROUNDING, np.float32(0), norms)


def cosine(probes: ArrayLike, references: ArrayLike) -> Floats64:
    """Return the similarity of each pair, the same to the bit with its sides swapped.

    Args:
        probes: (n, d), unit norm.
        references: (n, d), unit norm.

    Returns:
        (n,) float64 in [-1, 1]; higher is more alike.
    """
    products = np.asarray(probes, dtype=np.float64) * np.asarray(references, dtype=np.float64)
    # Unit norm holds only to rounding, so the sum may leave the range by as little.
    similarity: Floats64 = np.clip(np.sum(products, axis=1), -1.0, 1.0)
    return similarity
