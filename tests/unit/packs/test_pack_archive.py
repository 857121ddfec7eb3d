"""ZIPs of packs: only networks come out, into their folder alone, and no more than networks have."""

import stat
import warnings
import zipfile

import pytest
from insightface_packs import networks, write_zip

from models.packs.own import pack_archive
from models.packs.own.pack_archive import pack_root, unpack_networks
from service.errors import PackInvalid


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "unpacked").mkdir()
    return tmp_path / "unpacked"


def zipped(path, *entries):
    """Write a ZIP of entries, each a name or a ZipInfo."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for entry in entries:
            archive.writestr(entry, b"content" * 100)
    return path


def unpacked(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("inside", ["", "antelopev2/", "models/antelopev2/"])
def test_networks_come_out_wherever_the_zip_has_them(tmp_path, folder, inside):
    unpack_networks(write_zip(tmp_path / "pack.zip", networks("antelopev2"), inside=inside), folder)
    assert pack_root(folder) == (folder / inside if inside else folder)
    assert len(unpacked(folder)) == 5


def test_what_is_no_network_stays_inside(tmp_path, folder):
    names = ("a.onnx", "README.md", "run.sh", "__MACOSX/._a.onnx", "._b.onnx", "manifest.json", "MODEL.LICENSE")
    unpack_networks(zipped(tmp_path / "pack.zip", *names), folder)
    assert unpacked(folder) == ["MODEL.LICENSE", "a.onnx", "manifest.json"]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (["../a.onnx"], "lies outside"),
        (["/etc/a.onnx"], "lies outside"),
        (["x/../../a.onnx"], "lies outside"),
        (["C:\\a.onnx"], "lies outside"),
        (["a.onnx", "A.onnx"], "twice"),
        (["/".join("abcdefg") + ".onnx"], "longer or deeper"),
        (["a" * 300 + ".onnx"], "longer or deeper"),
        ([f"{number}.txt" for number in range(200)], "201 entries"),
    ],
)
def test_entries_that_lead_elsewhere_or_are_too_many_are_refused_before_one_is_written(
    tmp_path, folder, entries, words
):
    with pytest.raises(PackInvalid, match=words):
        unpack_networks(zipped(tmp_path / "pack.zip", "good.onnx", *entries), folder)
    assert unpacked(tmp_path) == ["pack.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path, folder, kind):
    entry = zipfile.ZipInfo("a.onnx")
    entry.external_attr = (kind | 0o777) << 16
    with pytest.raises(PackInvalid, match="no plain file"):
        unpack_networks(zipped(tmp_path / "pack.zip", entry), folder)


def test_bomb_is_refused_by_its_size(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(pack_archive, "NETWORK_BYTES", 500)
    with pytest.raises(PackInvalid, match="700 bytes, which is more than a pack has"):
        unpack_networks(zipped(tmp_path / "pack.zip", "a.onnx"), folder)


def test_file_that_is_longer_than_the_zip_says_is_refused(tmp_path, folder):
    path = zipped(tmp_path / "pack.zip", "a.onnx")
    content = path.read_bytes()
    path.write_bytes(content.replace((700).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(PackInvalid):
        unpack_networks(path, folder)


@pytest.mark.slow
def test_directory_of_more_than_packs_have_is_not_read(tmp_path, folder):
    path = zipped(tmp_path / "pack.zip", *(f"{'x' * 240}{number}" for number in range(4_000)))
    with pytest.raises(PackInvalid, match="says more of its files"):
        unpack_networks(path, folder)


def test_what_is_no_zip_and_one_cut_short_are_told(tmp_path, folder):
    (tmp_path / "pack.zip").write_bytes(b"no zip")
    with pytest.raises(PackInvalid, match="no ZIP, or a damaged"):
        unpack_networks(tmp_path / "pack.zip", folder)
    whole = zipped(tmp_path / "whole.zip", "a.onnx").read_bytes()
    (tmp_path / "pack.zip").write_bytes(whole[:-30])
    with pytest.raises(PackInvalid, match="no ZIP, or a damaged"):
        unpack_networks(tmp_path / "pack.zip", folder)


def test_folder_without_networks_and_one_of_several_packs_are_told(folder):
    with pytest.raises(PackInvalid, match="holds no networks"):
        pack_root(folder)
    for name in ("one", "other"):
        (folder / name).mkdir()
        (folder / name / "a.onnx").touch()
    with pytest.raises(PackInvalid, match="several packs: one, other"):
        pack_root(folder)
