"""What the adapters of all peers have in common: off unless asked for, behind the same doors, told to the same logs."""

import dataclasses
import json

import pytest
from compat_serving import NOBODY, ONE, TWO, compat_serving, data_uri, in_base64, one_for_many_tests
from declared import document_of
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import ValidationError

from service.api.access.key_file import digest_of
from service.api.compat.peers import ADAPTERS, adapters_of
from service.app import body_limits
from service.scoring.population import MeasureLimit, PopulationLimits
from service.settings import Settings

VERIFY, EMBED, METER = "ida_verify", "ida_embed", "ida_meter"
DEEPFACE = "/compat/deepface/verify"
COMPREFACE = "/compat/compreface/api/v1/verification/verify"
FACEPP = "/compat/facepp/facepp/v3/compare"
LOCALAI = "/compat/localai/v1/face/verify"
INFER = "/compat/oip/v2/models/verify/infer"


def bodies(one=ONE, two=TWO):
    """A comparison in each peer's shape."""
    tensors = [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [in_base64(content)]}
        for name, content in (("probe", one), ("reference", two))
    ]
    return {
        DEEPFACE: {"json": {"img1": data_uri(one), "img2": data_uri(two)}},
        COMPREFACE: {"json": {"source_image": in_base64(one), "target_image": in_base64(two)}},
        FACEPP: {"data": {"image_base64_1": in_base64(one), "image_base64_2": in_base64(two)}},
        LOCALAI: {"json": {"model": "fake", "img1": in_base64(one), "img2": in_base64(two)}},
        INFER: {"json": {"inputs": tensors}},
    }


BODIES = bodies()


def shape(path, answer):
    """Where an answer says in its peer's shape what went wrong."""
    document = answer.json()
    if path == DEEPFACE:
        return document.get("error") or document.get("exception") or document["message"]
    if path == LOCALAI:
        return document["error"]["message"]
    return document[{COMPREFACE: "message", FACEPP: "detail", INFER: "error"}[path]]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with one_for_many_tests(tmp_path_factory.mktemp("compat")) as client:
        yield client


@pytest.fixture
def fresh(settings, bundle, backbone_session):
    """A client of an application that nobody asked before."""
    with compat_serving(settings, bundle, backbone_session) as fresh:
        yield fresh


def test_each_is_off_unless_asked_for(settings, bundle, backbone_session):
    with compat_serving(settings, bundle, backbone_session, compat="") as client:
        assert {client.post(path, **body).json()["code"] for path, body in BODIES.items()} == {"not_found"}
        assert "PeerErrors" not in str(client.app.user_middleware)
        assert not [path for path in client.get("/openapi.json").json()["paths"] if "compat" in path]
    with compat_serving(settings, bundle, backbone_session, compat="localai") as client:
        found = {path: client.post(path, **body).status_code for path, body in BODIES.items()}
        assert {path for path, status in found.items() if status == 200} == {LOCALAI}


@pytest.mark.parametrize(("said", "meant"), [("", ()), ("oip", ("oip",)), (" oip, deepface,oip", ("deepface", "oip"))])
def test_setting_names_them(said, meant):
    assert Settings(compat=said).peers == meant


def test_setting_that_names_nobody_is_told_with_those_there_are():
    with pytest.raises(ValidationError, match="deepface, compreface, facepp, localai, oip"):
        Settings(compat="deepface,rekognition")


def test_openapi_document_has_them_where_they_are_on(client):
    document = document_of(client.app)
    OpenAPIV31SpecValidator(document).validate()
    paths = {path for path in document["paths"] if path.startswith("/compat/")}
    assert paths == {path for one in ADAPTERS.values() for path in (*one.computing, *one.told)}
    for path, body in BODIES.items():
        described = document["paths"][path]["post"]["requestBody"]["content"]
        kind = "application/json" if "json" in body else "application/x-www-form-urlencoded"
        schema = {**described[kind]["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(body.get("json") or body["data"])
        answer = client.post(path, **body)
        told = document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**told, "components": document["components"]}).validate(answer.json())


@pytest.mark.parametrize("path", BODIES)
def test_answer_says_in_headers_what_its_shape_has_no_place_for(client, path):
    answer = client.post(path, **BODIES[path])
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-request-id"]
    if path != INFER:  # which has outputs of its own
        assert answer.headers["x-ida-decision"] == "non_match"
        assert answer.headers["x-ida-method"] == "ida-r"
        assert answer.headers["x-ida-operating-point"] == "fmr_1e-2"
        assert 0 < float(answer.headers["x-ida-evidence"]) < 5


@pytest.mark.parametrize("path", BODIES)
def test_pair_that_is_inconclusive_is_no_match_in_any_shape(settings, bundle, backbone_session, path):
    """A shape without a word for it gets an error that says what to do, and never a number that reads as a match."""
    limit = MeasureLimit(limit=1e9, share=0.01, quantiles={}, faces=9)
    limits = {"photo": PopulationLimits(10, 1.0, None, {"norm": limit})}

    def change(served):
        return dataclasses.replace(served, calibrations=dataclasses.replace(served.calibrations, limits=limits))

    with compat_serving(settings, bundle, backbone_session, change_calibrated=change) as client:
        answer = client.post(path, **bodies(ONE, ONE)[path])
        if path == INFER:
            outputs = {one["name"]: one["data"] for one in answer.json()["outputs"]}
            assert (outputs["decision"], outputs["evidence"]) == (["inconclusive"], [None])
            return
        assert answer.status_code == 400
        assert "hold still" in shape(path, answer)
        assert "verified" not in answer.text


@pytest.mark.parametrize("path", BODIES)
def test_errors_before_an_endpoint_have_its_shape_too(client, path):
    assert (
        shape(path, client.request("PUT", path))
        == f"PUT {path}: Method Not Allowed. The endpoints are listed at /docs."
    )
    headers = {"content-length": str(10**10), "content-type": "application/json"}
    too_large = client.post(path, content=b"x", headers=headers)
    assert (too_large.status_code, "larger than" in shape(path, too_large)) == (413, True)
    late = client.post(path, **BODIES[path], headers={"X-Deadline-Seconds": "-1"})
    assert (late.status_code, "X-Deadline-Seconds" in shape(path, late)) == (400, True)
    packed = client.post(path, content=b"x", headers={"content-encoding": "gzip"})
    assert (packed.status_code, "compressed" in shape(path, packed)) == (400, True)
    nowhere = client.get(f"/compat/{path.split('/')[2]}/nowhere")
    assert (nowhere.status_code, "Not Found" in shape(path, nowhere)) == (404, True)


@pytest.mark.parametrize("path", BODIES)
def test_fault_that_nobody_foresaw_has_its_shape_and_is_counted(fresh, backbone_session, path):
    backbone_session.fail_with = ZeroDivisionError("a secret of ours")
    answer = fresh.post(path, **BODIES[path])
    assert answer.status_code == 500
    assert "request id" in shape(path, answer)
    assert "secret" not in answer.text
    assert 'ida_failures_total{reason="internal_error"} 1.0' in fresh.get("/metrics").text


def test_overload_is_told_with_when_to_come_again(client, monkeypatch):
    state = client.app_state["service"]
    monkeypatch.setattr(state.workers, "waiting", 10_000)
    statuses = {}
    for path, body in BODIES.items():
        answer = client.post(path, **body)
        assert int(answer.headers["retry-after"]) >= 1
        statuses[path] = answer.status_code
    assert statuses == {**dict.fromkeys(BODIES, 429), FACEPP: 403}


def test_bodies_are_bounded_as_those_of_verify():
    limits = body_limits(Settings(compat="deepface,compreface,facepp,localai,oip"))
    assert {limits[path] for path in adapters_of(ADAPTERS).computing if "oip" not in path} == {limits["/verify"]}
    assert limits[INFER] == limits["/verify/batch"]


@pytest.mark.parametrize("path", [DEEPFACE, COMPREFACE, LOCALAI])
def test_document_of_very_many_values_is_refused_unparsed(client, path):
    content = b'{"img1": [' + b"1," * 200_000 + b"1]}"
    answer = client.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 413)
    assert "more than" in shape(path, answer)


# Keys


@pytest.fixture
def closed(settings, bundle, backbone_session, tmp_path):
    """Answers nobody without a key; tells its audit log who asked."""
    lines = ((VERIFY, '["verify"]', ""), (EMBED, '["embed"]', ""), (METER, '["info"]', ""))
    limited = ("ida_slow", '["verify"]', ", per_second = 0.01, burst = 1")
    text = "".join(
        f'{key[4:]} = {{ sha256 = "{digest_of(key)}", scopes = {scopes}{more} }}\n'
        for key, scopes, more in (*lines, limited)
    )
    (tmp_path / "keys.toml").write_text(text)
    changes = {"api_keys_file": tmp_path / "keys.toml", "audit_log": str(tmp_path / "audit.log")}
    with compat_serving(settings, bundle, backbone_session, **changes) as client:
        yield client


def with_key(path, key):
    """The request of a peer's client that has a key, as that client sends it."""
    body = BODIES[path]
    if path == COMPREFACE:
        return {**body, "headers": {"x-api-key": key}}
    if path == FACEPP:
        return {"data": {"api_key": key, "api_secret": "theirs", **body["data"]}}
    return {**body, "headers": {"Authorization": f"Bearer {key}"}}


@pytest.mark.parametrize("path", BODIES)
def test_key_is_taken_where_the_peers_clients_send_it(closed, tmp_path, caplog, path):
    caplog.set_level("DEBUG")
    refused = closed.post(path, **BODIES[path])
    assert (refused.status_code, bool(shape(path, refused))) == (401, True)
    for wrong in ("ida_nobody", ""):
        assert closed.post(path, **with_key(path, wrong)).status_code == 401
    assert closed.post(path, **with_key(path, METER)).status_code == 403
    assert closed.post(path, **with_key(path, VERIFY)).status_code == 200
    bearer = {**BODIES[path], "headers": {"Authorization": f"Bearer {VERIFY}"}}
    assert closed.post(path, **bearer).status_code == 200
    lines = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert [(line["event"], line["key"]) for line in lines] == [("verify", "verify")] * 2
    told = str([vars(record) for record in caplog.records if record.name != "asyncio"])
    assert not any(key in told for key in (VERIFY, METER, "ida_nobody"))
    access = [record for record in caplog.records if record.name == "service.access"]
    assert [getattr(record, "key", None) for record in access][-2:] == ["verify", "verify"]


@pytest.mark.parametrize("path", BODIES)
def test_limit_of_a_key_holds(closed, path):
    assert closed.post(path, **with_key(path, "ida_slow")).status_code == 200
    refused = closed.post(path, **with_key(path, "ida_slow"))
    assert refused.status_code == (403 if path == FACEPP else 429)
    assert int(refused.headers["retry-after"]) > 60


def test_embedding_takes_its_own_scope(closed):
    image = {"json": {"img": data_uri(ONE)}}
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [in_base64(ONE)]}
    for path, body in (
        ("/compat/deepface/represent", image),
        ("/compat/oip/v2/models/embed/infer", {"json": {"inputs": [tensor]}}),
    ):
        found = {
            key: closed.post(path, **body, headers={"Authorization": f"Bearer {key}"}).status_code
            for key in (VERIFY, EMBED)
        }
        assert found == {VERIFY: 403, EMBED: 200}


def test_every_path_of_a_peer_takes_a_key(closed):
    paths = [path for one in ADAPTERS.values() for path in (*one.computing, *one.told)]
    for path in [*paths, "/compat/deepface/analyze", "/compat", "/compat/oip/v2/repository/index"]:
        assert closed.get(path).status_code in (401, 405), path
        assert closed.post(path).status_code == 401, path


def test_key_in_the_body_is_looked_at_before_anything_is_computed(closed, backbone_session, monkeypatch):
    runs = []
    run = backbone_session.run
    monkeypatch.setattr(backbone_session, "run", lambda inputs: runs.append(1) or run(inputs))
    assert closed.post(FACEPP, **BODIES[FACEPP]).status_code == 401
    assert closed.post(FACEPP, **with_key(FACEPP, "ida_nobody")).status_code == 401
    assert runs == []
    assert closed.post(FACEPP, **with_key(FACEPP, VERIFY)).status_code == 200
    assert runs


# The logs


def test_pair_stands_in_the_audit_log_before_it_is_answered_and_without_it_nothing_is(closed, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.telemetry.audit_sink.TurnedFile.write", full)
    for path in BODIES:
        answer = closed.post(path, **with_key(path, VERIFY))
        assert answer.status_code == 503
        assert "audit log" in shape(path, answer)


def test_pairs_and_failures_are_counted_as_those_of_verify(fresh, caplog):
    caplog.set_level("INFO", "service.access")
    for path, body in BODIES.items():
        fresh.post(path, **body)
        fresh.post(path, **bodies(NOBODY)[path])
    metrics = fresh.get("/metrics").text
    decisions = 'ida_decisions_total{decision="non_match",method="ida-r",operating_point="fmr_1e-2",reason=""} 5.0'
    assert decisions in metrics
    assert 'ida_failures_total{reason="no_face"} 5.0' in metrics
    assert f'route="{DEEPFACE}",status="200"' in metrics
    routes = [record.route for record in caplog.records if record.name == "service.access"]
    assert set(BODIES) <= set(routes)
    assert [record.code for record in caplog.records if getattr(record, "code", None)] == ["no_face"] * 5
