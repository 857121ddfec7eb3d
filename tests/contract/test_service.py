"""Health, info, metrics, ids, faults: what an operator sees over HTTP."""

import json
import logging

import pytest
from fakes import picture

from service.api.problems import STATUS
from service.errors import IdaError, StartupError


def test_health_endpoints_answer_once_loaded(client):
    for path in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"):
        assert client.get(path).status_code == 200, path
    assert client.get("/readyz").json() == {"status": "ready"}


def test_info_tells_what_is_served(client):
    info = client.get("/info").json()
    assert info["anchor_set"]["k"] == 10
    assert info["anchor_set"]["generation"] == 1
    assert info["model"]["dimension"] == 32
    assert info["methods"] == ["as-norm", "cosine", "csls", "ida-r", "s-norm"]
    assert info["limits"]["max_image_pixels"] == 40_000_000
    assert info["device"]["provider"] == "FakeExecutionProvider"


def samples(client) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_metrics_count_requests_failures_and_scores(client):
    files = {"probe": picture(seed=1), "reference": picture(seed=2)}
    client.post("/verify", files=files)
    client.post("/verify", files={**files, "probe": picture(faces=0)})
    seen = samples(client)
    assert seen['ida_requests_total{method="POST",route="/verify",status="200"}'] == 1
    assert seen['ida_requests_total{method="POST",route="/verify",status="422"}'] == 1
    assert seen['ida_failures_total{reason="no_face"}'] == 1
    assert seen['ida_score_count{method="ida-r"}'] == 1
    assert seen["ida_similarity_count"] == 1
    assert seen['ida_crowding_count{method="ida-r"}'] == 2
    assert seen['ida_stage_seconds_count{stage="embed"}'] == 1
    assert seen["ida_batch_size_sum"] == 2
    assert seen["ida_anchor_set_generation"] == 1
    assert seen["ida_ready"] == 1
    assert any(name.startswith("ida_build_info{") for name in seen)


def test_metrics_unknown_paths_share_one_label(client):
    for path in ("/nothing/1", "/nothing/2"):
        assert client.get(path).status_code == 404
    assert samples(client)['ida_requests_total{method="GET",route="unmatched",status="404"}'] == 2


def test_unknown_path_and_wrong_verb_are_problem_documents(client):
    for response, code in ((client.get("/nothing"), "not_found"), (client.get("/verify"), "method_not_allowed")):
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == code


def test_request_id_of_the_caller_is_kept_and_answered(client):
    response = client.get("/healthz", headers={"x-request-id": "order-17"})
    assert response.headers["x-request-id"] == "order-17"


@pytest.mark.parametrize("offered", ["a b", "x" * 200, "<script>", ""])
def test_request_id_that_is_not_plain_is_replaced(client, offered):
    answered = client.get("/healthz", headers={"x-request-id": offered}).headers["x-request-id"]
    assert answered != offered
    assert len(answered) == 32


def test_unforeseen_fault_is_an_opaque_500_and_the_log_has_it(client, backbone_session, caplog):
    backbone_session.fail_with = RuntimeError("secret detail")
    with caplog.at_level(logging.ERROR):
        response = client.post("/verify", files={"probe": picture(), "reference": picture()})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "internal_error"
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert "secret" not in response.text
    assert "secret detail" in caplog.text


def test_every_error_has_a_status_or_stops_the_start():
    def leaves(kind):
        below = kind.__subclasses__()
        return {leaf for child in below for leaf in leaves(child)} if below else {kind}

    unmapped = {kind for kind in leaves(IdaError) if not issubclass(kind, StartupError)} - STATUS.keys()
    assert not unmapped


def test_error_codes_are_unique():
    def all_below(kind):
        return {kind}.union(*(all_below(child) for child in kind.__subclasses__()))

    named = [kind for kind in all_below(IdaError) if "code" in vars(kind)]
    assert len({kind.code for kind in named}) == len(named)


def test_openapi_shows_both_forms_with_examples_and_every_problem(client):
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/verify"]["post"]
    content = operation["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/json"}
    assert content["application/json"]["examples"]
    codes = {
        code
        for response in operation["responses"].values()
        for code in response["content"].get("application/problem+json", {}).get("examples", {})
    }
    assert {"no_face", "several_faces", "image_too_large", "unknown_method", "invalid_base64"} <= codes
    assert "$defs" not in json.dumps(content)
    assert client.get("/docs").status_code == 200
