"""The ZIP of an insightface pack, unpacked with distrust: its networks and what it says of them, nothing else."""

import errno
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from models.packs.own.network_facts import NETWORK_BYTES
from models.tool_errors import PackStoreUnusable
from service.errors import PackInvalid, UploadInvalid
from service.store.archive import MeteredStream

# The largest pack of insightface unpacks to 407 MB, in five files of one folder.
_MOST_BYTES = 2 * NETWORK_BYTES
_MOST_ENTRIES = 200
_LONGEST_NAME = 255
_DEEPEST = 6
_DIRECTORY = 1 << 20
_CHUNK = 1 << 20
_DOCUMENTS = frozenset({"manifest.json", "model.license"})
_DOCUMENT_BYTES = 1 << 20


def unpack_networks(archive: Path, folder: Path) -> None:
    """Unpack the networks of a ZIP, and its manifest and licence if it has them, into an empty folder.

    All entries are looked at before one is written: links, absolute paths, paths that lead elsewhere, names that occur
    twice, too many of them and more bytes than networks have are refused; sizes are counted as they are unpacked.

    Raises:
        PackInvalid: if it is no ZIP, a damaged one, or one that holds what it must not.
        PackStoreUnusable: if the disk has no room.
    """
    try:
        with archive.open("rb") as file:
            metered = MeteredStream(file)
            metered.allow(_DIRECTORY)
            with zipfile.ZipFile(metered) as found:
                wanted = _checked(found.infolist(), archive.name)
                for entry, path in wanted:
                    target = folder.joinpath(*path.parts)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    metered.allow(_DIRECTORY)
                    with found.open(entry) as content, target.open("xb") as unpacked:
                        left = entry.file_size
                        while piece := _piece(content, metered):
                            left -= len(piece)
                            if left < 0:
                                raise PackInvalid(f"{archive.name} says {entry.filename} is smaller than it is.")
                            unpacked.write(piece)
    except UploadInvalid as error:
        raise PackInvalid(f"{archive.name} says more of its files than can be said of a pack's.") from error
    # zipfile answers an encrypted entry with RuntimeError, an unknown compression with NotImplementedError.
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, ValueError) as error:
        raise PackInvalid(f"{archive} is no ZIP, or a damaged or an encrypted one. Fetch it again.") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise PackStoreUnusable(f"There is no space left to unpack {archive.name}: free about 1 GB.") from error
        raise PackInvalid(f"{archive} cannot be unpacked: {error.strerror or error}.") from error


def pack_root(folder: Path) -> Path:
    """Return the folder in which a pack's networks lie: this one, or one inside, as in ``antelopev2/antelopev2``.

    Raises:
        PackInvalid: if there are no networks, or those of several packs.
    """
    level = [folder]
    for _ in range(_DEEPEST):
        holding = [found for found in level if any(found.glob("*.onnx")) or (found / "manifest.json").is_file()]
        if len(holding) == 1:
            return holding[0]
        if holding:
            raise PackInvalid(
                f"{folder} holds several packs: {', '.join(sorted(found.name for found in holding))}. Name one of them."
            )
        level = [inner for found in level for inner in sorted(found.iterdir()) if _is_shown(inner)][:_MOST_ENTRIES]
    raise PackInvalid(f"{folder} holds no networks (*.onnx).")


def _is_shown(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not path.name.startswith((".", "__MACOSX"))


def _checked(entries: list[zipfile.ZipInfo], name: str) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    if len(entries) > _MOST_ENTRIES:
        raise PackInvalid(f"{name} has {len(entries):,} entries; a pack has a dozen, and at most {_MOST_ENTRIES} pass.")
    wanted, seen, total = [], set(), 0
    for entry in entries:
        path = PurePosixPath(entry.filename)
        told = entry.filename[:_LONGEST_NAME]
        if len(entry.filename) > _LONGEST_NAME or len(path.parts) > _DEEPEST:
            raise PackInvalid(f"{name} has an entry of a longer or deeper name than files have: {told!r}.")
        if path.is_absolute() or ".." in path.parts or any(mark in entry.filename for mark in "\\:\0"):
            raise PackInvalid(f"{name} names the file {told!r}, which lies outside it.")
        # Of Unix's file types; 0 is an archive made elsewhere.
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise PackInvalid(f"{name} holds {told!r}, which is no plain file.")
        if entry.is_dir() or not _is_wanted(path):
            continue
        key = str(path).casefold()
        if key in seen:
            raise PackInvalid(f"{name} names the file {told!r} twice.")
        seen.add(key)
        most = _DOCUMENT_BYTES if path.name.lower() in _DOCUMENTS else NETWORK_BYTES
        total += entry.file_size
        if entry.file_size > most or total > _MOST_BYTES:
            raise PackInvalid(f"{name} holds {told!r} of {entry.file_size:,} bytes, which is more than a pack has.")
        wanted.append((entry, path))
    return wanted


def _is_wanted(path: PurePosixPath) -> bool:
    # A Mac puts a shadow of every file beside it.
    if path.name.startswith("._") or "__MACOSX" in path.parts:
        return False
    return path.suffix == ".onnx" or path.name.lower() in _DOCUMENTS


def _piece(content: IO[bytes], metered: MeteredStream) -> bytes:
    # What is compressed badly is longer than what it holds, and readers read ahead.
    metered.allow(4 * _CHUNK)
    return content.read(_CHUNK)
