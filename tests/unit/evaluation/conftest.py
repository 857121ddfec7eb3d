"""Made-up people, few enough that every rate can be counted by a loop."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.evaluation.scored import score_set
from models.evaluation.systems import Variant, cosine_scorer, load_system
from models.labelled.comparable import comparable
from models.labelled.files.listing import PairList
from models.labelled.labelled_faces import LabelledFaces
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters


@pytest.fixture
def people():
    """Return a maker of labelled faces: some people, each in some pictures, some of which show no face."""

    def make(count=6, faces_each=4, *, seed=0, spread=0.6, lost=(), groups=None, pairs=None, **changes):
        generator = np.random.default_rng(seed)
        identities = np.repeat(np.arange(count), faces_each)
        rows = generator.standard_normal((count, 12))[identities] + spread * generator.standard_normal(
            (len(identities), 12)
        )
        embeddings = to_unit(rows)
        detected = np.ones(len(identities), dtype=bool)
        detected[list(lost)] = False
        embeddings[~detected] = 0
        facts = {
            "name": "made up",
            "embeddings": embeddings,
            "norms": np.zeros(len(embeddings), np.float32),
            "detected": detected,
            "identities": identities,
            "identity_names": tuple(f"person {number}" for number in range(count)),
            "images": tuple(f"{number}.jpg" for number in range(len(identities))),
            "input_form": "photo",
            "identities_stated": True,
            "rejected": tuple("" if found else "no_face" for found in detected),
            "groups": None if groups is None else np.array(groups)[identities],
            "group_names": () if groups is None else tuple(f"group {number}" for number in range(max(groups) + 1)),
            "pairs": pairs,
        }
        return LabelledFaces(**{**facts, **changes})

    return make


@pytest.fixture
def given_pairs():
    """Return a maker of given pairs from (first, second, mated) rows."""

    def make(rows, fold=None):
        first, second, mated = zip(*rows, strict=True)
        return PairList(
            np.array(first), np.array(second), np.array(mated), None if fold is None else np.array(fold, np.int64)
        )

    return make


@pytest.fixture
def scored_by_cosine():
    """Return a maker of what the cosine says of labelled faces: what is compared, and the scores."""

    def score(labelled, exclusions=None, given=False):
        found = comparable(labelled, exclusions, given=given)
        scorer = cosine_scorer(labelled.embeddings[found.rows])
        return found, score_set(found, Variant("cosine", METHODS["cosine"], Parameters()), scorer)

    return score


@pytest.fixture
def loop():
    """Return a maker of every pair by a loop: (row, row, similarity or None where a face is missing, mated)."""

    def make(labelled):
        found = []
        for i in range(len(labelled)):
            for j in range(i + 1, len(labelled)):
                both = labelled.detected[i] and labelled.detected[j]
                similarity = float(np.dot(labelled.embeddings[i], labelled.embeddings[j])) if both else None
                found.append((i, j, similarity, labelled.identities[i] == labelled.identities[j]))
        return found

    return make


@pytest.fixture
def system(tmp_path):
    """Return a maker of a bundle of 60 random anchors, in a folder of a name."""

    def make(name="anchors", seed=8, **parameters):
        rows = np.random.default_rng(seed).standard_normal((60, 12))
        anchors = to_unit(rows)
        backbone_id = "0" * 16
        facts = NewBundle(
            backbone_id=backbone_id,
            pipeline_id=backbone_id,
            parameters=Parameters(**{"k": 5, "tau": 2.0, "cohort": 20, **parameters}),
            default_method="ida-r",
            provenance={},
            created_by="test",
        )
        create_bundle(tmp_path / name, anchors, facts, lambda crops: anchors[: len(crops)])
        return load_system(tmp_path / name, backbone_id=backbone_id, device="cpu")

    return make


@pytest.fixture
def undrawn(monkeypatch):
    """Plots are made and not drawn, which takes most of a page's time, for tests that look at nothing of them."""
    monkeypatch.setattr(Figure, "savefig", lambda _, file, **__: file.write("<svg></svg>"))


@pytest.fixture
def drawn_once(monkeypatch):
    """Plots are drawn, but not a first time for the room that their texts take."""
    monkeypatch.setattr(Figure, "set_layout_engine", lambda *_, **__: None)
