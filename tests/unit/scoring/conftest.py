"""Fixtures of the scoring tests."""

import numpy as np
import pytest
from vectors import to_unit


@pytest.fixture
def rng_rows():
    """Return a maker of random unit rows (n, d) float32, the same in every run."""
    rng = np.random.default_rng(20240501)

    def make(count, dimension):
        return to_unit(rng.standard_normal((count, dimension)))

    return make
