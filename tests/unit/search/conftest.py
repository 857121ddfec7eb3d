"""Fixtures of the anchors tests."""

import numpy as np
import pytest
from vectors import to_unit

from service.bundle.anchors_part import Anchors


@pytest.fixture
def unit_rows():
    """Return a maker of random unit rows (n, d) float32, the same in every run."""
    rng = np.random.default_rng(7)

    def make(count, dimension):
        return to_unit(rng.standard_normal((count, dimension)))

    return make


@pytest.fixture
def anchor_set(unit_rows):
    """Return 300 random anchors of 32 dimensions."""
    return Anchors.from_stored(unit_rows(300, 32), "b" * 16)
