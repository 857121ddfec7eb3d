"""The data folder of model packs: installed whole or not at all, by one process at a time."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from models.tool_errors import PackStoreBusy, PackStoreUnusable
from service.errors import PackNotFound
from service.pack import pack_folder

_STAGING = ".staging-"
_REPLACED = ".replaced-"
_LOCK = ".lock"


class PackStore:
    """The folder ``packs`` of a data folder (``IDA_HOME``); each pack is one folder in it.

    A pack is made in a staging folder beside its place and moved there in one rename. Only the holder of the
    folder's lock stages, and the system frees the lock of a process that died, so whatever staging folder the
    next holder finds was left by a dead one and is removed.
    """

    def __init__(self, home: Path, *, kind: str = "packs") -> None:
        """Take the data folder, and the folder in it: ``packs``, or ``parts`` that belong to no pack."""
        self.home = home
        self.root = home / kind

    def folder(self, name: str) -> Path:
        """Return the folder in which the pack of this name is, or would be, installed.

        Raises:
            PackNotFound: if no pack can have this name.
        """
        return self.root / pack_folder(self.home, name).name

    def names(self) -> list[str]:
        """Return the names of the installed packs, in order.

        Raises:
            PackStoreUnusable: if the folder cannot be read.
        """
        with storage_errors(self.root):
            if not self.root.exists():
                return []
            return sorted(path.name for path in self.root.iterdir() if path.is_dir() and not path.name.startswith("."))

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the right to change the packs, and clear away what a dead process left half done.

        Raises:
            PackStoreBusy: if another process holds it.
            PackStoreUnusable: if the folder cannot be made or written.
        """
        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / _LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise PackStoreBusy(
                    f"Another `ida-verify models` command is changing {self.root}. Wait until it has ended, "
                    "then run this one again."
                ) from error
        try:
            with storage_errors(self.root):
                self._clear_leftovers()
            yield
        finally:
            lock.release()

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give an empty folder to build a pack in; whatever is left of it is removed at the end.

        Use it inside ``changing``.

        Raises:
            PackStoreUnusable: if there is no space or no permission, at any time inside.
        """
        with storage_errors(self.root):
            folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.root))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def publish(self, built: Path, name: str) -> Path:
        """Move a folder that was built in ``staging`` to its pack's place, replacing what is there.

        Everything is on the disk before the move. Replacing takes two renames; a crash between them is mended
        by the next ``changing``, which moves the old pack back.

        Raises:
            PackStoreUnusable: if the move fails; what was installed before is then in its place.
        """
        place = self.folder(name)
        with storage_errors(self.root):
            # mkdtemp makes folders that only their owner may enter; a pack may be served by another user.
            built.chmod(0o755)
            for path in built.iterdir():
                _sync(path)
            _sync(built)
            if not place.exists():
                built.rename(place)
            else:
                aside = self.root / f"{_REPLACED}{name}"
                place.rename(aside)
                try:
                    built.rename(place)
                except BaseException:
                    aside.rename(place)
                    raise
                shutil.rmtree(aside)
            _sync(self.root)
        return place

    def discard(self, name: str) -> None:
        """Delete a pack: moved out of its place in one step, and what a crash leaves of it goes with the next change.

        Use it inside ``changing``.

        Raises:
            PackNotFound: if it is not there, or no longer.
            PackStoreUnusable: if it cannot be moved or deleted.
        """
        place = self.folder(name)
        with storage_errors(self.root):
            aside = self.root / f"{_STAGING}removed-{name}"
            try:
                place.rename(aside)
            except FileNotFoundError as error:
                raise PackNotFound(f"The model pack {name} is not installed any more.") from error
            _sync(self.root)
            shutil.rmtree(aside)

    def _clear_leftovers(self) -> None:
        for path in self.root.iterdir():
            if path.name.startswith(_STAGING):
                shutil.rmtree(path)
            elif path.name.startswith(_REPLACED):
                place = self.root / path.name.removeprefix(_REPLACED)
                if place.exists():
                    shutil.rmtree(path)
                else:
                    path.rename(place)


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError inside into what is wrong with the folder and what to do.

    Raises:
        PackStoreUnusable: for any OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            advice = "There is no space left: free about 100 MB there, or set IDA_HOME to a folder on another disk"
        elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            advice = "It may not be written: set IDA_HOME to a folder that you may write, or run as its owner"
        else:
            advice = f"{error.strerror or error}: set IDA_HOME to a folder that can be written"
        raise PackStoreUnusable(
            f"The model packs' folder {folder} cannot be used. {advice}. Nothing was left half installed."
        ) from error


def _sync(path: Path) -> None:
    if path.is_file():
        with path.open("r+b") as file:
            os.fsync(file.fileno())
    elif os.name != "nt":  # Windows cannot open a folder to flush it
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
