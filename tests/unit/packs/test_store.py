"""Packs are in their place whole or not at all, whatever ends the process that installs them."""

import errno
from pathlib import Path

import pytest

from models.packs.store import PackStore, storage_errors
from models.tool_errors import PackStoreBusy, PackStoreUnusable
from service.errors import PackNotFound


@pytest.fixture
def store(tmp_path: Path) -> PackStore:
    return PackStore(tmp_path / "home")


def install(store: PackStore, content: str) -> None:
    with store.changing(), store.staging() as staging:
        built = staging / "pack"
        built.mkdir()
        (built / "a").write_text(content)
        store.publish(built, "tiny")


def fail_half_way(store: PackStore, failure: BaseException) -> None:
    with store.changing(), store.staging() as staging:
        (staging / "half").write_text("half")
        raise failure


def visible(store: PackStore) -> list[str]:
    return sorted(path.name for path in store.root.iterdir() if path.name != ".lock")


def test_published_pack_is_all_that_is_left(store: PackStore) -> None:
    install(store, "one")
    assert (store.folder("tiny") / "a").read_text() == "one"
    assert visible(store) == store.names() == ["tiny"]


def test_publishing_again_replaces_the_pack(store: PackStore) -> None:
    install(store, "one")
    install(store, "two")
    assert (store.folder("tiny") / "a").read_text() == "two"
    assert visible(store) == ["tiny"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_interruption_leaves_nothing(store: PackStore, failure: type[BaseException]) -> None:
    with pytest.raises(failure):
        fail_half_way(store, failure())
    assert visible(store) == []


def test_leftovers_of_a_dead_process_are_cleared(store: PackStore) -> None:
    install(store, "one")
    (store.root / ".staging-dead" / "source").mkdir(parents=True)
    (store.root / ".replaced-tiny").mkdir()
    with store.changing():
        assert visible(store) == ["tiny"]


def test_pack_set_aside_by_a_dead_process_is_put_back(store: PackStore) -> None:
    install(store, "one")
    store.folder("tiny").rename(store.root / ".replaced-tiny")
    with store.changing():
        assert (store.folder("tiny") / "a").read_text() == "one"
    assert visible(store) == ["tiny"]


def test_two_at_once_are_refused_with_what_to_do(store: PackStore) -> None:
    with store.changing(), pytest.raises(PackStoreBusy, match="Wait"), PackStore(store.home).changing():
        pass


def test_lock_is_free_again_after_a_failure(store: PackStore) -> None:
    with pytest.raises(ValueError, match="x"), store.changing():
        raise ValueError("x")
    install(store, "one")
    assert store.names() == ["tiny"]


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "no space left"), (errno.EACCES, "may not be written"), (errno.EIO, "IDA_HOME")],
)
def test_storage_failure_says_what_to_do(store: PackStore, number: int, said: str) -> None:
    with pytest.raises(PackStoreUnusable, match=said), storage_errors(store.root):
        raise OSError(number, "it failed")


def test_full_disk_while_building_leaves_nothing_and_says_so(store: PackStore) -> None:
    with pytest.raises(PackStoreUnusable, match="no space left"):
        fail_half_way(store, OSError(errno.ENOSPC, "No space left on device"))
    assert visible(store) == []


def test_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(PackStoreUnusable, match="IDA_HOME"), PackStore(tmp_path / "home").changing():
        pass


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", "A", ".hidden"])
def test_name_that_would_leave_the_folder_is_refused(store: PackStore, name: str) -> None:
    with pytest.raises(PackNotFound):
        store.folder(name)
