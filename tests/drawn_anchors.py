"""Anchors in any number, drawn at random with the mean and the covariance of real ones: in the directions of faces."""

import numpy as np

_BLOCK = 50_000


def drawn_like(stored: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Return unit rows (count, d) float32 like those of an anchor set (n, d), n well above d."""
    own = stored.astype(np.float32)
    energies, directions = np.linalg.eigh(np.cov(own.T))
    spread = (directions * np.sqrt(np.maximum(energies, 0))).T.astype(np.float32)
    rows = np.empty((count, own.shape[1]), np.float32)
    for start in range(0, count, _BLOCK):
        part = rows[start : start + _BLOCK]
        part[:] = own.mean(axis=0) + random.standard_normal(part.shape, dtype=np.float32) @ spread
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return rows
