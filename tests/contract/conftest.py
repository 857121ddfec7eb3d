"""The application in process, on fake networks and a small real anchor bundle."""

import shutil

import numpy as np
import pytest
from fakes import DIMENSION, FakeBackboneSession, fake_pipeline, serving
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from service.scoring.parameters import Parameters
from service.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture
def backbone_session():
    return FakeBackboneSession()


@pytest.fixture
def parameters():
    return Parameters()


@pytest.fixture(scope="session")
def made_bundles(tmp_path_factory):
    """The folders of the bundles that tests have copies of, by their parameters; filled as they are asked for."""
    return tmp_path_factory.mktemp("bundles"), {}


@pytest.fixture
def bundle(tmp_path, settings, parameters, made_bundles):
    """A bundle of 64 random anchors, the test's own."""
    folder, made = made_bundles
    if parameters not in made:
        made[parameters] = folder / str(len(made))
        _make(made[parameters], fake_pipeline(settings), parameters)
    return shutil.copytree(made[parameters], tmp_path / "bundle")


def _make(folder, pipeline, parameters):
    rows = np.random.default_rng(11).standard_normal((64, DIMENSION))
    anchors = to_unit(rows)
    facts = NewBundle(
        backbone_id=pipeline.backbone_id,
        pipeline_id=pipeline.pipeline_id,
        parameters=parameters,
        default_method="ida-r",
        provenance={"made": "for a test"},
        created_by="test",
    )
    create_bundle(folder, anchors, facts, pipeline.embed)


@pytest.fixture
def client(settings, bundle, backbone_session):
    with serving(settings, bundle, backbone_session) as client:
        yield client
