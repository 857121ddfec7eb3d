"""ida-q over HTTP: its score is the likelihood ratio, embeddings will do, and another bundle's network is refused."""

import math

import numpy as np
import pytest
from fakes import DIMENSION, serving, stage_runs
from vectors import to_unit

from models.bundles.derive import Change, derive_bundle
from models.heads.ida_q.likelihood_graph import likelihood_graph
from models.heads.ida_q.likelihood_weights import LikelihoodWeights
from service.bundle.head_part import head_contents
from service.bundle.likelihood_part import IdaQCard
from service.bundle.reader import read_bundle, read_manifest
from service.errors import BundleInvalid, HeadMismatch
from service.inference.likelihood_head import LikelihoodHead
from service.scoring.likelihood import SEARCHED_INPUTS
from service.snapshot.head_sources import LikelihoodSource
from service.snapshot.term_sources import open_sources

WIDTH = len(SEARCHED_INPUTS)


def network():
    """A network by which a short norm asks for a higher similarity, and nothing else counts."""
    straight = np.zeros((4, WIDTH))
    straight[1, SEARCHED_INPUTS.index("log_length")] = -0.1
    return LikelihoodWeights(
        mean=np.zeros(WIDTH),
        spread=np.ones(WIDTH),
        first=np.zeros((2, WIDTH)),
        first_bias=np.zeros(2),
        second=np.zeros((4, 2)),
        straight=straight,
        second_bias=np.array([0.0, 0.1, 0.0, 0.25]),
    )


def with_ida_q(folder, source, *, graph=None, default_method=None, **changes):
    manifest = read_manifest(source)
    bundle = read_bundle(source, backbone_id=manifest.backbone_id)
    graph = graph or likelihood_graph(network())
    card = IdaQCard.of(graph, manifest, manifest.parameters, report={}).model_copy(update=changes)
    told = LikelihoodSource(LikelihoodHead.of(likelihood_graph(network()), "a network"), card)
    sources = open_sources(bundle, device="cpu", threads=1).with_likelihood([told] if not changes else [])
    change = Change(manifest.parameters, default_method or "ida-r", head_contents(graph, card), "a test")
    derive_bundle(folder, source, bundle, sources, change)
    return folder


@pytest.fixture
def client(settings, tmp_path, bundle, backbone_session):
    with serving(settings, with_ida_q(tmp_path / "q", bundle, default_method="ida-q"), backbone_session) as client:
        yield client


def body(scale=1.0, **more):
    rows = to_unit(np.random.default_rng(1).standard_normal((2, DIMENSION)))
    probe, reference = ({"embedding": row.tolist()} for row in (rows[0] * np.float32(scale), rows[1]))
    return {"probe": probe, "reference": reference, **more}


def ratio(similarity, shift=0.0):
    return 20 * math.log(2) * (similarity - 0.2 - shift) + 0.5


def test_score_is_the_likelihood_ratio_and_the_default_method_of_the_bundle(client):
    answer = client.post("/verify", json=body()).json()

    assert answer["method"] == "ida-q"
    assert answer["score"] == pytest.approx(ratio(answer["similarity"]), abs=1e-4)
    assert answer["llr"] == answer["score"]
    # Nothing was calibrated here, and nobody is left to guess so.
    assert answer["llr_interval"] is None
    assert "not calibrated" in answer["no_llr_interval_reason"]
    of_ida_r = client.post("/verify", json=body(method="ida-r")).json()
    assert of_ida_r["llr"] is of_ida_r["llr_interval"] is None
    assert "no_llr_interval_reason" not in of_ida_r
    assert answer["density_method"] == "ida-r"
    assert answer["dao_score"] == client.post("/verify", json=body(method="ida-r")).json()["dao_score"]
    assert "ida-q" in client.get("/info").json()["methods"]


def test_norm_of_an_embedding_counts_where_it_is_known(client):
    answer = client.post("/verify", json=body(scale=3.0)).json()

    # The bundle's typical norm is 1, and the reference's is not known: it counts as typical.
    assert answer["score"] == pytest.approx(ratio(answer["similarity"], shift=-0.1 * math.log(3.0)), abs=1e-4)


def test_sides_swapped_give_the_same_score(client):
    one = body(scale=3.0)
    other = {"probe": one["reference"], "reference": one["probe"]}

    assert client.post("/verify", json=one).json()["score"] == client.post("/verify", json=other).json()["score"]


def test_batch_gives_what_single_requests_give(client):
    pairs = [body(scale=scale) for scale in (1.0, 2.0)]

    items = client.post("/verify/batch", json={"pairs": pairs}).json()["items"]

    assert [item["answer"]["score"] for item in items] == pytest.approx(
        [client.post("/verify", json=pair).json()["score"] for pair in pairs], abs=1e-5
    )
    assert stage_runs(client, "predict") >= 1


def test_without_a_network_it_is_refused_and_says_what_to_do(settings, bundle, backbone_session):
    with serving(settings, bundle, backbone_session) as client:
        response, info = client.post("/verify", json=body(method="ida-q")), client.get("/info").json()

    assert (response.status_code, response.json()["code"]) == (400, "method_not_served")
    assert "ida-verify calibrate" in info["not_served"]["ida-q"]


def test_other_parameters_than_it_was_trained_for_leave_it_out_and_say_so(settings, tmp_path, bundle, backbone_session):
    folder = with_ida_q(tmp_path / "q", bundle)

    with serving(settings.model_copy(update={"k": 3}), folder, backbone_session) as client:
        assert "trained for k = 10, not 3" in client.get("/info").json()["not_served"]["ida-q"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"anchors_digest": "0" * 16}, "anchors_digest 0000"), ({"ssr_sha256": "0" * 64}, "another SSR head")],
)
def test_network_of_another_bundle_is_refused(settings, tmp_path, bundle, backbone_session, changes, says):
    folder = with_ida_q(tmp_path / "q", bundle, **changes)

    with pytest.raises(HeadMismatch, match=says), serving(settings, folder, backbone_session):
        pass


def test_damaged_network_is_refused(tmp_path, bundle):
    folder = with_ida_q(tmp_path / "q", bundle)
    file = folder / "ida_q.onnx"
    content = bytearray(file.read_bytes())
    content[-40] ^= 1
    file.write_bytes(bytes(content))

    with pytest.raises(BundleInvalid, match=r"ida_q\.onnx .* has sha256"):
        read_bundle(folder, backbone_id=read_manifest(folder).backbone_id)


def test_network_larger_than_any_is_refused_before_it_is_read(tmp_path, bundle):
    folder = with_ida_q(tmp_path / "q", bundle, graph=b"x" * (1024 * 1024 + 1))

    with pytest.raises(BundleInvalid, match="at most 1048576 are read"):
        read_bundle(folder, backbone_id=read_manifest(folder).backbone_id)


def test_network_that_gives_too_few_values_is_found_when_the_bundle_is_loaded(
    settings, tmp_path, bundle, backbone_session
):
    whole = network()
    narrow = LikelihoodWeights(
        whole.mean, whole.spread, whole.first, whole.first_bias, whole.second[:3], whole.straight[:3], np.zeros(3)
    )
    folder = with_ida_q(tmp_path / "q", bundle, graph=likelihood_graph(narrow))

    with (
        pytest.raises(BundleInvalid, match="network of ida-q does not give what it should"),
        serving(settings, folder, backbone_session),
    ):
        pass
