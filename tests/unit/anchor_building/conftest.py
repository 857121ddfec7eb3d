"""Unit rows to build anchor sets of."""

import numpy as np
import pytest
from vectors import to_unit


@pytest.fixture
def unit_rows():
    """Return a maker of random unit rows (n, d) float32, perhaps around a common direction."""

    def make(count, dimension=16, *, common=0.0, seed=1):
        rows = np.random.default_rng(seed).standard_normal((count, dimension))
        rows[:, 0] += common
        return to_unit(rows)

    return make
