"""Vectors of faces, made up."""

import numpy as np


def to_unit(rows: np.ndarray) -> np.ndarray:
    """Return rows (n, d) at unit length, float32."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
