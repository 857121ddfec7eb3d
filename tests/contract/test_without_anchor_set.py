"""Without an anchor set the service answers by cosine alone, says so everywhere, and takes one when it comes."""

import base64
import json
import logging

import pytest
from administering import ALICE, activate, entries, roll_back, upload, write_tokens
from calibrated_bundles import calibrated
from fakes import fake_pipeline, picture, serving
from small_bundles import small_bundle

from service.settings import DEFAULT_BUNDLE, NO_BUNDLE, Settings
from service.store.archive import pack_bundle

FILES = {"probe": picture(seed=1), "reference": picture(seed=2)}
ASKED = "no anchor set is served, as IDA_BUNDLE=none asks"
NATURAL = "no anchor set is shipped for the backbone"


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, watch_interval=3600, replica="replica-a", admin_token_file=write_tokens(tmp_path))


@pytest.fixture(params=[(NO_BUNDLE, ASKED), (DEFAULT_BUNDLE, NATURAL)], ids=["asked", "of no fitting bundle"])
def without(request, settings, backbone_session):
    """A client of a service without an anchor set, and why it has none."""
    bundle, reason = request.param
    with serving(settings, bundle, backbone_session) as client:
        yield client, reason


@pytest.fixture
def client(without):
    return without[0]


def b64(data):
    return base64.b64encode(data).decode()


def test_pair_is_scored_by_cosine_and_every_answer_says_why_there_is_no_more(without):
    client, reason = without
    answer = client.post("/verify", files=FILES, data={"operating_point": "fmr_1e-4"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["method"] == "cosine"
    assert found["score"] == found["similarity"]
    for name in ("decision", "threshold", "fmr_at_score", "dao_score", "density_method", "density", "crowding"):
        assert found[name] is None, name
    assert found["anchor_set"] is None
    assert reason in found["no_decision_reason"]
    assert found["cosine"]["no_decision_reason"] == found["no_decision_reason"]


def test_similarity_is_that_of_a_service_with_an_anchor_set(client, bundle, tmp_path, backbone_session):
    with serving(Settings(home=tmp_path / "other"), bundle, backbone_session) as other:
        with_anchors = other.post("/verify", files=FILES).json()
    assert client.post("/verify", files=FILES).json()["similarity"] == with_anchors["similarity"]


def test_short_answer_and_batches_and_embeddings_are_given(client):
    short = client.post("/verify", files=FILES, data={"detail": "basic"}).json()
    assert (short["decision"], short["score"]) == (None, short["similarity"])
    photo = {"image": b64(picture(seed=1))}
    batch = client.post("/verify/batch", json={"pairs": [{"probe": photo, "reference": photo}]}).json()
    assert batch["anchor_set"] is None
    assert batch["items"][0]["answer"]["similarity"] == pytest.approx(1)
    embedded = client.post("/embed", files={"image": picture(seed=1)}).json()
    assert (embedded["density"], embedded["crowding"], embedded["density_method"]) == (None, None, None)
    assert len(embedded["embedding"]) == embedded["dimension"]
    many = client.post("/embed/batch", json={"faces": [photo, photo]}).json()
    assert [item["answer"]["density"] for item in many["items"]] == [None, None]


@pytest.mark.parametrize("method", ["ida-r", "ida-l", "csls", "pfe"])
def test_method_that_needs_an_anchor_set_is_refused_with_the_reason(without, method):
    client, reason = without
    answer = client.post("/verify", files=FILES, data={"method": method})
    assert (answer.status_code, answer.json()["code"]) == (400, "method_not_served")
    assert reason in answer.json()["detail"]
    assert "Ask for one of: cosine." in answer.json()["detail"]


def test_info_and_readiness_and_metrics_say_so(without):
    client, reason = without
    info = client.get("/info").json()
    assert (info["anchor_set"], info["methods"], info["default_method"]) == (None, ["cosine"], "cosine")
    assert reason in info["no_anchor_set"]
    assert info["anchor_set_default_method"] is None
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert (ready.json()["anchor_set_id"], ready.json()["generation"]) == (None, 0)
    client.post("/verify", files=FILES)
    metrics = client.get("/metrics", headers=ALICE).text
    assert "ida_anchor_set_size 0.0" in metrics
    assert "ida_anchor_set_info{" not in metrics
    assert "ida_crowding_count" not in metrics


@pytest.mark.parametrize(("bundle", "reason"), [(NO_BUNDLE, ASKED), (DEFAULT_BUNDLE, NATURAL)])
def test_log_says_so_at_the_start(settings, backbone_session, caplog, bundle, reason):
    with caplog.at_level(logging.WARNING), serving(settings, bundle, backbone_session):
        pass
    assert [record for record in caplog.records if "NO DECISIONS" in record.message and reason in record.message]


def test_documents_that_are_sent_hold_what_the_openapi_document_promises(client):
    schema = client.get("/openapi.json").json()["components"]["schemas"]
    for name, field in (("VerifyAnswer", "anchor_set"), ("VerifyAnswer", "dao_score"), ("EmbedAnswer", "density")):
        kinds = [option.get("type") for option in schema[name]["properties"][field]["anyOf"]]
        assert "null" in kinds, (name, field)


def test_anchor_set_that_comes_later_is_served(client, settings, tmp_path):
    pipeline = fake_pipeline(settings)
    small_bundle(
        tmp_path / "bare", backbone_id=pipeline.backbone_id, pipeline_id=pipeline.pipeline_id, embed=pipeline.embed
    )
    bundle_id = calibrated(tmp_path / "made", tmp_path / "bare")
    pack_bundle(tmp_path / "made", tmp_path / "made.tar")
    assert entries(client) == []
    assert upload(client, bundle_id, (tmp_path / "made.tar").read_bytes()).status_code == 201
    answer = activate(client, bundle_id, allow_uncalibrated=False)
    assert answer.status_code == 200, answer.text
    found = client.post("/verify", files=FILES, data={"operating_point": "fmr_1e-2"}).json()
    assert found["anchor_set"] == {"id": bundle_id, "generation": 1}
    assert found["decision"] in {"match", "non_match"}
    assert found["dao_score"] is not None
    info = client.get("/info").json()
    assert (info["no_anchor_set"], info["anchor_set"]["id"]) == (None, bundle_id)
    metrics = client.get("/metrics", headers=ALICE).text
    assert metrics.count("ida_anchor_set_info{") == 1
    back = roll_back(client)
    assert (back.status_code, back.json()["code"]) == (409, "nothing_to_roll_back")


def test_dry_run_leaves_cosine_alone(client, settings, tmp_path):
    pipeline = fake_pipeline(settings)
    bundle_id = small_bundle(tmp_path / "made", backbone_id=pipeline.backbone_id, embed=pipeline.embed)
    pack_bundle(tmp_path / "made", tmp_path / "made.tar")
    upload(client, bundle_id, (tmp_path / "made.tar").read_bytes())
    assert activate(client, bundle_id, dry_run=True).status_code == 200
    assert client.get("/readyz").json()["anchor_set_id"] is None


def test_replicas_report_says_that_none_is_served(client, settings, tmp_path):
    pipeline = fake_pipeline(settings)
    bundle_id = small_bundle(tmp_path / "made", backbone_id=pipeline.backbone_id, embed=pipeline.embed)
    pack_bundle(tmp_path / "made", tmp_path / "made.tar")
    upload(client, bundle_id, (tmp_path / "made.tar").read_bytes())  # by which the store comes to be
    client.app_state["service"].follower.look()
    (replica,) = client.get("/admin/replicas", headers=ALICE).json()["replicas"]
    assert (replica["anchor_set_id"], replica["generation"]) == (None, 0)


def test_answers_are_json_without_nan(client):
    text = client.post("/verify", files=FILES).text
    assert json.loads(text, parse_constant=pytest.fail)
