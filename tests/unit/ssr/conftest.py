"""Made-up anchors and faces, few enough that every density can be found by a loop."""

import numpy as np
import pytest
from vectors import to_unit

from models.heads.ssr.pool import Pool

DIMENSION = 12


@pytest.fixture
def unit_rows():
    """Return a maker of random unit rows (n, d) float32, the same for a seed in every run."""

    def make(count, *, seed=0, dimension=DIMENSION):
        return to_unit(np.random.default_rng(seed).standard_normal((count, dimension)))

    return make


@pytest.fixture
def anchors(unit_rows):
    """Return 80 anchors, each its own source."""
    return Pool(unit_rows(80), np.arange(80))


@pytest.fixture
def faces(unit_rows):
    """Return 60 faces, the first 20 made from the images of anchors 0 to 19."""
    return Pool(unit_rows(60, seed=1), np.where(np.arange(60) < 20, np.arange(60), -1))
