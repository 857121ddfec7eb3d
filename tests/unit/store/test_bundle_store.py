"""The store on a folder: what was written once stays, what was cut short is not there, who comes second is told."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from small_bundles import small_bundle

from service.errors import (
    ActivationInvalid,
    BundleInvalid,
    BundleUnknown,
    StaleGeneration,
    StoreInvalid,
    StoreUnavailable,
)
from service.store.bundle_store import open_store
from service.store.records import Activation, ReplicaReport, now

UNKNOWN = "0" * 16


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(folder):
    return open_store(str(folder))


@pytest.fixture
def bundle(tmp_path):
    return small_bundle(tmp_path / "bundle"), tmp_path / "bundle"


def record(generation, bundle_id=UNKNOWN, **more):
    return Activation(generation=generation, bundle_id=bundle_id, who="a", previous=None, **more)


def report(name="a", **more):
    facts = {"started": now(), "version": "1", "backbone_id": "b", "bundle_id": UNKNOWN, "generation": 0}
    return ReplicaReport(replica=name, **{**facts, "lagging": False, "store_id": None, "watch_interval": 5, **more})


def test_store_that_was_never_written_to_is_empty_and_reading_makes_nothing(store, folder):
    assert store.store_id() is None
    assert store.bundle_ids() == ()
    assert store.newest_generation() == 0
    assert store.activations() == ()
    assert store.reports() == ()
    assert not folder.exists()


def test_pushed_bundle_is_fetched_as_it_was(store, bundle, tmp_path):
    bundle_id, source = bundle

    assert store.push(source) is True
    store.fetch(bundle_id, tmp_path / "copy")

    assert store.bundle_ids() == (bundle_id,)
    files = {path.name: path.read_bytes() for path in source.iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()} == files
    assert store.manifest(bundle_id).count == 40
    assert abs((now() - store.pushed_at(bundle_id)).total_seconds()) < 60


def test_same_bundle_again_changes_nothing(store, bundle):
    store.push(bundle[1])
    assert store.push(bundle[1]) is False


def test_push_that_was_cut_short_is_not_there_and_is_completed_by_another(store, bundle, folder):
    bundle_id, source = bundle
    store.push(source)
    (folder / "bundles" / bundle_id / "manifest.json").unlink()
    (folder / "bundles" / bundle_id / "embeddings.npy").write_bytes(b"half")

    assert store.bundle_ids() == ()
    with pytest.raises(BundleUnknown):
        store.pushed_at(bundle_id)

    assert store.push(source) is True
    assert store.bundle_ids() == (bundle_id,)


def test_folder_whose_part_is_spoilt_is_not_pushed(store, bundle):
    (bundle[1] / "embeddings.npy").write_bytes(b"spoilt")
    with pytest.raises(BundleInvalid, match=r"embeddings\.npy is missing, or not what"):
        store.push(bundle[1])
    assert store.bundle_ids() == ()


def spoil_file(path, how):
    content = path.read_bytes()
    if how == "remove":
        path.unlink()
    else:
        path.write_bytes({"change": content[:-1] + b"?", "cut": content[:-1], "lengthen": content + b"?"}[how])


@pytest.mark.parametrize("how", ["change", "cut", "lengthen", "remove"])
def test_what_is_damaged_is_put_right_and_what_is_sound_is_not_touched(store, bundle, folder, tmp_path, how):
    bundle_id, source = bundle
    store.push(source)
    assert (store.damage(bundle_id), store.mend(source)) == ((), ())
    spoil_file(folder / "bundles" / bundle_id / "embeddings.npy", how)
    sound = {path: path.stat().st_ino for path in (folder / "bundles" / bundle_id).iterdir()}
    sound.pop(folder / "bundles" / bundle_id / "embeddings.npy", None)

    assert store.damage(bundle_id) == ("embeddings.npy",)
    assert store.mend(source) == ("embeddings.npy",)

    assert store.damage(bundle_id) == ()
    store.fetch(bundle_id, tmp_path / "copy")
    assert {path: path.stat().st_ino for path in sound} == sound


def test_damaged_manifest_is_put_right(store, bundle, folder):
    bundle_id, source = bundle
    store.push(source)
    (folder / "bundles" / bundle_id / "manifest.json").write_bytes(b"{")
    assert store.damage(bundle_id) == ("manifest.json",)
    assert store.mend(source) == ("manifest.json",)
    assert store.manifest(bundle_id).count == 40


def test_damaged_bundle_mends_nothing(store, bundle, folder):
    bundle_id, source = bundle
    store.push(source)
    for place in (folder / "bundles" / bundle_id, source):
        (place / "embeddings.npy").write_bytes(b"spoilt")
    with pytest.raises(BundleInvalid, match=r"embeddings\.npy is missing, or not what"):
        store.mend(source)


@pytest.mark.parametrize("spoil", ["change", "cut", "lengthen", "remove"])
def test_spoilt_part_is_not_fetched_and_nothing_is_left(store, bundle, folder, tmp_path, spoil):
    bundle_id, source = bundle
    store.push(source)
    spoil_file(folder / "bundles" / bundle_id / "embeddings.npy", spoil)

    with pytest.raises(BundleInvalid, match="push it again"):
        store.fetch(bundle_id, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_manifest_under_another_bundles_id_is_refused(store, bundle, folder):
    store.push(bundle[1])
    shutil.copytree(folder / "bundles" / bundle[0], folder / "bundles" / UNKNOWN)
    with pytest.raises(BundleInvalid, match="not the one that its id stands for"):
        store.manifest(UNKNOWN)


@pytest.mark.parametrize("name", [UNKNOWN, "../store", "", "X" * 16])
def test_bundle_that_is_not_there_is_unknown(store, bundle, name):
    store.push(bundle[1])
    for ask in (store.manifest, store.pushed_at, store.delete):
        with pytest.raises(BundleUnknown):
            ask(name)


def test_deleted_bundle_is_gone_and_can_come_back(store, bundle, folder):
    store.push(bundle[1])
    store.delete(bundle[0])
    assert store.bundle_ids() == ()
    assert not list((folder / "bundles").rglob("*.npy"))
    assert store.push(bundle[1]) is True


def test_generation_is_written_once(store):
    store.append(record(1))
    with pytest.raises(StaleGeneration, match="Generation 1 was activated by another"):
        store.append(record(1))
    store.append(record(2))
    assert [found.generation for found in store.activations()] == [2, 1]
    assert store.newest_generation() == 2
    assert store.activation(3) is None


@pytest.mark.slow
def test_of_many_who_write_one_generation_one_wins(folder):
    def attempt(number):
        try:
            open_store(str(folder)).append(record(1, nonce=str(number)))
        except StaleGeneration:
            return None
        return str(number)

    with ThreadPoolExecutor(16) as pool:
        winners = [found for found in pool.map(attempt, range(64)) if found is not None]

    assert winners == [open_store(str(folder)).activation(1).nonce]


def test_record_that_was_written_although_its_answer_got_lost_counts_as_written(store):
    sent = record(1)
    store.append(sent)
    store.append(sent)
    assert store.activation(1) == sent


def test_generations_are_ordered_by_number_not_by_name(store):
    for generation in range(1, 12):
        store.append(record(generation))
    assert store.newest_generation() == 11
    assert [found.generation for found in store.activations(3)] == [11, 10, 9]


@pytest.mark.parametrize("content", [b"", b"{", b'{"generation": 7}', b"\xff"])
def test_record_that_cannot_be_read_is_told_apart_from_none(store, folder, content):
    store.append(record(1))
    (folder / "activations" / "2.json").write_bytes(content)
    with pytest.raises(ActivationInvalid, match="generation 2"):
        store.activation(2)
    assert store.newest_generation() == 2
    assert [found.generation for found in store.activations()] == [1]


def test_files_of_other_names_are_no_generations(store, folder):
    store.append(record(1))
    for name in ("x.json", "02.json", "3.json.tmp", "-1.json"):
        (folder / "activations" / name).write_bytes(b"{}")
    assert store.newest_generation() == 1


def test_replicas_are_reported_until_they_are_forgotten(store, folder):
    store.report(report("a"))
    store.report(report("b", generation=1))
    store.report(report("b", generation=2))
    (folder / "replicas" / "c.json").write_bytes(b"?")
    assert [(found.replica, found.generation) for found in store.reports()] == [("a", 0), ("b", 2)]
    store.forget("a")
    store.forget("a")
    assert [found.replica for found in store.reports()] == ["b"]


def test_folder_that_vanishes_is_an_absent_store_not_an_empty_one(store, folder, bundle):
    store.push(bundle[1])
    assert store.store_id()
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(StoreUnavailable, match=r"its id was \w+ and is gone"):
        store.store_id()
    with pytest.raises(StoreUnavailable):
        store.append(record(1))
    assert not folder.exists()
    folder.with_name("elsewhere").rename(folder)
    assert store.bundle_ids() == (bundle[0],)


def test_another_store_in_its_place_is_not_taken_for_it(store, folder, bundle):
    store.push(bundle[1])
    store.store_id()
    shutil.rmtree(folder)
    open_store(str(folder)).push(bundle[1])
    with pytest.raises(StoreUnavailable, match="not the one that was there"):
        store.store_id()


def test_folder_of_something_else_is_no_store(store, folder):
    folder.mkdir()
    (folder / "store.json").write_text('{"format": 9}')
    with pytest.raises(StoreInvalid):
        store.store_id()


def test_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreInvalid, match="no folder"):
        open_store(str(tmp_path / "file"))


def test_url_of_a_kind_that_is_not_known_is_refused():
    with pytest.raises(StoreInvalid, match="s3://"):
        open_store("ftp://host/path")
