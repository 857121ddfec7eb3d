"""Anchor sets of random directions to look at."""

import numpy as np
import pytest
from vectors import to_unit

from models.anchors.inspection.findings import inspect_anchors
from models.anchors.inspection.probes import Probes
from service.bundle.anchors_part import Anchors
from service.scoring.parameters import Parameters
from service.search.faiss_search import FaissSearch


@pytest.fixture
def unit_rows():
    """Return a maker of random unit rows (n, 24) float32, perhaps around a common direction."""

    def make(count, *, common=0.0, seed=1):
        rows = np.random.default_rng(seed).standard_normal((count, 24))
        rows[:, 0] += common
        return to_unit(rows)

    return make


@pytest.fixture
def look():
    """Return a function that inspects anchors (n, d), perhaps against probes (m, d)."""

    def run(rows, probes=None, *, guard=0.9, k=3, tau=4.0, depth=10):
        anchors = Anchors.from_stored(rows, "0" * 16)
        faces = None
        if probes is not None:
            faces = Probes(probes, tuple(f"face {row}" for row in range(len(probes))), without_face=2)
        parameters = Parameters(k=k, tau=tau)
        return inspect_anchors("abc", anchors, FaissSearch(anchors), parameters, faces, guard=guard, depth=depth)

    return run
