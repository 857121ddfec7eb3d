"""Objects by name, on a folder or in an object store, with failures that say what to do."""

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
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
from obstore.store import LocalStore

from service.errors import StorageFull, StoreUnavailable
from service.redaction import redacted

_CHUNK = 1 << 20
# A bucket that is not there, unlike an object, is no empty store.
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist", "container does not exist")
# Files that obstore has begun and not yet put in their place are called NAME#NUMBER.
_PARTIAL = re.compile(r".+#\d+")


class ObjectExists(Exception):
    """An object of this name is there already."""


class ObjectTooLarge(Exception):
    """An object has more bytes than what it should be."""


class Objects:
    """Named objects. Safe to use from several threads.

    Every method raises ``StoreUnavailable`` where the store cannot be reached or refuses, and those that write raise
    ``StorageFull`` where there is no room.
    """

    def __init__(
        self,
        url: str,
        store: Any = None,
        bulk: Any = None,
        folder: Path | None = None,
        *,
        is_made: bool = True,
    ) -> None:
        """Take a store of obstore's, or a folder that may not be there yet.

        Args:
            url: what people know it by.
            store: the object store, for what is small.
            bulk: the same one, for what takes long to send.
            folder: the folder, in the store's place.
            is_made: whether a folder that is not there is an empty store, and made by the first write.
        """
        self.url = url
        self._store = store
        self._bulk = bulk
        self._folder = folder
        self._is_made = is_made

    def get(self, name: str, *, max_bytes: int) -> bytes | None:
        """Return an object's bytes; None where it is not there.

        Raises:
            ObjectTooLarge: if it has more bytes than are asked for; none of them is read then.
        """
        with self._failures(f"read {name}"):
            found = self._found(self._store, name)
            if found is None:
                return None
            if found.meta["size"] > max_bytes:
                raise ObjectTooLarge(f"{name} has {found.meta['size']} bytes, at most {max_bytes} are read")
            return bytes(found.bytes())

    def save(self, name: str, path: Path, check: Callable[[bytes], object]) -> bool:
        """Write an object to a new file, telling ``check`` of each piece; return False where it is not there."""
        with self._failures(f"read {name}"):
            found = self._found(self._bulk, name)
            if found is None:
                return False
            with path.open("xb") as file:
                for piece in found.stream(min_chunk_size=_CHUNK):
                    content = bytes(piece)
                    check(content)
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
        return True

    def sha256(self, name: str, *, size: int) -> str | None:
        """Return the sha256 of an object, in hex; None where it is not there, or not of this size in bytes."""
        with self._failures(f"read {name}"):
            found = self._found(self._bulk, name)
            if found is None or found.meta["size"] != size:
                return None
            digest = hashlib.sha256()
            for piece in found.stream(min_chunk_size=_CHUNK):
                digest.update(piece)
        return digest.hexdigest()

    def _found(self, store: Any, name: str) -> Any:
        """Return an object whose bytes are yet to be read; None where it is not there."""
        try:
            return obstore.get(self._reading(store), name)
        except (NotFoundError, FileNotFoundError) as error:
            self._check_bucket(error)
            return None

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

    def sweep(self, prefix: str, older_than: float) -> int:
        """Remove what writers that were killed left of objects below a prefix; return how many files that were.

        Of a folder alone: an object store shows nothing of an object before all of it is there.

        Args:
            prefix: where.
            older_than: seconds since a file was last written to; whoever still writes does so more often.
        """
        if self._folder is None or not (self._folder / prefix).is_dir():
            return 0
        removed, now = 0, time.time()
        with self._failures(f"clear up {prefix}"):
            for path in (self._folder / prefix).rglob("*"):
                if not _PARTIAL.fullmatch(path.name) or path.is_symlink() or not path.is_file():
                    continue
                try:
                    if now - path.stat().st_mtime > older_than:
                        path.unlink()
                        removed += 1
                except FileNotFoundError:  # its writer was done, or another replica was faster
                    continue
        return removed

    def _reading(self, store: Any) -> Any:
        if self._folder is None:
            return store
        try:
            self._folder.stat()
        except FileNotFoundError:
            if self._is_made:
                raise  # which every reader takes for an empty store
            raise self._absent() from None
        return LocalStore(self._folder)

    def _writing(self, store: Any) -> Any:
        if self._folder is None:
            return store
        if self._is_made:
            self._folder.mkdir(parents=True, exist_ok=True)
        elif not self._folder.is_dir():
            raise self._absent()
        return LocalStore(self._folder)

    def _absent(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"The store {self.url} is not there: no such folder. Mount it, make the folder, or correct IDA_STORE."
        )

    def _check_bucket(self, error: Exception) -> None:
        if any(words in str(error) for words in _NO_BUCKET):
            raise StoreUnavailable(
                f"The store {self.url} is not there: no such bucket. Make it, or correct IDA_STORE."
            ) from error

    @contextmanager
    def _failures(self, what: str) -> Iterator[None]:
        try:
            yield
        except (ObjectExists, ObjectTooLarge, StorageFull, StoreUnavailable):
            raise
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise StoreUnavailable(
                f"The store {self.url} refuses to {what}: check the credentials and the rights that it is used with."
            ) from error
        except (BaseError, OSError) as error:
            if _is_full(error):
                raise StorageFull(f"There is no room to {what} in {self.url}. Make room, and try again.") from error
            raise StoreUnavailable(
                f"The store {self.url} cannot be reached to {what} ({first_line(error)}). Check IDA_STORE, the "
                "network and the store itself."
            ) from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    # obstore tells what the system said in words alone.
    return any(words in str(error) for words in ("No space left on device", "Disk quota exceeded", "os error 28"))


def first_line(error: Exception) -> str:
    """Return what an error of obstore says in its first line, without secrets."""
    return redacted((str(error).strip().splitlines() or [type(error).__name__])[0])[:300]
