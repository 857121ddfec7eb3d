"""Health, info, metrics, ids, faults: what an operator sees over HTTP."""

import base64
import logging
from http import HTTPStatus

import pytest
from fakes import picture, serving

from models.tool_errors import ToolError
from service.api.problems import STATUS
from service.errors import IdaError, InferenceFailed, OperatorError, SearchFailed


def test_health_endpoints_answer_once_loaded(client):
    for path in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"):
        assert client.get(path).status_code == 200, path
    ready = client.get("/readyz").json()
    assert ready["status"] == "ready"
    assert (ready["generation"], ready["newest_generation"], ready["lagging"]) == (0, 0, False)
    assert ready["store"].keys() == {"reachable", "since"}, "why and where is for administrators"
    assert (ready["store"]["reachable"], ready["last_error"]) == (True, None)


def test_health_endpoints_answer_head_requests_of_load_balancers(client):
    for path in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"):
        assert client.head(path).status_code == 200, path


def test_info_tells_what_is_served(client):
    info = client.get("/info").json()
    assert info["anchor_set"]["k"] == 10
    assert info["anchor_set"]["generation"] == 0
    assert info["model"]["dimension"] == 32
    assert info["methods"] == ["as-norm", "cosine", "csls", "ida-r", "s-norm"]
    assert info["limits"]["max_image_pixels"] == 50_000_000
    assert info["device"]["provider"] == "FakeExecutionProvider"


def samples(client) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_metrics_count_requests_failures_and_scores(client):
    files = {"probe": picture(seed=1), "reference": picture(seed=2)}
    at_start = samples(client)  # the start's own checks embed too
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
    assert seen["ida_batch_size_sum"] - at_start["ida_batch_size_sum"] == 2
    # One run of the backbone for both, or one for each where a thread would be idle.
    assert seen["ida_batch_size_count"] - at_start["ida_batch_size_count"] in (1, 2)
    assert seen["ida_anchor_set_generation"] == 0
    assert seen["ida_ready"] == 1
    assert any(name.startswith("ida_build_info{") for name in seen)


def test_face_that_comes_again_is_not_searched_again_and_scores_the_same(client):
    def pair(probe, reference):
        return {"probe": picture(seed=probe), "reference": picture(seed=reference)}

    first = client.post("/verify", files=pair(1, 2)).json()
    assert client.post("/verify", files=pair(1, 2)).json()["score"] == first["score"]
    third = client.post("/verify", files=pair(3, 2)).json()

    assert third["density"]["reference"] == first["density"]["reference"]
    seen = samples(client)
    assert seen['ida_density_lookups_total{result="miss"}'] == 3
    assert seen['ida_density_lookups_total{result="hit"}'] == 3


def test_without_a_density_cache_nothing_is_looked_up(settings, bundle, backbone_session):
    with serving(settings.model_copy(update={"density_cache": 0}), bundle, backbone_session) as client:
        client.post("/verify", files={"probe": picture(seed=1), "reference": picture(seed=2)})
        assert not any(name.startswith("ida_density_lookups_total{") for name in samples(client))


def test_metrics_stages_that_did_not_run_are_not_observed(client):
    files = {"probe": picture(seed=1), "reference": picture(seed=2)}
    client.post("/verify", files=files)
    seen = samples(client)
    assert seen['ida_stage_seconds_count{stage="score"}'] == 1
    assert 'ida_stage_seconds_count{stage="predict"}' not in seen


def test_metrics_refused_body_is_counted_under_its_route(client):
    headers = {"content-length": str(10**10), "content-type": "application/json"}
    client.post("/verify", content=b"x", headers=headers)
    seen = samples(client)
    assert seen['ida_requests_total{method="POST",route="/verify",status="413"}'] == 1
    assert seen['ida_failures_total{reason="request_too_large"}'] == 1


def test_metrics_unknown_paths_share_one_label(client):
    for path in ("/nothing/1", "/nothing/2"):
        assert client.get(path).status_code == 404
    assert samples(client)['ida_requests_total{method="GET",route="unmatched",status="404"}'] == 2


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=edge"])
def test_client_that_hangs_up_in_its_upload_is_no_fault_of_the_service(
    settings, bundle, backbone_session, caplog, content_type
):
    messages = iter([{"type": "http.request", "body": b"--ed", "more_body": True}, {"type": "http.disconnect"}])
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/verify",
        "query_string": b"",
        "headers": [(b"content-type", content_type.encode())],
    }
    sent = []

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    with serving(settings, bundle, backbone_session) as client:
        state = client.app_state
        client.portal.call(client.app, {**scope, "state": state}, receive, send)
        seen = samples(client)
    assert sent == []
    assert seen['ida_failures_total{reason="client_disconnected"}'] == 1
    assert seen['ida_requests_total{method="POST",route="/verify",status="499"}'] == 1
    assert 'ida_failures_total{reason="internal_error"}' not in seen
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_path_with_a_slash_too_many_is_a_problem_document_not_an_empty_redirect(client):
    response = client.post("/verify/", files={"probe": picture()}, follow_redirects=False)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_problem_title_is_the_status_phrase_as_about_blank_wants(client):
    for response in (client.get("/nothing"), client.get("/verify"), client.post("/embed", json={"imgae": ""})):
        problem = response.json()
        assert (problem["type"], problem["title"]) == ("about:blank", HTTPStatus(response.status_code).phrase)


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


@pytest.mark.parametrize("failure", [InferenceFailed("secret detail"), SearchFailed("secret detail")])
@pytest.mark.parametrize("path", ["/verify", "/verify/batch"])
def test_failure_of_a_network_or_a_search_is_an_opaque_500(client, monkeypatch, caplog, failure, path):
    def fail(*_):
        raise failure

    monkeypatch.setattr(client.app_state["service"].pipeline, "represent", fail)
    face = {"image": base64.b64encode(picture()).decode()}
    pair = {"probe": face, "reference": face}
    with caplog.at_level(logging.ERROR):
        response = client.post(path, json={"pairs": [pair]} if path.endswith("batch") else pair)
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert response.json()["image"] is None
    assert "secret" not in response.text
    assert "secret detail" in caplog.text


def test_every_error_has_a_status_or_never_reaches_a_request():
    def leaves(kind):
        below = kind.__subclasses__()
        return {leaf for child in below for leaf in leaves(child)} if below else {kind}

    unmapped = {kind for kind in leaves(IdaError) if not issubclass(kind, OperatorError | ToolError)} - STATUS.keys()
    assert not unmapped


def test_error_codes_are_unique():
    def all_below(kind):
        return {kind}.union(*(all_below(child) for child in kind.__subclasses__()))

    named = [kind for kind in all_below(IdaError) if "code" in vars(kind)]
    assert len({kind.code for kind in named}) == len(named)
