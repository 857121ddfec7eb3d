"""pfe over HTTP: a head of constant variance gives the cosine, another does not, and no head is said to be none."""

import math

import numpy as np
import pytest
from fakes import DIMENSION, serving, stage_runs

from models.bundles.derive import Change, derive_bundle
from models.heads.pfe.pfe_graph import PfeWeights, pfe_graph
from service.bundle.head_part import head_contents
from service.bundle.pfe_part import PfeCard
from service.bundle.reader import read_bundle, read_manifest
from service.errors import HeadMismatch
from service.inference.pfe_head import PfeHead
from service.snapshot.head_sources import PfeSource
from service.snapshot.term_sources import open_sources

VARIANCE = 0.004


def weights(spread):
    generator = np.random.default_rng(2)
    return PfeWeights(
        first=generator.standard_normal((4, DIMENSION)).astype(np.float32),
        first_bias=np.zeros(4, np.float32),
        second=(spread * generator.standard_normal((DIMENSION, 4))).astype(np.float32),
        second_bias=np.full(DIMENSION, math.log(VARIANCE), np.float32),
    )


def with_pfe(folder, source, spread, **changes):
    manifest = read_manifest(source)
    bundle = read_bundle(source, backbone_id=manifest.backbone_id)
    graph = pfe_graph(weights(spread))
    card = PfeCard.of(graph, manifest, sigma0_squared=VARIANCE, report={}).model_copy(update=changes)
    file = folder.with_suffix(".onnx")
    file.write_bytes(graph)
    sources = open_sources(bundle, device="cpu", threads=1).with_head(PfeSource(PfeHead.load(file), card))
    change = Change(manifest.parameters, manifest.default_method, head_contents(graph, card), "a test")
    derive_bundle(folder, source, bundle, sources, change)
    return folder


@pytest.fixture
def serve(settings, tmp_path, bundle, backbone_session):
    """Return a context that serves the bundle with a PFE head of some spread."""
    return lambda spread: serving(settings, with_pfe(tmp_path / "with pfe", bundle, spread), backbone_session)


def by(client, method):
    rows = np.random.default_rng(1).standard_normal((2, DIMENSION))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    body = {"probe": {"embedding": unit[0].tolist()}, "reference": {"embedding": unit[1].tolist()}, "method": method}
    return client.post("/verify", json=body)


def test_pfe_of_constant_variance_scores_the_cosine(serve):
    with serve(0.0) as client:
        answer = by(client, "pfe").json()

        assert answer["score"] == pytest.approx(answer["similarity"], abs=1e-5)
        assert stage_runs(client, "predict") == 1


def test_pfe_with_ida_r_of_constant_variance_scores_as_ida_r(serve):
    with serve(0.0) as client:
        assert by(client, "pfe+ida-r").json()["score"] == pytest.approx(by(client, "ida-r").json()["score"], rel=1e-4)


def test_pfe_of_other_variances_scores_otherwise(serve):
    with serve(1.0) as client:
        answer = by(client, "pfe").json()

        assert abs(answer["score"] - answer["similarity"]) > 0.01
        assert {"pfe", "pfe+ida-r"} <= set(client.get("/info").json()["methods"])


def test_pfe_without_a_head_is_refused_and_says_what_to_do(settings, bundle, backbone_session):
    with serving(settings, bundle, backbone_session) as client:
        response, info = by(client, "pfe"), client.get("/info").json()

    assert (response.status_code, response.json()["code"]) == (400, "method_not_served")
    assert "ida-verify pfe train" in info["not_served"]["pfe"]
    assert "ida-verify pfe train" in info["not_served"]["pfe+ida-r"]


def test_pfe_head_of_another_backbone_is_refused(settings, tmp_path, bundle, backbone_session):
    folder = with_pfe(tmp_path / "other", bundle, 0.0, backbone_id="0" * 16)

    with (
        pytest.raises(HeadMismatch, match="PFE head was trained for another bundle: backbone_id 0000"),
        serving(settings, folder, backbone_session),
    ):
        pass
