"""Where uploads lie while they are received and unpacked, and the removal of those whose process was killed."""

import logging
import secrets
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

_LOCK = ".lock"
_SUFFIX = ".lock"
# For what no lock says whether it is in use.
_ABANDONED_SECONDS = 24 * 3600.0
_PATIENCE_SECONDS = 10.0


class UploadFolder:
    """A folder that several processes may share: each has a place of its own in it, locked while it lives.

    The system frees the lock of a process that was killed, by which the others know. Safe to use from several threads.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder; nothing is made before it is used."""
        self.folder = folder
        self._turn = threading.Lock()
        self._place: Path | None = None
        self._lock: FileLock | None = None

    def place(self) -> Path:
        """Return this process's own place, made and locked at its first use.

        Raises:
            OSError: if it cannot be made.
        """
        with self._turn:
            if self._place is None or not self._place.is_dir():
                self.folder.mkdir(parents=True, exist_ok=True)
                with self._everybody():
                    place = self.folder / f"process-{secrets.token_hex(8)}"
                    lock = FileLock(place.with_suffix(_SUFFIX), timeout=0, thread_local=False)
                    lock.acquire()
                    place.mkdir()
                self._place, self._lock = place, lock
            return self._place

    def sweep(self) -> int:
        """Remove what processes that ended without doing so left behind; return how many places that were.

        What cannot be removed is logged, and stays.
        """
        if not self.folder.is_dir():
            return 0
        removed = 0
        try:
            with self._everybody():
                for path in sorted(self.folder.iterdir()):
                    if path.suffix == _SUFFIX and path.name != _LOCK:
                        removed += self._free(path)
                    elif path.name != _LOCK and not path.with_suffix(_SUFFIX).exists():
                        removed += _removed_if_old(path)
        except OSError as error:  # a Timeout is one
            logger.warning("%s cannot be cleared of old uploads (%s)", self.folder, error.strerror or error)
        if removed:
            logger.info("removed what %s uploads that were cut short had left in %s", removed, self.folder)
        return removed

    def close(self) -> None:
        """Remove this process's place."""
        with self._turn:
            place, lock, self._place, self._lock = self._place, self._lock, None, None
            if place is None or lock is None:
                return
            shutil.rmtree(place, ignore_errors=True)
            lock.release()
            with suppress(OSError):
                place.with_suffix(_SUFFIX).unlink()

    def _everybody(self) -> FileLock:
        """Return the lock that is held while a place is made or removed."""
        return FileLock(self.folder / _LOCK, timeout=_PATIENCE_SECONDS)

    def _free(self, path: Path) -> int:
        lock = FileLock(path, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            return 0
        try:
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            path.unlink(missing_ok=True)
        finally:
            lock.release()
        return 1


def _removed_if_old(path: Path) -> int:
    if time.time() - path.stat().st_mtime <= _ABANDONED_SECONDS:
        return 0
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return 1
