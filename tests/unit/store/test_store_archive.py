"""Archives of bundles: what comes out is what went in, and nothing else gets out of an archive."""

import gzip
import io
import tarfile
import tracemalloc
import zipfile

import pytest
from small_bundles import small_bundle

from service.errors import UploadInvalid, UploadTooLarge
from service.store.archive import pack_bundle, unpack_bundle

LIMIT = 1 << 20


@pytest.fixture
def bundle(tmp_path):
    small_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def tar_of(path, members, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as found:
        for name, content in members:
            found.writestr(name, content)


def test_packed_bundle_is_unpacked_as_it_was_and_packed_the_same_again(bundle, archive, out, tmp_path):
    pack_bundle(bundle, archive)
    unpack_bundle(archive, out, max_bytes=LIMIT)
    pack_bundle(out, tmp_path / "again")
    assert contents(out) == contents(bundle)
    assert (tmp_path / "again").read_bytes() == archive.read_bytes()


@pytest.mark.parametrize("prefix", ["", "./", "my-bundle/", "./my-bundle/"])
@pytest.mark.parametrize("make", [tar_of, lambda path, members: tar_of(path, members, "w:gz"), zip_of])
def test_bundle_may_lie_in_the_archive_or_in_one_folder_of_it(bundle, archive, out, prefix, make):
    make(archive, [(prefix + name, content) for name, content in contents(bundle).items()])
    unpack_bundle(archive, out, max_bytes=LIMIT)
    assert contents(out) == contents(bundle)


@pytest.mark.parametrize("make", [tar_of, zip_of])
@pytest.mark.parametrize(
    "names",
    [
        ["../manifest.json"],
        ["/manifest.json"],
        ["a/../../manifest.json"],
        ["a/b/manifest.json"],
        ["..\\manifest.json"],
        ["manifest.json", "manifest.json"],
        ["manifest.json", "a/other"],
        ["a/manifest.json", "b/other"],
        ["other"],
        ["x" * 101],
        [f"{number}" for number in range(65)],
        [],
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archive_that_holds_no_one_bundle_is_refused_and_writes_nothing(archive, out, tmp_path, make, names):
    make(archive, [(name, b"{}") for name in names])
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UploadInvalid):
        unpack_bundle(archive, out, max_bytes=LIMIT)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(archive, out, kind):
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("manifest.json")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(UploadInvalid, match="no plain file"):
        unpack_bundle(archive, out, max_bytes=LIMIT)
    assert not out.exists()


def test_link_in_a_zip_is_refused(archive, out):
    with zipfile.ZipFile(archive, "w") as found:
        member = zipfile.ZipInfo("manifest.json")
        member.external_attr = 0o120777 << 16
        found.writestr(member, "/etc/passwd")
    with pytest.raises(UploadInvalid, match="no plain file"):
        unpack_bundle(archive, out, max_bytes=LIMIT)


@pytest.mark.parametrize("make", [lambda path, members: tar_of(path, members, "w:gz"), zip_of])
def test_bomb_is_stopped_at_the_limit(archive, out, make):
    make(archive, [("manifest.json", b"{}"), ("zeros", bytes(3 * LIMIT))])
    assert archive.stat().st_size < LIMIT
    with pytest.raises(UploadTooLarge, match="IDA_MAX_BUNDLE_BYTES"):
        unpack_bundle(archive, out, max_bytes=LIMIT)
    assert not out.exists()


def test_limit_counts_all_files_together(archive, out):
    tar_of(archive, [("manifest.json", b"{}"), ("a", bytes(600_000)), ("b", bytes(600_000))])
    with pytest.raises(UploadTooLarge):
        unpack_bundle(archive, out, max_bytes=LIMIT)


@pytest.mark.parametrize(
    "content", [b"", b"not an archive", gzip.compress(b"neither", mtime=0), b"PK\x03\x04 broken", bytes(9000)]
)
def test_what_is_no_archive_is_refused(archive, out, content):
    archive.write_bytes(content)
    with pytest.raises(UploadInvalid):
        unpack_bundle(archive, out, max_bytes=LIMIT)
    assert not out.exists()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_archive_that_is_cut_short_is_refused(bundle, archive, out, mode):
    tar_of(archive, contents(bundle).items(), mode)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 3])
    with pytest.raises(UploadInvalid):
        unpack_bundle(archive, out, max_bytes=LIMIT)
    assert not out.exists()


def peak_of(archive, out):
    """Return how many bytes were held at most while an archive was refused."""
    tracemalloc.start()
    try:
        with pytest.raises(UploadInvalid):
            unpack_bundle(archive, out, max_bytes=LIMIT)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_folders_without_end_are_refused(archive, out):
    with tarfile.open(archive, "w:gz") as tar:
        for number in range(300):
            member = tarfile.TarInfo(f"d{number}")
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
    with pytest.raises(UploadInvalid, match="more than 256 entries"):
        unpack_bundle(archive, out, max_bytes=LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_header_of_many_megabytes_is_refused_unread(archive, out, kind):
    member = tarfile.TarInfo("header")
    member.type, member.size = kind, 64 * LIMIT
    with gzip.open(archive, "wb", compresslevel=1) as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(member.size))
    assert peak_of(archive, out) < 2 * LIMIT


@pytest.mark.slow
def test_zip_of_a_hundred_thousand_entries_is_refused_by_its_directory(archive, out):
    zip_of(archive, [(f"{number:06}", b"") for number in range(100_000)])
    assert peak_of(archive, out) < 4 * LIMIT


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_names_without_end_are_refused(archive, out, make):
    make(archive, [("x" * 60_000, b"")])
    with pytest.raises(UploadInvalid, match="60000 characters"):
        unpack_bundle(archive, out, max_bytes=LIMIT)
