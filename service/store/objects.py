"""Objects by name, on a folder or in an object store, with failures that say what to do."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, from_url

from service.errors import StorageFull, StoreInvalid, StoreUnavailable

# A store that is away must be found out before a caller gives up; its own retries would go on for minutes.
_CLIENT: Any = {"timeout": "4s", "connect_timeout": "2s", "allow_http": True}
# A part of a bundle may have a gigabyte.
_BULK_CLIENT: Any = {**_CLIENT, "timeout": "900s"}
_RETRY: Any = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=4),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
}
_CHUNK = 1 << 20
_SCHEMES = ("s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "https", "http")


class ObjectExists(Exception):
    """An object of this name is there already."""


class Objects:
    """Named objects. Safe to use from several threads.

    Every method raises ``StoreUnavailable`` where the store cannot be reached or refuses, and those that write raise
    ``StorageFull`` where there is no room.
    """

    def __init__(self, url: str, store: Any = None, bulk: Any = None, folder: Path | None = None) -> None:
        """Take a store of obstore's, or a folder that may not be there yet.

        Args:
            url: what people know it by.
            store: the object store, for what is small.
            bulk: the same one, for what takes long to send.
            folder: the folder, in the store's place; made by the first write.
        """
        self.url = url
        self._store = store
        self._bulk = bulk
        self._folder = folder

    def get(self, name: str) -> bytes | None:
        """Return an object's bytes; None where it is not there."""
        with self._failures(f"read {name}"):
            try:
                return bytes(obstore.get(self._reading(self._store), name).bytes())
            except (NotFoundError, FileNotFoundError):
                return None

    def save(self, name: str, path: Path, check: Callable[[bytes], object]) -> bool:
        """Write an object to a new file, telling ``check`` of each piece; return False where it is not there."""
        with self._failures(f"read {name}"):
            try:
                found = obstore.get(self._reading(self._bulk), name)
            except (NotFoundError, FileNotFoundError):
                return False
            with path.open("xb") as file:
                for piece in found.stream(min_chunk_size=_CHUNK):
                    content = bytes(piece)
                    check(content)
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
        return True

    def put(self, name: str, content: bytes | Path) -> None:
        """Write an object, over another of its name if there is one."""
        with self._failures(f"write {name}"):
            obstore.put(self._writing(self._bulk if isinstance(content, Path) else self._store), name, content)

    def create(self, name: str, content: bytes) -> None:
        """Write an object that must be new.

        Raises:
            ObjectExists: if one of its name is there, which then stays as it is.
        """
        with self._failures(f"write {name}"):
            try:
                obstore.put(self._writing(self._store), name, content, mode="create")
            except (AlreadyExistsError, PreconditionError, FileExistsError) as error:
                raise ObjectExists(name) from error

    def modified(self, name: str) -> datetime | None:
        """Return when an object was written; None where it is not there."""
        with self._failures(f"look at {name}"):
            try:
                return obstore.head(self._reading(self._store), name)["last_modified"]
            except (NotFoundError, FileNotFoundError):
                return None

    def names(self, prefix: str) -> list[str]:
        """Return the names of all objects below a prefix."""
        with self._failures(f"list {prefix}"):
            try:
                batches = obstore.list(self._reading(self._store), prefix, chunk_size=1000)
                return [found["path"] for batch in batches for found in batch]
            except (NotFoundError, FileNotFoundError):
                return []

    def groups(self, prefix: str) -> list[str]:
        """Return the names of the folders that lie directly below a prefix."""
        with self._failures(f"list {prefix}"):
            try:
                found = obstore.list_with_delimiter(self._reading(self._store), prefix)["common_prefixes"]
            except (NotFoundError, FileNotFoundError):
                return []
            return [name.rstrip("/").rsplit("/", 1)[-1] for name in found]

    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""
        with self._failures(f"delete {name}"):
            try:
                obstore.delete(self._reading(self._store), name)
            except (NotFoundError, FileNotFoundError):
                return

    def prune(self, prefix: str) -> None:
        """Remove what an emptied folder leaves behind; object stores have no folders."""
        if self._folder is not None:
            shutil.rmtree(self._folder / prefix, ignore_errors=True)

    def _reading(self, store: Any) -> Any:
        if self._folder is None:
            return store
        self._folder.stat()  # not there: FileNotFoundError, which every reader takes for an empty store
        return LocalStore(self._folder)

    def _writing(self, store: Any) -> Any:
        if self._folder is None:
            return store
        self._folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(self._folder)

    @contextmanager
    def _failures(self, what: str) -> Iterator[None]:
        try:
            yield
        except (ObjectExists, StorageFull):
            raise
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise StoreUnavailable(
                f"The store {self.url} refuses to {what}: check the credentials and the rights that it is used with."
            ) from error
        except (BaseError, OSError) as error:
            if _is_full(error):
                raise StorageFull(f"There is no room to {what} in {self.url}. Make room, and try again.") from error
            raise StoreUnavailable(
                f"The store {self.url} cannot be reached to {what} ({_first_line(error)}). Check IDA_STORE, the "
                "network and the store itself."
            ) from error


def open_objects(location: str) -> Objects:
    """Return the objects at a folder or a URL; nothing is read or made yet.

    Raises:
        StoreInvalid: if it is neither, or its settings cannot be used.
    """
    scheme = location.partition("://")[0].lower() if "://" in location else ""
    if scheme in ("", "file"):
        folder = Path(location.removeprefix("file://")).expanduser().absolute()
        if folder.exists() and not folder.is_dir():
            raise StoreInvalid(f"IDA_STORE is {location}, which is no folder.")
        return Objects(str(folder), folder=folder)
    if scheme not in _SCHEMES:
        raise StoreInvalid(f"IDA_STORE is {location}: give a folder, or a URL that starts with s3://, gs:// or az://.")
    try:
        store, bulk = (
            from_url(location, client_options=client, retry_config=_RETRY) for client in (_CLIENT, _BULK_CLIENT)
        )
    except (BaseError, ValueError, TypeError) as error:
        raise StoreInvalid(f"IDA_STORE: {location} cannot be opened ({_first_line(error)}).") from error
    return Objects(location.partition("?")[0], store, bulk)


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    # obstore tells what the system said in words alone.
    return any(words in str(error) for words in ("No space left on device", "Disk quota exceeded", "os error 28"))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
