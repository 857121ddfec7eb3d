"""A kind of face statistics that nobody has heard of: declared, found by its source, scored by a method, refused."""

import dataclasses
from types import MappingProxyType

import numpy as np
import pytest

from service.bundle.reader import read_bundle, read_manifest
from service.errors import MethodNotServed
from service.scoring import methods
from service.scoring.methods import METHODS, Method
from service.scoring.terms import SUPPORT, FaceTerms, Statistic
from service.snapshot import served_methods
from service.snapshot import snapshot as snapshots
from service.snapshot.snapshot import load_snapshot
from service.snapshot.term_sources import open_sources

SHARPNESS = Statistic("sharpness", "sharp", ("sharpness",), "nobody looks how sharp it is")


class Sharpness:
    """Calls a face as sharp as its first value says."""

    provides = frozenset({SHARPNESS})
    called = "sharpness"

    def terms(self, embeddings, needs, parameters):
        assert list(needs) == [SHARPNESS]
        return FaceTerms(sharpness=embeddings[:, 0])

    def misfit(self, parameters):
        return "it was made for other eyes" if parameters.k == 7 else None


@pytest.fixture
def by_sharpness(monkeypatch):
    """A method that needs the statistic and a support set, known wherever methods are."""

    def combine(similarity, probe, reference, parameters):
        return similarity + probe["sharpness"] * reference["sharpness"]

    method = Method("sharp", (SHARPNESS, SUPPORT), "linear", combine)
    known = MappingProxyType({**METHODS, method.name: method})
    for module in (methods, served_methods, snapshots):
        monkeypatch.setattr(module, "METHODS", known)
    return method


@pytest.fixture
def snapshot(bundle, by_sharpness):
    """Loads the bundle, as the service does."""
    return load_snapshot(bundle, backbone_id=read_manifest(bundle).backbone_id, device="cpu", generation=1)


def test_method_whose_source_is_missing_is_refused_with_the_reason_of_its_statistic(snapshot):
    with pytest.raises(MethodNotServed, match="The method sharp is not served here: nobody looks how sharp it is"):
        snapshot.method("sharp")


def test_method_is_served_and_scored_where_its_source_is_there(snapshot, bundle, by_sharpness, unit_rows):
    found = read_bundle(bundle, backbone_id=read_manifest(bundle).backbone_id)
    sources = open_sources(found, device="cpu", threads=1).with_head(Sharpness())
    refused = served_methods.not_served(sources, snapshot.parameters)
    served = dataclasses.replace(snapshot, sources=sources, not_served=refused)
    faces = unit_rows(4)

    method = served.method("sharp")
    terms = served.terms(faces, method.needs)
    scores = method.score(faces[:2], faces[2:], terms, served.parameters)

    expected = np.sum(faces[:2] * faces[2:], axis=1) + faces[:2, 0] * faces[2:, 0]
    assert scores.score == pytest.approx(expected, abs=1e-6)
    assert scores.dao_score is not None
    at_seven = served_methods.not_served(sources, snapshot.parameters.changed(k=7))
    assert "made for other eyes" in at_seven["sharp"]
