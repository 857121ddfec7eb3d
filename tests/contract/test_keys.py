"""Callers' keys over HTTP: who is let in, for what, how often; given and taken without a restart, closed on failure."""

import base64
import threading
import time

import anyio
import pytest
from administering import ALICE, TOKEN
from fakes import picture, serving
from fastapi.testclient import TestClient
from pydantic import SecretStr

from service.api.access.key_door import OPEN_FOLDERS, OPEN_PATHS, SCOPES_OF_PATHS
from service.api.access.key_file import digest_of
from service.app import create_app
from service.errors import SettingsInvalid

SHOP, BANK, METER, OLD = "ida_shop", "ida_bank", "ida_meter", "ida_old"
FILES = {"probe": ("a.png", picture(seed=1)), "reference": ("b.png", picture(seed=2))}
IMAGE = {"image": ("a.png", picture(seed=1))}


def line(name, key, scopes, limits=""):
    return f'{name} = {{ sha256 = "{digest_of(key)}", scopes = {scopes}{limits} }}\n'


ALL = (
    line("shop", SHOP, ["verify"])
    + line("bank", BANK, ["embed", "verify"])
    + line("meter", METER, ["info"])
    + line("old", OLD, ["verify", "embed", "info"], ", expires = 2020-01-01")
)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def file(tmp_path):
    (tmp_path / "keys.toml").write_text(ALL)
    return tmp_path / "keys.toml"


@pytest.fixture
def settings(settings, file):
    return settings.model_copy(update={"api_keys_file": file, "admin_token": SecretStr(TOKEN)})


def ring_of(client):
    """The keys of a client's service, whose file is looked at when a test says so."""
    return client.app_state["service"].keys


def refused(answer):
    return answer.status_code, answer.json()["code"]


def verify(client, key):
    return client.post("/verify", files=FILES, headers=bearer(key))


def test_key_is_asked_for_and_those_that_may_are_answered(client):
    without = client.post("/verify", files=FILES)
    assert refused(without) == (401, "key_unknown")
    assert without.headers["www-authenticate"].startswith("Bearer")
    assert without.headers["x-request-id"] == without.json()["request_id"]
    assert verify(client, SHOP).status_code == 200
    assert client.post("/embed", files=IMAGE, headers=bearer(BANK)).status_code == 200
    pair = {side: {"image": base64.b64encode(picture()).decode()} for side in ("probe", "reference")}
    assert client.post("/verify/batch", json={"pairs": [pair]}, headers=bearer(SHOP)).status_code == 200
    assert client.get("/info", headers=bearer(METER)).status_code == 200
    assert client.get("/metrics", headers=bearer(METER)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        bearer("ida_nobody"),
        bearer(digest_of(SHOP)),
        bearer(SHOP + "x"),
        bearer(SHOP[:-1]),
        bearer(OLD),
        {"Authorization": SHOP},
        {"Authorization": f"Basic {SHOP}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer " + "x" * 20_000},
        {"Authorization": b"Bearer \xff\xfe"},
        {"X-API-Key": SHOP},
        bearer(TOKEN),
    ],
    ids=str,
)
def test_whoever_has_no_key_is_refused(client, headers):
    assert refused(client.post("/verify", files=FILES, headers=headers)) == (401, "key_unknown")


def test_answer_to_an_expired_key_says_so_and_no_answer_tells_a_key(client):
    assert "expired" in verify(client, OLD).json()["detail"]
    assert OLD not in verify(client, OLD).text


@pytest.mark.parametrize(
    ("key", "method", "path"),
    [
        (SHOP, "POST", "/embed"),
        (SHOP, "POST", "/embed/batch"),
        (SHOP, "GET", "/info"),
        (METER, "POST", "/verify"),
        (METER, "POST", "/verify/batch"),
        (BANK, "GET", "/info"),
    ],
)
def test_key_is_good_for_its_scopes_alone(client, key, method, path):
    answer = client.request(method, path, headers=bearer(key))
    assert refused(answer) == (403, "scope_missing")


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/openapi.json", "/docs", "/", "/page/main.js"],
)
def test_whether_it_is_well_and_how_it_is_asked_is_told_to_anybody(client, path):
    assert client.get(path).status_code == 200


def test_every_path_but_the_open_ones_takes_a_key(client):
    """Of what will be added, too: it is closed until somebody says that it is open."""
    routers = [client.app, *(route.original_router for route in client.app.routes if not hasattr(route, "path"))]
    paths = {route.path for router in routers for route in router.routes if hasattr(route, "path")}
    assert paths >= OPEN_PATHS
    others = ["/nowhere", "http://testserver//verify", "/verify/", "/admin", "/page", "/healthz/x"]
    for path in [*paths - OPEN_PATHS, *others]:
        if not path.startswith((*OPEN_FOLDERS, "/admin/")):
            assert client.get(path).status_code == 401, path
    assert set(SCOPES_OF_PATHS) <= paths


def test_administrators_have_tokens_of_their_own(client):
    assert client.get("/admin/anchor-sets", headers=ALICE).status_code == 200
    assert refused(client.get("/admin/anchor-sets", headers=bearer(BANK))) == (401, "unauthorized")


def test_body_of_a_stranger_is_not_read(client):
    sent = []

    async def send(message):
        sent.append(message)

    async def never():
        raise AssertionError("the body was read")

    scope = {"type": "http", "method": "POST", "path": "/verify", "headers": [], "state": client.app_state}
    anyio.run(client.app, scope, never, send)
    assert sent[0]["status"] == 401


def test_what_is_refused_is_counted_and_no_text_of_a_stranger_becomes_a_label(client):
    client.post("/verify", files=FILES)
    client.get("/made-up-by-a-stranger")
    metrics = client.get("/metrics", headers=bearer(METER)).text
    assert 'ida_failures_total{reason="key_unknown"} 2.0' in metrics
    assert 'ida_requests_total{method="POST",route="/verify",status="401"} 1.0' in metrics
    assert "made-up" not in metrics


def test_log_names_the_key_and_never_tells_it(client, caplog):
    caplog.set_level("INFO", "service.access")
    verify(client, SHOP)
    client.get("/info", headers=bearer(SHOP))
    told = [(record.route, record.status, record.key) for record in caplog.records if record.name == "service.access"]
    assert told == [("/verify", 200, "shop"), ("/info", 403, "shop")]
    assert SHOP not in str([vars(record) for record in caplog.records])


# Limits


def test_caller_beyond_its_rate_is_told_when_to_come_again(client, file):
    file.write_text(ALL + line("slow", "ida_slow", ["info"], ", per_second = 0.01, burst = 2"))
    ring_of(client).look()
    assert [client.get("/info", headers=bearer("ida_slow")).status_code for _ in range(2)] == [200, 200]
    answer = client.get("/info", headers=bearer("ida_slow"))
    assert refused(answer) == (429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 100
    assert client.get("/info", headers=bearer(METER)).status_code == 200, "others have limits of their own"


def test_caller_does_not_get_its_requests_back_by_a_changed_file(client, file):
    slow = line("slow", "ida_slow", ["info"], ", per_second = 0.01, burst = 1")
    file.write_text(ALL + slow)
    ring_of(client).look()
    assert client.get("/info", headers=bearer("ida_slow")).status_code == 200
    file.write_text(slow.replace(digest_of("ida_slow"), digest_of("ida_slow2")) + ALL)
    ring_of(client).look()
    assert client.get("/info", headers=bearer("ida_slow")).status_code == 401
    assert client.get("/info", headers=bearer("ida_slow2")).status_code == 429


def test_no_more_requests_of_a_key_are_in_work_than_it_may_have(client, file, backbone_session):
    file.write_text(ALL + line("narrow", "ida_narrow", ["verify"], ", concurrent = 1"))
    ring_of(client).look()
    begun, opened, run = threading.Event(), threading.Event(), backbone_session.run

    def held(inputs):
        begun.set()
        assert opened.wait(20)
        return run(inputs)

    backbone_session.run = held
    answers = []
    thread = threading.Thread(target=lambda: answers.append(verify(client, "ida_narrow")), daemon=True)
    thread.start()
    try:
        assert begun.wait(20)
        second = verify(client, "ida_narrow")
        assert refused(second) == (429, "rate_limited")
        assert second.headers["retry-after"] == "1"
    finally:
        opened.set()
        thread.join(20)
    assert answers[0].status_code == 200
    assert verify(client, "ida_narrow").status_code == 200
    assert client.post("/verify", content=b"", headers=bearer("ida_narrow")).status_code == 415
    assert verify(client, "ida_narrow").status_code == 200, "what failed is in work no more"


# The file


def test_key_is_given_and_taken_without_a_restart(client, file):
    file.write_text(line("new", "ida_new", ["verify"]))
    ring_of(client).look()
    assert verify(client, "ida_new").status_code == 200
    assert verify(client, SHOP).status_code == 401


def test_file_is_looked_at_by_itself(client, file):
    file.write_text(line("new", "ida_new", ["info"]))
    end = time.monotonic() + 20
    while client.get("/info", headers=bearer("ida_new")).status_code != 200:
        assert time.monotonic() < end
        threading.Event().wait(0.05)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_text(""),
        lambda file: file.unlink(),
        lambda file: file.write_text(ALL + "half a li"),
        lambda file: file.write_bytes(b"\xff"),
        lambda file: (file.unlink(), file.mkdir()),
    ],
    ids=["emptied", "deleted", "invalid", "not text", "a folder"],
)
def test_file_that_cannot_be_used_refuses_everybody_and_says_so(client, file, damage, caplog):
    assert client.get("/readyz").json()["api_keys"] == "read"
    damage(file)
    for _ in range(3):
        ring_of(client).look()
    assert refused(verify(client, SHOP)) == (503, "keys_unavailable")
    assert refused(client.get("/info")) == (503, "keys_unavailable")
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"], ready.json()["api_keys"]) == (503, "not ready", "unreadable")
    assert client.get("/healthz").status_code == 200
    assert client.get("/admin/anchor-sets", headers=ALICE).status_code == 200
    assert sum(record.levelname == "ERROR" for record in caplog.records) == 1, "told once, not at every look"
    registry = client.app_state["service"].metrics.registry
    assert registry.get_sample_value("ida_ready") == 0
    assert registry.get_sample_value("ida_file_unusable", {"file": "api_keys"}) == 1
    if file.is_dir():
        file.rmdir()
    file.write_text(ALL)
    ring_of(client).look()
    assert verify(client, SHOP).status_code == 200
    assert client.get("/readyz").status_code == 200
    assert registry.get_sample_value("ida_file_unusable", {"file": "api_keys"}) == 0
    assert SHOP not in caplog.text


def test_service_does_not_start_with_a_file_that_cannot_be_used(settings, file):
    file.write_text("shop = 1")
    with pytest.raises(SettingsInvalid, match="IDA_API_KEYS_FILE"):
        create_app(settings)


# What stands elsewhere


def test_without_the_setting_nobody_is_asked(settings, bundle, backbone_session):
    with serving(settings.model_copy(update={"api_keys_file": None}), bundle, backbone_session) as client:
        assert client.post("/verify", files=FILES).status_code == 200
        assert client.get("/readyz").json()["api_keys"] == "off"
        assert "KeyDoor" not in str(client.app.user_middleware)


def test_inside_has_no_callers(settings, bundle, backbone_session):
    settings = settings.model_copy(update={"admin_port": 0})
    with serving(settings, bundle, backbone_session) as client:
        with TestClient(client.app.state.inside) as inside:
            answers = {path: inside.get(path).status_code for path in ("/healthz", "/readyz", "/metrics", "/verify")}
        assert answers == {"/healthz": 200, "/readyz": 200, "/metrics": 200, "/verify": 404}
        assert client.get("/metrics").status_code == 401


def test_document_says_where_a_key_is_asked_for(client):
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"
    closed = {
        path
        for path, found in document["paths"].items()
        for one in found.values()
        if one.get("security") == [{"ApiKey": []}]
    }
    assert closed == set(SCOPES_OF_PATHS) - {"/metrics"}
