"""Local copies of bundles: made once, remembered, and kept while another process may need them."""

import os
import time

import pytest
from small_bundles import small_bundle

from service.errors import LocalCopyUnusable
from service.store.bundle_store import open_store
from service.store.local_copies import LastGood, LocalCopies


@pytest.fixture
def store(tmp_path):
    found = open_store(str(tmp_path / "store"))
    for seed in (1, 2):
        small_bundle(tmp_path / f"b{seed}", seed=seed)
        found.push(tmp_path / f"b{seed}")
    return found


@pytest.fixture
def copies(tmp_path):
    return LocalCopies(tmp_path / "cache")


def last(store, bundle_id):
    return LastGood(bundle_id=bundle_id, generation=3, store_id=store.store_id(), store=store.url)


def test_copy_is_made_once_and_used_without_the_store_afterwards(store, copies, tmp_path):
    bundle_id = store.bundle_ids()[0]
    folder = copies.folder_of(bundle_id, store)
    (tmp_path / "store").rename(tmp_path / "away")
    assert copies.folder_of(bundle_id, store) == folder
    assert copies.held(bundle_id) == folder


def test_copy_that_was_cut_short_is_made_anew(store, copies, tmp_path):
    bundle_id = store.bundle_ids()[0]
    (tmp_path / "cache" / f"{bundle_id}.new").mkdir(parents=True)
    (tmp_path / "cache" / f"{bundle_id}.new" / "half").touch()
    assert not (copies.folder_of(bundle_id, store) / "half").exists()


def test_dropped_copy_is_fetched_again(store, copies):
    bundle_id = store.bundle_ids()[0]
    (copies.folder_of(bundle_id, store) / "embeddings.npy").write_bytes(b"spoilt")
    copies.drop(bundle_id)
    assert copies.held(bundle_id) is None
    assert (copies.folder_of(bundle_id, store) / "embeddings.npy").stat().st_size > 100


def test_what_was_served_last_is_remembered_whether_its_copy_is_there_or_not(store, copies):
    bundle_id = store.bundle_ids()[0]
    assert copies.remembered() is None
    copies.folder_of(bundle_id, store)
    copies.remember(last(store, bundle_id))
    assert copies.remembered() == last(store, bundle_id)
    copies.drop(bundle_id)
    assert copies.held(bundle_id) is None
    assert copies.remembered() == last(store, bundle_id)


def test_note_that_cannot_be_read_is_passed_over(copies, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "last-good.json").write_text("{")
    assert copies.remembered() is None


def test_old_copies_go_and_those_in_use_or_fresh_stay(store, copies):
    one, other = store.bundle_ids()
    copies.folder_of(one, store), copies.folder_of(other, store)
    copies.prune({one})
    assert copies.held(other) is not None, "another process may be loading it"
    for bundle_id in (one, other):
        os.utime(copies.held(bundle_id), (time.time() - 3600,) * 2)
    copies.prune({one})
    assert copies.held(one) is not None
    assert copies.held(other) is None


def test_folder_that_cannot_be_made_says_what_to_set(store, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LocalCopyUnusable, match="IDA_CACHE"):
        LocalCopies(tmp_path / "file" / "cache").folder_of(store.bundle_ids()[0], store)
