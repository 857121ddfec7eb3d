"""The admin API over HTTP: who may, what is refused and why, and that nothing is left of what was refused."""

import hashlib
import io
import tarfile
import threading
from datetime import timedelta

import pytest
from administering import ALICE, TOKEN, UNKNOWN, activate, entries, stored, upload, write_tokens
from fakes import picture, serving
from fastapi.testclient import TestClient

from service.app import create_app
from service.errors import SettingsInvalid
from service.settings import Settings
from service.store.bundle_store import BundleStore, open_store
from service.store.records import ReplicaReport, now


def leftovers(tmp_path):
    return list((tmp_path / "cache").rglob("upload-*"))


# Who may


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \udcff"],
)
@pytest.mark.parametrize("path", ["/admin/anchor-sets", "/admin/activations", "/admin/replicas"])
def test_request_without_a_known_token_is_refused(client, header, path):
    headers = {} if header is None else {"Authorization": header.encode("utf-8", "surrogateescape")}
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("PUT", f"/admin/anchor-sets/{UNKNOWN}"),
        ("PUT", "/admin/anchor-sets/active"),
        ("POST", "/admin/anchor-sets/rollback"),
        ("DELETE", f"/admin/anchor-sets/{UNKNOWN}"),
    ],
)
def test_nothing_changes_without_a_token(client, verb, path, tmp_path):
    assert client.request(verb, path, content=b"{}").status_code == 401
    assert stored(tmp_path / "store") == []


def test_without_a_configured_token_there_is_no_admin_api(tmp_path, bundle, backbone_session):
    with serving(Settings(home=tmp_path), bundle, backbone_session) as client:
        answer = client.get("/admin/anchor-sets", headers=ALICE)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "/admin/anchor-sets" not in client.get("/openapi.json").json()["paths"]


def test_bare_token_in_the_environment_is_known(tmp_path, bundle, backbone_session):
    with serving(Settings(home=tmp_path, admin_token=TOKEN), bundle, backbone_session) as client:
        assert client.get("/admin/activations", headers=ALICE).status_code == 200


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no token"),
        ("alice:short", "line 1 .* fewer than 16"),
        (f"ok:{TOKEN}\nbad name:another-token-0123456789", "line 2 .* no usable name"),
        (f"a:{TOKEN}\nb:{TOKEN}", "line 2 .* repeats"),
    ],
)
def test_token_file_that_cannot_be_used_stops_the_start_and_tells_no_token(tmp_path, text, reason):
    settings = Settings(home=tmp_path, admin_token_file=write_tokens(tmp_path, text))
    with pytest.raises(SettingsInvalid, match=reason) as failure:
        create_app(settings)
    assert "token-0123456789" not in str(failure.value)


def test_inside_port_has_the_admin_api_and_the_metrics_and_the_main_one_has_neither(
    tmp_path, settings, bundle, backbone_session
):
    settings = settings.model_copy(update={"admin_port": 0})
    with serving(settings, bundle, backbone_session) as client, TestClient(client.app.state.inside) as inside:
        assert inside.get("/admin/anchor-sets", headers=ALICE).status_code == 200
        assert "ida_ready 1.0" in inside.get("/metrics").text
        assert inside.get("/healthz").status_code == 200
        assert inside.post("/verify").status_code == 404
        for path in ("/admin/anchor-sets", "/metrics"):
            assert client.get(path, headers=ALICE).status_code == 404


def test_tokens_are_not_shown_by_settings(settings):
    assert TOKEN not in repr(Settings(home=settings.home, admin_token=TOKEN))


# Upload


def test_uploaded_bundle_can_be_activated_and_scores_by_it(client, made, tmp_path):
    bundle_id, content = made(1)
    created, again = upload(client, bundle_id, content), upload(client, bundle_id, content)
    assert (created.status_code, created.json()) == (201, {"id": bundle_id, "created": True, "repaired": []})
    assert (again.status_code, again.json()) == (200, {"id": bundle_id, "created": False, "repaired": []})
    assert leftovers(tmp_path) == []
    faces = {name: ("a.png", picture(seed=seed)) for name, seed in (("probe", 1), ("reference", 2))}
    before = client.post("/verify", files=faces).json()

    answer = activate(client, bundle_id, expected_generation=0)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["previous"], found["current"], found["generation"], found["changed"]) == (None, bundle_id, 1, True)
    assert {check["name"] for check in found["checks"]} >= {"backbone", "anchors", "golden pairs", "synthetic crop"}
    assert set(found["golden_drift"]) >= {"cosine", "ida-r"}
    assert found["seconds"]["total"] >= found["seconds"]["load"] > 0
    verified = client.post("/verify", files=faces).json()
    assert verified["anchor_set"] == {"id": bundle_id, "generation": 1}
    # The same faces, but nothing that was found among the old anchors.
    assert verified["similarity"] == before["similarity"]
    assert verified["density"] != before["density"]
    assert client.get("/info").json()["anchor_set"]["id"] == bundle_id


def test_bundle_under_another_id_is_refused(client, made, tmp_path):
    bundle_id, content = made(1)
    answer = upload(client, UNKNOWN, content)
    assert (answer.status_code, answer.json()["code"]) == (422, "anchor_set_id_mismatch")
    assert bundle_id in answer.json()["detail"]
    assert leftovers(tmp_path) == []
    assert [entry["state"] for entry in entries(client)] == ["built_in"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"x" * 100_000])
def test_upload_that_is_no_archive_is_refused(client, content, tmp_path):
    answer = upload(client, UNKNOWN, content)
    assert (answer.status_code, answer.json()["code"]) == (422, "upload_invalid")
    assert leftovers(tmp_path) == []


def test_upload_of_another_type_is_refused(client):
    answer = upload(client, UNKNOWN, b"", **{"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_archive_that_leads_elsewhere_is_refused(client, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("../../escaped")
        member.size = 2
        tar.addfile(member, io.BytesIO(b"{}"))
    assert upload(client, UNKNOWN, buffer.getvalue()).json()["code"] == "upload_invalid"
    assert not list(tmp_path.rglob("escaped"))


def test_bundle_for_another_backbone_is_refused_before_it_is_stored(client, made):
    bundle_id, content = made(1, backbone_id="c" * 16)
    answer = upload(client, bundle_id, content)
    assert (answer.status_code, answer.json()["code"]) == (422, "bundle_mismatch")
    assert len(entries(client)) == 1


def test_upload_above_the_limit_is_refused_by_its_length_and_as_it_comes(tmp_path, settings, bundle, backbone_session):
    settings = settings.model_copy(update={"max_bundle_bytes": 5000})
    with serving(settings, bundle, backbone_session) as client:
        answers = [upload(client, UNKNOWN, bytes(6000)), upload(client, UNKNOWN, iter([bytes(1000)] * 6))]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(413, "upload_too_large")] * 2
    assert leftovers(tmp_path) == []


def test_upload_is_larger_than_what_two_photographs_may_be(tmp_path, settings, bundle, backbone_session, made):
    settings = settings.model_copy(update={"max_image_bytes": 1024})
    bundle_id, content = made(1, count=2000)
    assert len(content) > 2 * 1024 + 100_000
    with serving(settings, bundle, backbone_session) as client:
        assert upload(client, bundle_id, content).status_code == 201


@pytest.mark.parametrize("name", ["x", "ACTIVE", "0" * 15, "0" * 17, "..%2F..", UNKNOWN.replace("0", "g")])
def test_id_that_is_none_is_unknown(client, name):
    assert upload(client, name, b"").status_code == 404
    assert client.delete(f"/admin/anchor-sets/{name}", headers=ALICE).status_code == 404


# Activation


def test_dry_run_checks_and_changes_nothing(client, made):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    answer = activate(client, bundle_id, dry_run=True).json()
    assert (answer["dry_run"], answer["changed"], answer["generation"]) == (True, False, 0)
    assert client.get("/admin/activations", headers=ALICE).json() == {"activations": []}
    assert client.get("/readyz").json()["generation"] == 0


def test_stale_generation_is_told_the_present_one(client, made):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    activate(client, bundle_id, expected_generation=0)
    answer = activate(client, bundle_id, expected_generation=0)
    assert (answer.status_code, answer.json()["code"]) == (412, "stale_generation")
    assert "newest generation is 1" in answer.json()["detail"]


def test_activating_what_is_active_changes_nothing(client, made):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    activate(client, bundle_id)
    answer = activate(client, bundle_id, expected_generation=1)
    assert (answer.status_code, answer.json()["changed"], answer.json()["generation"]) == (200, False, 1)


def test_bundle_of_the_settings_can_be_activated_without_an_upload(client):
    (built_in,) = entries(client)
    answer = activate(client, built_in["id"])
    assert (answer.status_code, answer.json()["generation"]) == (200, 1)
    (entry,) = entries(client)
    assert (entry["state"], entry["served_here"], entry["last_generation"]) == ("active", True, 1)


def test_unknown_bundle_is_not_activated(client):
    answer = activate(client, UNKNOWN)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_anchor_set")


@pytest.mark.parametrize(
    "document",
    [b"", b"{", b"[]", b'{"id": 7}', b'{"id": "x"}', b'{"id": "0000000000000000", "generation": 1}', b"\xff"],
)
def test_document_that_is_not_asked_for_is_refused_with_an_example(client, document):
    answer = client.put("/admin/anchor-sets/active", content=document, headers=ALICE)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "expected_generation" in answer.json()["detail"]


def test_document_without_end_is_refused(client):
    answer = client.put("/admin/anchor-sets/active", content=b" " * 100_000, headers=ALICE)
    assert answer.status_code == 400


def test_history_names_who_did_what(client, made):
    one, other = made(1), made(2)
    for bundle_id, content in (one, other):
        upload(client, bundle_id, content)
        activate(client, bundle_id)
    bob = {"Authorization": "Bearer bobs-token-0123456789"}
    rolled = client.post("/admin/anchor-sets/rollback", headers=bob)
    assert (rolled.status_code, rolled.json()["current"], rolled.json()["previous"]) == (200, one[0], other[0])

    found = client.get("/admin/activations", headers=ALICE).json()["activations"]

    assert [(r["generation"], r["anchor_set_id"], r["who"], r["action"]) for r in found] == [
        (3, one[0], "bob", "rollback"),
        (2, other[0], "alice", "activate"),
        (1, one[0], "alice", "activate"),
    ]
    assert len(client.get("/admin/activations?limit=2", headers=ALICE).json()["activations"]) == 2


def test_two_administrators_who_race_at_one_replica_do_not_both_win(client, made):
    bundles = [made(seed) for seed in (1, 2)]
    for bundle_id, content in bundles:
        upload(client, bundle_id, content)
    answers = []
    threads = [
        threading.Thread(target=lambda b=b: answers.append(activate(client, b, expected_generation=0).status_code))
        for b, _ in bundles
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 412]


def test_spoilt_bundle_is_not_activated_and_the_old_one_stays(client, made, tmp_path):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    part = tmp_path / "store" / "bundles" / bundle_id / "embeddings.npy"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    answer = activate(client, bundle_id)
    assert (answer.status_code, answer.json()["code"]) == (422, "bundle_invalid")
    assert client.get("/readyz").json()["generation"] == 0
    assert client.get("/admin/activations", headers=ALICE).json() == {"activations": []}


# Deleting


def test_active_and_recent_bundles_are_not_deleted(client, made):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    activate(client, bundle_id)
    answer = client.delete(f"/admin/anchor-sets/{bundle_id}", headers=ALICE)
    assert (answer.status_code, answer.json()["code"]) == (409, "anchor_set_in_use")
    assert "active" in answer.json()["detail"]


def test_deletion_keeps_the_last_active_ones_and_lets_others_go(tmp_path, settings, bundle, backbone_session, made):
    settings = settings.model_copy(update={"retention_count": 2, "retention_seconds": 0})
    bundles = [made(seed) for seed in range(4)]
    with serving(settings, bundle, backbone_session) as client:
        for bundle_id, content in bundles:
            upload(client, bundle_id, content)
        for bundle_id, _ in bundles[:3]:
            activate(client, bundle_id)
        retained = {entry["id"]: entry["retained"] for entry in entries(client) if entry["state"] != "built_in"}
        assert retained == {bundles[0][0]: False, bundles[1][0]: True, bundles[2][0]: True, bundles[3][0]: False}
        statuses = [client.delete(f"/admin/anchor-sets/{b}", headers=ALICE).status_code for b, _ in bundles]
        assert statuses == [204, 409, 409, 204]
        assert client.delete(f"/admin/anchor-sets/{bundles[0][0]}", headers=ALICE).status_code == 404


def test_bundle_that_was_pushed_lately_is_not_deleted(client, made):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    answer = client.delete(f"/admin/anchor-sets/{bundle_id}", headers=ALICE)
    assert answer.status_code == 409
    assert "lately" in answer.json()["detail"]


def test_what_a_rollback_would_need_is_deleted_where_that_is_said(client, made, tmp_path):
    (kept, kept_content), (active, active_content) = made(1), made(2)
    upload(client, kept, kept_content)
    upload(client, active, active_content)
    for bundle_id in (kept, active):
        activate(client, bundle_id)
    open_store(str(tmp_path / "store")).forget("replica-a")  # whose last report may still name the first
    refused = client.delete(f"/admin/anchor-sets/{kept}", headers=ALICE)
    assert (refused.status_code, refused.json()["code"]) == (409, "anchor_set_in_use")
    assert "allow_retained" in refused.json()["detail"]
    assert client.delete(f"/admin/anchor-sets/{active}?allow_retained=true", headers=ALICE).status_code == 409
    assert client.delete(f"/admin/anchor-sets/{kept}?allow_retained=true", headers=ALICE).status_code == 204


def test_what_another_replica_serves_is_never_deleted(client, made, tmp_path):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    facts = {"started": now(), "version": "1", "backbone_id": "b", "bundle_id": bundle_id, "generation": 1}
    store = open_store(str(tmp_path / "store"))
    ends = {"replica-b": now(), "replica-gone": now() - timedelta(hours=1)}
    statuses = {}
    for name, at in ends.items():
        store.report(ReplicaReport(replica=name, at=at, lagging=True, store_id=None, watch_interval=5, **facts))
        answer = client.delete(f"/admin/anchor-sets/{bundle_id}?allow_retained=true", headers=ALICE)
        statuses[name] = answer.status_code
        if answer.status_code == 409:
            assert f"the replica {name} serves it" in answer.json()["detail"]
        store.forget(name)
    assert statuses == {"replica-b": 409, "replica-gone": 204}


# A damaged one


@pytest.mark.parametrize("file", ["embeddings.npy", "manifest.json", "golden_scores.json"])
def test_damaged_anchor_set_is_put_right_by_sending_it_again(client, made, tmp_path, file):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    (tmp_path / "store" / "bundles" / bundle_id / file).write_bytes(b"{")
    assert activate(client, bundle_id, dry_run=True).status_code == 422

    answer = upload(client, bundle_id, content)
    assert (answer.status_code, answer.json()) == (200, {"id": bundle_id, "created": False, "repaired": [file]})
    assert activate(client, bundle_id).status_code == 200
    assert upload(client, bundle_id, content).json()["repaired"] == []


def test_anchor_set_that_is_deleted_while_it_is_put_right_is_whole_again(client, made, tmp_path, monkeypatch):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    mend, folder = BundleStore.mend, tmp_path / "store" / "bundles" / bundle_id

    def deleted_meanwhile(store, bundle):
        (folder / "manifest.json").unlink()
        (folder / "embeddings.npy").unlink()
        return mend(store, bundle)

    monkeypatch.setattr(BundleStore, "mend", deleted_meanwhile)
    assert upload(client, bundle_id, content).status_code == 201
    assert activate(client, bundle_id).status_code == 200


# What is told


def test_listing_tells_what_each_bundle_holds(client, made):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    (entry,) = [entry for entry in entries(client) if entry["id"] == bundle_id]
    assert (entry["state"], entry["count"], entry["default_method"]) == ("available", 40, "ida-r")
    assert entry["provenance"] == {"made": "for a test", "seed": 1}
    assert entry["parameters"]["k"] == 10
    assert entry["parts"]["embeddings"] > 40 * 32 * 4
    assert entry["operating_points"] is None
    assert entry["error"] is None


def test_listing_goes_on_where_a_manifest_is_spoilt(client, made, tmp_path):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    (tmp_path / "store" / "bundles" / bundle_id / "manifest.json").write_bytes(b"{}")
    (entry,) = [entry for entry in entries(client) if entry["id"] == bundle_id]
    assert "not the one that its id stands for" in entry["error"]


def test_replica_is_listed_as_soon_as_it_is_ready_even_by_a_store_that_nobody_used(client):
    found = client.get("/admin/replicas", headers=ALICE).json()
    assert [(replica["replica"], replica["alive"]) for replica in found["replicas"]] == [("replica-a", True)]


def test_replicas_say_what_they_serve(client, made):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    activate(client, bundle_id)
    client.app_state["service"].follower.look()
    found = client.get("/admin/replicas", headers=ALICE).json()
    (replica,) = found["replicas"]
    assert found["generation"] == 1
    assert (replica["replica"], replica["alive"], replica["generation"]) == ("replica-a", True, 1)
    assert (replica["anchor_set_id"], replica["error"]) == (bundle_id, None)


def test_store_that_is_away_is_said_to_be(client, made, tmp_path):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    (tmp_path / "store").rename(tmp_path / "away")
    answer = activate(client, bundle_id)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    client.app_state["service"].follower.look()
    state = client.get("/readyz")
    assert state.status_code == 200
    assert state.json()["store"]["reachable"] is False
    assert "gone" in client.get("/admin/store", headers=ALICE).json()["error"]


def test_draining_replica_answers_and_is_not_ready(client):
    client.app.state.readiness.drain()
    state = client.get("/readyz")
    assert (state.status_code, state.json()["status"]) == (503, "draining")
    assert client.get("/info").status_code == 200
    assert "ida_draining 1.0" in client.get("/metrics").text


def test_no_token_and_no_embedding_comes_into_the_log(client, made, caplog):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    activate(client, bundle_id)
    assert TOKEN not in caplog.text
    assert hashlib.sha256(TOKEN.encode()).hexdigest() not in caplog.text


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_parameter_out_of_range_is_a_problem_that_names_it(client, limit):
    answer = client.get(f"/admin/activations?limit={limit}", headers=ALICE)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["detail"].startswith("limit: ")
