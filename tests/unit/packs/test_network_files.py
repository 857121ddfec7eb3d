"""A file that the user gives is a network of the pack where its digest says so, whatever its name."""

import hashlib
from pathlib import Path

import pytest
import tiny_packs

from models.packs.sources.network_files import published_name, tell_apart
from models.tool_errors import PackSourceUnavailable
from service.pack import PackFile, read_manifest


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return tiny_packs.write_pack(tmp_path / "published", pulled=True, onet=b"weights of an onet")


@pytest.fixture
def parts(published: Path) -> list[PackFile]:
    return read_manifest(published).files


def test_networks_are_told_by_their_digest_whatever_their_names(tmp_path: Path, parts: list[PackFile]) -> None:
    renamed = (tmp_path / "published" / "backbone.onnx").rename(tmp_path / "download (1)")
    weights = tmp_path / "w.lz4"
    weights.write_bytes(b"weights of an onet")
    wheel = tiny_packs.write_wheel(tmp_path / "a.whl", {"a": b"a"})
    found = tell_apart([wheel, weights, renamed], parts)
    assert found.networks == {"backbone.onnx": renamed, "landmarks.onnx": weights}
    assert found.packages == [wheel]


def test_name_of_a_converted_network_is_that_of_what_it_is_made_from(parts: list[PackFile]) -> None:
    assert {published_name(part) for part in parts} == {"detector.onnx", "onet.lz4", "backbone.onnx"}


def test_network_that_was_changed_is_refused_with_both_digests(published: Path, parts: list[PackFile]) -> None:
    path = published / "backbone.onnx"
    path.write_bytes(path.read_bytes() + b"x")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(PackSourceUnavailable, match=rf"{digest}.*{parts[-1].sha256}.*Fetch it again"):
        tell_apart([path], parts)


def test_network_of_no_pack_is_refused_and_those_of_the_pack_named(tmp_path: Path, parts: list[PackFile]) -> None:
    (tmp_path / "other.onnx").write_bytes(b"another network")
    with pytest.raises(PackSourceUnavailable) as refusal:
        tell_apart([tmp_path / "other.onnx"], parts)
    assert all(published_name(part) in refusal.value.message for part in parts)
    assert all(part.sha256 in refusal.value.message for part in parts)


def test_pointer_of_git_lfs_is_named_and_says_what_to_run(tmp_path: Path, parts: list[PackFile]) -> None:
    pointer = tmp_path / "backbone.onnx"
    pointer.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{parts[-1].sha256}\nsize 1\n")
    with pytest.raises(PackSourceUnavailable, match="git lfs pull"):
        tell_apart([pointer], parts)


def test_network_given_twice_is_refused(published: Path, parts: list[PackFile]) -> None:
    with pytest.raises(PackSourceUnavailable, match="each once"):
        tell_apart([published / "backbone.onnx", published / "backbone.onnx"], parts)


@pytest.mark.parametrize("name", ["none.onnx", "."])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, parts: list[PackFile], name: str) -> None:
    with pytest.raises(PackSourceUnavailable, match="cannot be read"):
        tell_apart([tmp_path / name], parts)
