"""Where the tools keep embeddings of pictures, and how they are deleted: they are of real people."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from models.tool_errors import CacheUnusable
from service.settings import Settings

CACHE_FILE = "embeddings.sqlite3"
_FOLDER = "embeddings"
# SQLite's own files beside a database.
_BESIDE = ("", "-journal", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class CacheFile:
    """A file of kept embeddings.

    Attributes:
        path: where it is.
        bytes: its size.
        entries: pictures that it knows; None where it is no readable database.
    """

    path: Path
    bytes: int
    entries: int | None


def cache_folder(settings: Settings) -> Path:
    """Return the folder of the embeddings, one of its own below the folder that the settings name."""
    return settings.cache_folder / _FOLDER


def former_files(settings: Settings) -> list[Path]:
    """Return where earlier versions kept them, for everybody to read."""
    return list(dict.fromkeys((settings.home / "cache" / CACHE_FILE, settings.cache_folder / CACHE_FILE)))


def adopt_former(settings: Settings) -> None:
    """Move what an earlier version kept to where it is kept now, or delete it where that is not possible.

    Raises:
        CacheUnusable: if it can neither be moved nor deleted.
    """
    place = cache_folder(settings) / CACHE_FILE
    for former in former_files(settings):
        try:
            if former.is_file() and not place.exists():
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                former.chmod(0o600)
                former.replace(place)
        except OSError:
            # Another disk: what it holds can be made again.
            pass
        _delete(former)


def cache_files(settings: Settings) -> list[CacheFile]:
    """Return the files there are."""
    return [
        CacheFile(path, path.stat().st_size, _entries(path) if path.name == CACHE_FILE else None)
        for base in (cache_folder(settings) / CACHE_FILE, *former_files(settings))
        for path in _with_beside(base)
        if path.is_file()
    ]


def delete_cache(settings: Settings) -> list[CacheFile]:
    """Delete all kept embeddings, and return the files that were.

    Raises:
        CacheUnusable: if one cannot be deleted.
    """
    found = cache_files(settings)
    for file in found:
        _delete(file.path)
    return found


def _delete(path: Path) -> None:
    for each in _with_beside(path):
        try:
            each.unlink(missing_ok=True)
        except OSError as error:
            raise CacheUnusable(f"The embeddings in {each} cannot be deleted ({error.strerror}).") from error


def _with_beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in _BESIDE]


def _entries(path: Path) -> int | None:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM embeddings").fetchone()[0])
    except sqlite3.Error:
        return None
