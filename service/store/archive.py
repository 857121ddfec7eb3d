"""Bundles as archives: packed for their way to a service, unpacked with distrust."""

import errno
import gzip
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, Any

from service.bundle.bundle_manifest import MANIFEST_NAME, SIGNATURE_NAME
from service.bundle.reader import read_manifest
from service.errors import StorageFull, UploadInvalid, UploadTooLarge
from service.store.layout import new_folder

_CHUNK = 1 << 20
# A bundle has a dozen parts.
_MOST_MEMBERS = 64
_LONGEST_NAME = 100
# Folders among them, which hold nothing themselves.
_MOST_ENTRIES = 256
# What an archive says of one file, or a .zip of all of them: names, times, owners.
_HEADERS = 256 * 1024
_DIRECTORY = 1 << 20
_GZIP = b"\x1f\x8b"


def pack_bundle(folder: Path, archive: Path) -> None:
    """Write the files of a bundle, its signature among them, to a new .tar: the same bytes for the same bundle.

    Raises:
        BundleInvalid: if the folder holds no bundle.
        OSError: if the archive cannot be written.
    """
    names = sorted(part.file for part in read_manifest(folder).parts.values())
    if (folder / SIGNATURE_NAME).is_file():
        names.append(SIGNATURE_NAME)
    with tarfile.open(archive, "x", format=tarfile.USTAR_FORMAT) as tar:
        for name in (MANIFEST_NAME, *names):
            member = tarfile.TarInfo(name)
            member.size = (folder / name).stat().st_size
            member.mode = 0o644
            with (folder / name).open("rb") as file:
                tar.addfile(member, file)


def unpack_bundle(archive: Path, destination: Path, *, max_bytes: int) -> None:
    """Unpack a .tar, a .tar.gz or a .zip of one bundle into a new folder; nothing is left of one that is refused.

    The files may lie in the archive itself or in one folder of it. Links, devices, paths that lead elsewhere, names
    that occur twice and more bytes than the limit are refused; sizes are counted as they are unpacked, whatever the
    archive says of them. No more memory is needed for what an archive says of its files than for those of a bundle.

    Raises:
        UploadInvalid: if it is no such archive.
        UploadTooLarge: if what it holds is larger than the limit.
        StorageFull: if the disk has no room.
    """
    unpacker = _Unpacker(destination, max_bytes)
    try:
        with new_folder(destination):
            if zipfile.is_zipfile(archive):
                _unpack_zip(archive, unpacker)
            else:
                _unpack_tar(archive, unpacker)
            unpacker.finish()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise UploadInvalid(
            "The upload is no .tar, .tar.gz or .zip, or it is damaged or cut short. Send the archive of one bundle, as "
            "`ida-verify anchors push` does."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("The disk has no room to unpack the bundle. Make room, and send it again.") from error
        # What zlib, lzma and gzip raise on damage, too.
        raise UploadInvalid(f"The upload cannot be unpacked ({error.strerror or error}). Send it again.") from error


class _Unpacker:
    """Writes members to a folder, within the limits."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._bytes = 0
        self._names: set[str] = set()
        self._tops: set[str] = set()
        self._entries = 0

    def count(self, name: str) -> None:
        """Take note of an entry of the archive, a file or a folder."""
        self._entries += 1
        if self._entries > _MOST_ENTRIES:
            raise UploadInvalid(f"The archive has more than {_MOST_ENTRIES} entries; a bundle has fewer.")
        if len(name) > _LONGEST_NAME:
            raise UploadInvalid(f"The archive has a name of {len(name)} characters; a bundle has shorter ones.")

    def write(self, name: str, content: "_Content") -> None:
        """Write one file."""
        path = PurePosixPath(name)
        parts = [part for part in path.parts if part != "."]
        if path.is_absolute() or "\\" in name or ".." in parts or not 1 <= len(parts) <= 2:
            raise UploadInvalid(f"The archive names the file {name!r}, which lies outside one folder.")
        if parts[-1] in self._names:
            raise UploadInvalid(f"The archive names the file {parts[-1]!r} twice.")
        if len(self._names) == _MOST_MEMBERS:
            raise UploadInvalid(f"The archive holds more than {_MOST_MEMBERS} files; a bundle has fewer.")
        self._names.add(parts[-1])
        self._tops.add(parts[0] if len(parts) == 2 else "")
        with (self._folder / parts[-1]).open("xb") as file:
            while piece := content.read(_CHUNK):
                self._bytes += len(piece)
                if self._bytes > self._max_bytes:
                    raise UploadTooLarge(
                        f"The bundle is larger than {self._max_bytes} bytes when it is unpacked. Raise "
                        "IDA_MAX_BUNDLE_BYTES, or build a smaller one."
                    )
                file.write(piece)

    def finish(self) -> None:
        """Refuse what cannot be one bundle."""
        if len(self._tops) > 1:
            raise UploadInvalid("The archive has files in several folders: send one bundle, alone.")
        if MANIFEST_NAME not in self._names:
            raise UploadInvalid(f"The archive has no {MANIFEST_NAME}: send the files of one bundle.")


class MeteredStream:
    """A stream from which no more is read than was allowed: headers say themselves how long they are."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._allowed = 0
        self.seek, self.tell = stream.seek, stream.tell

    def allow(self, size: int) -> None:
        """Let so many bytes be read from now on."""
        self._allowed = size

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        found = self._stream.read(min(size, self._allowed + 1) if size >= 0 else self._allowed + 1)
        self._allowed -= len(found)
        if self._allowed < 0:
            raise UploadInvalid("The archive says more of its files than can be said of a bundle's.")
        return found

    def seekable(self) -> bool:
        """Say that it can be gone back in."""
        return True


class _Content:
    """The content of one file of an archive, read piece by piece from what is metered."""

    def __init__(self, content: IO[bytes], metered: MeteredStream) -> None:
        self._content, self._metered = content, metered

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        # What is compressed badly is longer than what it holds, and readers read ahead.
        self._metered.allow(4 * size)
        return self._content.read(size)


def _unpack_tar(archive: Path, unpacker: _Unpacker) -> None:
    with archive.open("rb") as file:
        is_compressed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        stream: Any = gzip.GzipFile(fileobj=file) if is_compressed else file
        metered = MeteredStream(stream)
        metered.allow(_HEADERS)
        with tarfile.open(fileobj=metered, mode="r:") as tar:  # type: ignore[call-overload]
            while (member := tar.next()) is not None:
                unpacker.count(member.name)
                content = tar.extractfile(member) if member.isreg() and not member.issparse() else None
                if content is not None:
                    with content:
                        unpacker.write(member.name, _Content(content, metered))
                elif not member.isdir():
                    raise UploadInvalid(f"The archive holds {member.name!r}, which is no plain file.")
                metered.allow(_HEADERS)


def _unpack_zip(archive: Path, unpacker: _Unpacker) -> None:
    with archive.open("rb") as file:
        metered = MeteredStream(file)
        metered.allow(_DIRECTORY)
        with zipfile.ZipFile(metered) as found:
            for member in found.infolist():
                unpacker.count(member.filename)
                if member.is_dir():
                    continue
                kind = member.external_attr >> 28
                if kind not in (0, 8):  # of Unix's file types, 8 is a plain file; 0 is an archive made elsewhere
                    raise UploadInvalid(f"The archive holds {member.filename!r}, which is no plain file.")
                metered.allow(_HEADERS)
                with found.open(member) as content:
                    unpacker.write(member.filename, _Content(content, metered))
