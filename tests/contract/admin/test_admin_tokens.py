"""Who may what: tokens are revoked at once, may read or write, and are not tried without end."""

import logging

import pytest
from administering import ALICE, BOB, TOKEN, UNKNOWN, activate, stored, upload, write_tokens
from fakes import serving

from service.api import attempts
from service.settings import Settings

READER = {"Authorization": "Bearer readers-token-0123456789"}
WRONG = {"Authorization": "Bearer a-token-of-nobody-0123456789"}
CHANGES = [
    ("PUT", f"/admin/anchor-sets/{UNKNOWN}"),
    ("PUT", "/admin/anchor-sets/active"),
    ("POST", "/admin/anchor-sets/rollback"),
    ("DELETE", f"/admin/anchor-sets/{UNKNOWN}"),
]


def status(client, headers=ALICE):
    return client.get("/admin/activations", headers=headers).status_code


def errors_in(caplog):
    return [record for record in caplog.records if record.levelname == "ERROR"]


def test_token_is_replaced_without_a_restart(client, tmp_path):
    write_tokens(tmp_path, "carol:carols-token-0123456789\n")
    assert status(client) == 401
    assert status(client, {"Authorization": "Bearer carols-token-0123456789"}) == 200


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_text(""),
        lambda file: file.unlink(),
        lambda file: file.write_text(f"alice:{TOKEN}\nhalf a li"),
        lambda file: file.write_bytes(b"alice:\xff"),
        lambda file: (file.unlink(), file.mkdir()),
        lambda file: file.write_bytes(b"#" * 2_000_000),
    ],
    ids=["emptied", "deleted", "invalid", "not text", "a folder", "far too long"],
)
def test_file_that_cannot_be_used_revokes_every_token_until_it_can(client, tmp_path, damage, caplog):
    file = tmp_path / "tokens"
    assert status(client) == 200
    damage(file)
    assert [status(client) for _ in range(20)] == [401] * 20, "nobody is slowed down for a token that was right"
    assert len(errors_in(caplog)) == 1, "told once, not at every request"
    if file.is_dir():
        file.rmdir()
    write_tokens(tmp_path)
    assert (status(client), status(client, BOB)) == (200, 200)
    assert TOKEN not in caplog.text


def test_each_change_to_another_fault_is_told(client, tmp_path, caplog):
    write_tokens(tmp_path, "")
    status(client)
    (tmp_path / "tokens").unlink()
    status(client)
    assert len(errors_in(caplog)) == 2


# Roles


@pytest.fixture
def with_reader(tmp_path, client):
    write_tokens(tmp_path, f"alice:write:{TOKEN}\nreader:read:readers-token-0123456789\nbob:bobs-token-0123456789\n")
    return client


@pytest.mark.parametrize(("verb", "path"), CHANGES)
def test_token_that_may_read_changes_nothing(with_reader, verb, path, tmp_path):
    answer = with_reader.request(verb, path, content=b"{}", headers=READER)
    assert (answer.status_code, answer.json()["code"]) == (403, "read_only_token")
    assert stored(tmp_path / "store") == []


@pytest.mark.parametrize("path", ["anchor-sets", "activations", "replicas", "store"])
def test_every_token_reads_everything(with_reader, path):
    for headers in (ALICE, BOB, READER):
        assert with_reader.get(f"/admin/{path}", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [ALICE, BOB])
@pytest.mark.parametrize(("verb", "path"), CHANGES)
def test_token_with_the_role_to_write_or_with_none_may_write(with_reader, verb, path, headers):
    assert with_reader.request(verb, path, content=b"{}", headers=headers).status_code not in (401, 403)


# Trying


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    found = Clock()
    monkeypatch.setattr(attempts.Attempts.__init__, "__defaults__", (found,))
    return found


@pytest.fixture
def client(clock, settings, bundle, backbone_session):
    with serving(settings, bundle, backbone_session) as client:
        yield client


def test_wrong_tokens_are_slowed_down_and_then_not_even_looked_at(client, clock, caplog):
    assert [status(client, WRONG) for _ in range(5)] == [401] * 5
    answer = client.get("/admin/activations", headers=WRONG)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (429, "too_many_attempts", "1")
    assert status(client, ALICE) == 429, "a right one, too: who guesses would know it otherwise"
    clock.now += 1.0
    assert status(client, WRONG) == 401
    waits = []
    for _ in range(8):
        wait = int(client.get("/admin/activations", headers=WRONG).headers["retry-after"])
        clock.now += wait
        waits.append(wait)
        assert status(client, WRONG) == 401
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    clock.now += 60
    assert status(client, ALICE) == 200


def test_wrong_token_is_logged_with_the_address_and_never_itself(client, caplog):
    with caplog.at_level(logging.WARNING):
        status(client, WRONG)
    (record,) = [record for record in caplog.records if record.getMessage() == "wrong token"]
    assert (record.client, record.attempts) == ("testclient", 1)
    assert "a-token-of-nobody" not in str(vars(record))


def test_request_without_a_token_is_no_attempt(client):
    assert [status(client, {}) for _ in range(20)] == [401] * 20
    assert status(client, ALICE) == 200


def test_other_requests_are_served_while_a_client_has_to_wait(client):
    for _ in range(6):
        status(client, WRONG)
    assert client.get("/readyz").status_code == 200


# Who did what


def test_uploads_activations_and_deletions_are_logged_with_the_name(
    tmp_path, settings, bundle, backbone_session, made, caplog
):
    bundle_id, content = made(1)
    settings = settings.model_copy(update={"retention_seconds": 0})
    with caplog.at_level(logging.INFO), serving(settings, bundle, backbone_session) as client:
        upload(client, bundle_id, content)
        client.delete(f"/admin/anchor-sets/{bundle_id}", headers=BOB)
        upload(client, bundle_id, content)
        activate(client, bundle_id)
    told = [
        (record.getMessage(), record.who, record.anchor_set_id) for record in caplog.records if hasattr(record, "who")
    ]
    assert told[:4] == [
        ("an anchor set was uploaded", "alice", bundle_id),
        ("an anchor set was deleted", "bob", bundle_id),
        ("an anchor set was uploaded", "alice", bundle_id),
        ("an anchor set was activated", "alice", bundle_id),
    ]


def test_bare_token_of_the_environment_may_write(tmp_path, bundle, backbone_session):
    with serving(Settings(home=tmp_path, admin_token=TOKEN), bundle, backbone_session) as client:
        assert client.delete(f"/admin/anchor-sets/{UNKNOWN}", headers=ALICE).status_code == 404
