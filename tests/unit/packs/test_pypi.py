"""pip is asked for one exact wheel, and only the members that the manifest names come out of it."""

import sys
import venv
from pathlib import Path

import pytest
import tiny_packs

from models.packs.sources import pypi
from models.tool_errors import PackSourceUnavailable
from service.errors import PackInvalid
from service.pack import PackFile, PypiSource, read_manifest

SOURCE = PypiSource(
    registry="pypi", package="tiny-onet", version="4.5.6", file=tiny_packs.WHEEL, sha256="0" * 64, licence="MIT"
)
CONTENT = b"weights " * 1000


@pytest.fixture
def parts(tmp_path: Path) -> list[PackFile]:
    manifest = read_manifest(tiny_packs.write_pack(tmp_path / "published", pulled=True, onet=CONTENT))
    return [part for part in manifest.files if part.source == "onet"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def replace_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(sys, "executable", str(tiny_packs.write_python(tmp_path / "bin", script)))


def test_pip_is_asked_for_the_exact_version_as_a_wheel_alone(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_python(tmp_path, monkeypatch, f'echo "$1 $2 $3 $4 $5 $6 $7" > "$9/{tiny_packs.WHEEL}"')
    asked = "-m pip download --no-deps --no-cache-dir --only-binary=:all: tiny-onet==4.5.6\n"
    assert pypi.fetch_wheel(SOURCE, folder).read_text() == asked


def test_python_without_pip_says_to_install_it_or_use_from(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(PackSourceUnavailable, match=r"pip.* is missing.*-m ensurepip.*--from tiny_onet"):
        pypi.fetch_wheel(SOURCE, folder)


def test_failing_pip_gives_its_own_reason_and_what_to_do(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'echo "WARNING: Retrying" >&2; echo "ERROR: No matching distribution" >&2; exit 1'
    replace_python(tmp_path, monkeypatch, script)
    said = r"exit code 1\): No matching distribution\. Check the network.*pip download .*--from tiny_onet"
    with pytest.raises(PackSourceUnavailable, match=said):
        pypi.fetch_wheel(SOURCE, folder)


def test_pip_that_gives_another_file_is_caught(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_python(tmp_path, monkeypatch, 'echo x > "$9/other.whl"')
    with pytest.raises(PackSourceUnavailable, match=r"left other\.whl where tiny_onet"):
        pypi.fetch_wheel(SOURCE, folder)


def test_python_that_cannot_be_run_is_named(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(PackSourceUnavailable, match="none cannot be run"):
        pypi.fetch_wheel(SOURCE, folder)


def test_named_member_and_no_other_is_extracted(tmp_path: Path, folder: Path, parts: list[PackFile]) -> None:
    members = {tiny_packs.ONET_MEMBER: CONTENT, "../evil": b"x", "tiny_onet/__init__.py": b"raise SystemExit"}
    pypi.extract_wheel(tiny_packs.write_wheel(tmp_path / "t.whl", members), parts, folder)
    assert [path.name for path in folder.iterdir()] == ["landmarks.onnx"]
    assert (folder / "landmarks.onnx").read_bytes() == CONTENT
    assert not (tmp_path / "evil").exists()


def test_missing_member_is_named(tmp_path: Path, folder: Path, parts: list[PackFile]) -> None:
    with pytest.raises(PackInvalid, match=r"t\.whl does not hold tiny_onet/onet\.lz4"):
        pypi.extract_wheel(tiny_packs.write_wheel(tmp_path / "t.whl", {"x": b"x"}), parts, folder)


def test_member_of_another_size_is_not_extracted(tmp_path: Path, folder: Path, parts: list[PackFile]) -> None:
    with pytest.raises(PackInvalid, match="another version"):
        pypi.extract_wheel(
            tiny_packs.write_wheel(tmp_path / "t.whl", {tiny_packs.ONET_MEMBER: CONTENT + b"more"}), parts, folder
        )
    assert list(folder.iterdir()) == []


def cut_short(content: bytes) -> bytes:
    return content[:-30]


def with_damaged_data(content: bytes) -> bytes:
    return content[:70] + bytes(20) + content[90:]


def with_unknown_compression(content: bytes) -> bytes:
    central = content.index(b"PK\x01\x02")
    return content[:8] + b"\x63" + content[9 : central + 10] + b"\x63" + content[central + 11 :]


def encrypted(content: bytes) -> bytes:
    central = content.index(b"PK\x01\x02")
    return content[:6] + b"\x01" + content[7 : central + 8] + b"\x01" + content[central + 9 :]


@pytest.mark.parametrize(
    "damage", [cut_short, with_damaged_data, with_unknown_compression, encrypted, lambda content: b"hello"]
)
def test_damaged_wheel_says_to_fetch_it_again(tmp_path: Path, folder: Path, parts: list[PackFile], damage) -> None:
    path = tiny_packs.write_wheel(tmp_path / "t.whl", {tiny_packs.ONET_MEMBER: CONTENT})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PackSourceUnavailable, match="Fetch it again"):
        pypi.extract_wheel(path, parts, folder)
