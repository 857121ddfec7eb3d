"""The application in process, on fake networks and a small real anchor bundle."""

import numpy as np
import pytest
from fakes import DIMENSION, FakeBackboneSession, fake_pipeline
from fastapi.testclient import TestClient

from service.app import Loaded, create_app
from service.bundle.create import BundleFacts, create_bundle
from service.bundle.registry import Registry
from service.bundle.snapshot import load_snapshot
from service.scoring.parameters import Parameters
from service.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture
def backbone_session():
    return FakeBackboneSession()


@pytest.fixture
def bundle(tmp_path, settings):
    """A bundle of 64 random anchors."""
    pipeline = fake_pipeline(settings)
    rows = np.random.default_rng(11).standard_normal((64, DIMENSION))
    anchors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    facts = BundleFacts(
        backbone_id=pipeline.backbone_id,
        pipeline_id=pipeline.pipeline_id,
        parameters=Parameters(),
        default_method="ida-r",
        provenance={"made": "for a test"},
        created_by="test",
    )
    create_bundle(tmp_path / "bundle", anchors, facts, pipeline.embed)
    return tmp_path / "bundle"


def serving(settings, bundle, session, change=lambda snapshot: snapshot):
    """A client of an application that serves a bundle, its snapshot changed."""

    def load(settings):
        pipeline = fake_pipeline(settings, session)
        snapshot = load_snapshot(bundle, backbone_id=pipeline.backbone_id, device="cpu", generation=1)
        return Loaded(pipeline, Registry(change(snapshot)))

    return TestClient(create_app(settings, load), raise_server_exceptions=False)


@pytest.fixture
def client(settings, bundle, backbone_session):
    with serving(settings, bundle, backbone_session) as client:
        yield client
