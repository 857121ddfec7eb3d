"""Copies of bundles on this machine's disk: what is loaded, and what a start with the store away falls back on."""

import logging
import math
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict

from service.documents import Limits, Unreadable, parse_document
from service.errors import LocalCopyUnusable
from service.store.bundle_store import BundleStore
from service.store.records import BUNDLE_ID, BundleId

logger = logging.getLogger(__name__)

_LAST_GOOD = "last-good.json"
_STAYS_SECONDS = 600
_LIMITS = Limits(64 * 1024, max_objects=1, max_arrays=0, max_values=64)


def _used_at(copy: Path) -> float:
    try:
        return copy.stat().st_mtime
    except FileNotFoundError:  # another process removed it
        return math.inf


class LastGood(BaseModel):
    """Which bundle was served last.

    Attributes:
        bundle_id: the bundle.
        generation: the activation it was served as.
        store_id: the store that said so.
        store: what that store is known by.
    """

    model_config = ConfigDict(frozen=True)

    bundle_id: BundleId
    generation: int
    store_id: str | None
    store: str


class LocalCopies:
    """A folder of bundles copied from a store. Safe to use from several threads and processes.

    A copy is made beside its place and moved there whole, so one that is there is complete; what it holds is checked
    again by whoever reads the bundle.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder_of(self, bundle_id: str, store: BundleStore) -> Path:
        """Return the folder of a bundle's copy, made now if it is not there.

        Raises:
            StoreUnavailable, BundleUnknown, BundleInvalid, StorageFull: as ``BundleStore.fetch`` says.
            LocalCopyUnusable: if the folder of copies cannot be written.
        """
        copy = self.held(bundle_id)
        if copy is not None:
            self._touch(copy)
            return copy
        with self._writing(bundle_id):
            copy = self.held(bundle_id)  # another process may have made it meanwhile
            if copy is not None:
                return copy
            place, beside = self._folder / bundle_id, self._folder / f"{bundle_id}.new"
            shutil.rmtree(beside, ignore_errors=True)  # of a copy that was cut short by the end of its process
            store.fetch(bundle_id, beside)
            beside.rename(place)
            return place

    def held(self, bundle_id: str) -> Path | None:
        """Return the folder of a bundle's copy; None where there is none."""
        place = self._folder / bundle_id
        return place if place.is_dir() else None

    def drop(self, bundle_id: str) -> None:
        """Remove a bundle's copy, so that the next use fetches it again.

        Raises:
            LocalCopyUnusable: if it cannot be removed.
        """
        try:
            shutil.rmtree(self._folder / bundle_id)
        except FileNotFoundError:
            return
        except OSError as error:
            raise LocalCopyUnusable(
                f"The spoilt copy {self._folder / bundle_id} cannot be removed ({error.strerror or error}). Remove it, "
                "or set IDA_CACHE to a folder that can be written."
            ) from error

    def remember(self, last: LastGood) -> None:
        """Note what is served, for a start with the store away.

        Raises:
            LocalCopyUnusable: if the folder of copies cannot be written.
        """
        with self._writing("last-good"):
            beside = self._folder / f"{_LAST_GOOD}.new"
            beside.write_text(last.model_dump_json(), encoding="utf-8")
            beside.replace(self._folder / _LAST_GOOD)

    def remembered(self) -> LastGood | None:
        """Return what was served last, whether it is held here or not; None where nothing was."""
        try:
            with (self._folder / _LAST_GOOD).open("rb") as file:
                last = parse_document(LastGood, file.read(_LIMITS.max_bytes + 1), _LIMITS)
        except FileNotFoundError:
            return None
        except (OSError, Unreadable):
            logger.warning("%s cannot be read, and is left alone", self._folder / _LAST_GOOD)
            return None
        return last

    def prune(self, keep: Collection[str]) -> None:
        """Remove all copies but those of these bundles, the remembered one, and those used a short while ago.

        Another process may be loading what this one does not serve.
        """
        last = self.remembered()
        kept = {*keep, *([] if last is None else [last.bundle_id])}
        if not self._folder.is_dir():
            return
        for copy in self._folder.iterdir():
            is_bundle = BUNDLE_ID.fullmatch(copy.name.partition(".")[0]) is not None
            if is_bundle and copy.name not in kept and time.time() - _used_at(copy) > _STAYS_SECONDS:
                shutil.rmtree(copy, ignore_errors=True)

    def _touch(self, copy: Path) -> None:
        # A folder that cannot be written can still be read.
        with suppress(OSError):
            os.utime(copy)

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / f".{name}.lock"):
                yield
        except OSError as error:
            raise LocalCopyUnusable(
                f"{self._folder} cannot hold copies of bundles ({error.strerror or error}). Make room in it, or set "
                "IDA_CACHE to a folder that can be written."
            ) from error
