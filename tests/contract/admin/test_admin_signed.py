"""A service that takes signed bundles only: uploaded, activated, at its start, from the store and from copies."""

import logging
import shutil

import pytest
from administering import activate, entries, stored, upload
from fakes import fake_pipeline, serving
from signers import make_signer

from service.activation.loading import BundleLoader
from service.bundle.reader import read_bundle_id
from service.errors import BundleNotTrusted
from service.settings import DEFAULT_BUNDLE
from service.store.archive import pack_bundle
from service.store.bundle_store import open_store
from service.store.records import Activation


@pytest.fixture
def alice(tmp_path):
    return make_signer(tmp_path, "alice", trusted=tmp_path / "trusted")


@pytest.fixture
def mallory(tmp_path):
    return make_signer(tmp_path, "mallory")


@pytest.fixture
def open_settings(settings):
    """Settings of a service that asks for no signatures."""
    return settings


@pytest.fixture
def signed_only(settings, tmp_path, alice, bundle):
    alice(bundle)
    return settings.model_copy(update={"bundle_keys": tmp_path / "trusted"})


@pytest.fixture
def client(signed_only, bundle, backbone_session):
    with serving(signed_only, bundle, backbone_session) as client:
        yield client


def archive(tmp_path, seed):
    path = tmp_path / f"signed-{seed}.tar"
    path.unlink(missing_ok=True)
    pack_bundle(tmp_path / f"made-{seed}", path)
    return path.read_bytes()


def code(answer):
    return answer.status_code, answer.json().get("code")


def test_signed_bundle_is_taken_and_its_signer_is_told(client, made, alice, tmp_path, caplog):
    bundle_id, _ = made(1)
    alice(tmp_path / "made-1")
    with caplog.at_level(logging.INFO):
        assert upload(client, bundle_id, archive(tmp_path, 1)).status_code == 201
        answer = activate(client, bundle_id)
    assert answer.status_code == 200, answer.text
    assert answer.json()["checks"][0]["detail"].startswith("by alice")
    told = {record.getMessage(): record.signed_by for record in caplog.records if hasattr(record, "signed_by")}
    assert told["an anchor set was uploaded"] == told["an anchor set was activated"] == "alice"
    (entry,) = [entry for entry in entries(client) if entry["id"] == bundle_id]
    assert (entry["signed_by"], len(entry["key_id"])) == ("alice", 16)


@pytest.mark.parametrize("dry_run", [False, True])
def test_unsigned_or_wrongly_signed_bundle_is_neither_taken_nor_activated(client, made, mallory, tmp_path, dry_run):
    (unsigned, content), (wrong, _) = made(1), made(2)
    mallory(tmp_path / "made-2")
    assert code(upload(client, unsigned, content)) == (422, "bundle_not_trusted")
    assert code(upload(client, wrong, archive(tmp_path, 2))) == (422, "bundle_not_trusted")
    assert stored(tmp_path / "store") == []
    # Put into the store by who can write to it, past this service.
    for seed in (1, 2):
        open_store(str(tmp_path / "store")).push(tmp_path / f"made-{seed}")
    for bundle_id in (unsigned, wrong):
        assert code(activate(client, bundle_id, dry_run=dry_run)) == (422, "bundle_not_trusted")
    told = {entry["id"]: (entry["signed_by"], entry["key_id"] is None) for entry in entries(client)}
    assert (told[unsigned], told[wrong]) == ((None, True), (None, False))


def test_bundle_in_the_store_gets_its_signature_by_another_push(client, made, alice, mallory, tmp_path):
    bundle_id, _ = made(1)
    mallory(tmp_path / "made-1")
    open_store(str(tmp_path / "store")).push(tmp_path / "made-1")
    assert code(activate(client, bundle_id)) == (422, "bundle_not_trusted"), "and a copy of it is here now"
    alice(tmp_path / "made-1")
    answer = upload(client, bundle_id, archive(tmp_path, 1))
    assert (answer.status_code, answer.json()["created"]) == (200, False)
    assert activate(client, bundle_id).status_code == 200


def test_start_follows_signed_bundles_from_the_store_and_from_copies(
    signed_only, bundle, backbone_session, made, alice, tmp_path
):
    bundle_id, _ = made(1)
    alice(tmp_path / "made-1")
    with serving(signed_only, bundle, backbone_session) as client:
        upload(client, bundle_id, archive(tmp_path, 1))
        activate(client, bundle_id)
    with serving(signed_only, bundle, backbone_session) as client:
        assert client.get("/readyz").json()["anchor_set_id"] == bundle_id
    (tmp_path / "store").rename(tmp_path / "away")
    with serving(signed_only, bundle, backbone_session) as client:
        assert client.get("/readyz").json()["anchor_set_id"] == bundle_id
    (tmp_path / "cache" / bundle_id / "signature.json").unlink()
    with pytest.raises(BundleNotTrusted), serving(signed_only, bundle, backbone_session):
        pass


def test_start_passes_over_an_activation_that_is_not_signed(
    open_settings, signed_only, bundle, backbone_session, made, tmp_path, caplog
):
    bundle_id, content = made(1)
    with serving(open_settings, bundle, backbone_session) as client:
        upload(client, bundle_id, content)
        activate(client, bundle_id)
    with serving(signed_only, bundle, backbone_session) as client:
        ready = client.get("/readyz").json()
        assert (ready["anchor_set_id"], ready["lagging"]) == (read_bundle_id(bundle), True)
    assert "is not signed" in caplog.text


def test_follower_refuses_what_is_not_signed(client, made, tmp_path):
    bundle_id, _ = made(1)
    store = open_store(str(tmp_path / "store"))
    store.push(tmp_path / "made-1")
    store.append(Activation(generation=1, bundle_id=bundle_id, who="mallory", previous=None))
    client.app_state["service"].follower.look()
    ready = client.get("/readyz").json()
    assert (ready["generation"], ready["lagging"], ready["last_error"]["code"]) == (0, True, "bundle_not_trusted")


def test_start_with_an_unsigned_bundle_of_the_settings_is_refused(signed_only, bundle, backbone_session):
    (bundle / "signature.json").unlink()
    with pytest.raises(BundleNotTrusted, match="IDA_BUNDLE_KEYS"), serving(signed_only, bundle, backbone_session):
        pass


def test_default_bundle_needs_no_signature_wherever_it_lies(signed_only, tmp_path):
    loader = BundleLoader(signed_only, fake_pipeline(signed_only))
    shutil.copytree(DEFAULT_BUNDLE, tmp_path / "copy")
    assert loader.verify(DEFAULT_BUNDLE) is loader.verify(tmp_path / "copy") is None
    manifest = tmp_path / "copy" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    with pytest.raises(BundleNotTrusted):
        loader.verify(tmp_path / "copy")


def test_without_keys_nothing_is_asked_and_signatures_are_kept(
    open_settings, bundle, backbone_session, made, alice, tmp_path
):
    bundle_id, content = made(1)
    with serving(open_settings, bundle, backbone_session) as client:
        assert upload(client, bundle_id, content).status_code == 201
        alice(tmp_path / "made-1")
        assert upload(client, bundle_id, archive(tmp_path, 1)).status_code == 200
        (entry,) = [entry for entry in entries(client) if entry["id"] == bundle_id]
        assert (entry["signed_by"], len(entry["key_id"])) == (None, 16)
    assert open_store(str(tmp_path / "store")).signature(bundle_id) is not None
