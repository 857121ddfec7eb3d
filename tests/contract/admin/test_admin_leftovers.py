"""What a killed service left is gone after the next start; strangers learn states, administrators the reasons."""

import os
import time

import pytest
from administering import ALICE, activate, upload
from fakes import serving

from service.errors import StoreUnavailable


def test_start_removes_what_killed_processes_left(tmp_path, settings, bundle, backbone_session):
    left = [tmp_path / "cache" / "uploads" / "upload-half", tmp_path / "store" / "bundles" / ("0" * 16) / "a.npy#1"]
    for path in left:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"half")
        os.utime(path, (time.time() - 2 * 86_400,) * 2)
    with serving(settings, bundle, backbone_session):
        assert [path.exists() for path in left] == [False, False]


def test_end_leaves_nothing_of_uploads(tmp_path, settings, bundle, backbone_session, made):
    bundle_id, content = made(1)
    with serving(settings, bundle, backbone_session) as client:
        assert upload(client, bundle_id, content).status_code == 201
    assert [path.name for path in (tmp_path / "cache" / "uploads").iterdir()] == [".lock"]


def test_readiness_tells_strangers_no_place_and_administrators_the_reason(client, made, tmp_path):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    activate(client, bundle_id)
    (tmp_path / "store").rename(tmp_path / "away")
    client.app_state["service"].follower.look()
    ready = client.get("/readyz")
    assert ready.json()["store"].keys() == {"reachable", "since"}
    assert ready.json()["store"]["reachable"] is False
    assert str(tmp_path) not in ready.text
    told = client.get("/admin/store", headers=ALICE).json()
    assert (told["reachable"], told["url"]) == (False, str(tmp_path / "store"))
    assert "is gone" in told["error"]
    assert client.get("/admin/store").status_code == 401


def test_readiness_tells_strangers_the_code_of_what_failed_and_no_more(client, made, tmp_path):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    part = tmp_path / "store" / "bundles" / bundle_id / "embeddings.npy"
    part.write_bytes(b"?")
    (tmp_path / "store" / "activations").mkdir()
    (tmp_path / "store" / "activations" / "1.json").write_text(
        f'{{"generation": 1, "bundle_id": "{bundle_id}", "who": "a", "at": "2030-01-01T00:00:00Z", "previous": null}}'
    )
    client.app_state["service"].follower.look()
    ready = client.get("/readyz")
    assert ready.json()["last_error"] == {"generation": 1, "code": "bundle_invalid"}
    assert str(tmp_path) not in ready.text
    failure = client.get("/admin/store", headers=ALICE).json()["last_error"]
    assert (failure["code"], failure["anchor_set_id"]) == ("bundle_invalid", bundle_id)
    assert "embeddings.npy" in failure["message"]


def test_store_that_points_nowhere_stops_the_start(tmp_path, settings, bundle, backbone_session):
    settings = settings.model_copy(update={"store": str(tmp_path / "nowhere")})
    with pytest.raises(StoreUnavailable, match="no such folder"), serving(settings, bundle, backbone_session):
        pass
