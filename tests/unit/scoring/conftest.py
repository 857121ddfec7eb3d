"""Fixtures of the scoring tests."""

import numpy as np
import pytest


@pytest.fixture
def rng_rows():
    """Return a maker of random unit rows (n, d) float32, the same in every run."""
    rng = np.random.default_rng(20240501)

    def make(count, dimension):
        rows = rng.standard_normal((count, dimension))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return make
