"""Made-up people whose faces and pairs can be counted by hand."""

import numpy as np
import pytest
from vectors import to_unit

from models.labelled.pairs.comparisons import compare_all
from models.labelled.pairs.sweep import BlockScorer
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters


@pytest.fixture
def make_people():
    """Return a maker of faces: embeddings (n, d) of unit norm and identities (n,), each person in some faces."""

    def make(people, faces_each, seed=0, dimension=16, spread=0.5):
        generator = np.random.default_rng(seed)
        centres = generator.standard_normal((people, dimension))
        identities = np.repeat(np.arange(people), faces_each)
        rows = centres[identities] + spread * generator.standard_normal((len(identities), dimension))
        return to_unit(rows), identities

    return make


@pytest.fixture
def compare():
    """Return the cosine's comparisons of faces, all pairs kept by default."""

    def compare_faces(embeddings, identities, failed=None, exclude=None, keep=10**7, name="made up"):
        people = int(identities.max()) + 1
        scorer = BlockScorer(embeddings, find_method("cosine"), None, Parameters())
        lost = np.zeros(people, np.int64) if failed is None else np.array(failed)
        return compare_all(name, scorer, identities, lost, exclude=exclude, keep=keep)

    return compare_faces
