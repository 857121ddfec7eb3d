"""What an administrator may do with anchor sets besides activating: list, upload, delete, look at the history."""

import logging
import secrets
import shutil
import threading
from datetime import timedelta
from pathlib import Path

from service.activation.inventory import Inventory
from service.activation.loading import BundleLoader
from service.activation.outcomes import AnchorSetEntry, ReplicaState
from service.bundle.reader import read_bundle
from service.errors import AnchorSetInUse, BundleIdMismatch, BundleNotTrusted
from service.store.archive import unpack_bundle
from service.store.bundle_store import BundleStore
from service.store.records import Activation, now

logger = logging.getLogger(__name__)

# Reports come every three looks; one more is allowed for a slow one, and some seconds for clocks that differ.
_ALIVE_LOOKS = 4
_ALIVE_SECONDS = 5.0


class AnchorSets:
    """The administration of a store's bundles by one replica. Blocking; safe to use from several threads.

    Every method that touches the store raises ``StoreUnavailable`` where it cannot be reached.
    """

    def __init__(
        self,
        *,
        store: BundleStore,
        loader: BundleLoader,
        listing: Inventory,
        max_bundle_bytes: int,
        turn: threading.Lock,
    ) -> None:
        """Take what it works with.

        Args:
            store: where bundles lie.
            loader: knows which bundles fit, and who may sign them.
            listing: looks at them.
            max_bundle_bytes: largest bundle, unpacked.
            turn: held while what the store holds is changed.
        """
        self._store = store
        self._loader = loader
        self._listing = listing
        self._max_bytes = max_bundle_bytes
        self._turn = turn

    @property
    def store_url(self) -> str:
        """Where the store is, without credentials."""
        return self._store.url

    def entries(self) -> list[AnchorSetEntry]:
        """Return every bundle that can be activated: those of the store, and that of the settings."""
        self._store.store_id()
        return self._listing.entries()

    def newest(self) -> int:
        """Return the newest generation; 0 while nothing was ever activated."""
        return self._store.newest_generation()

    def has(self, bundle_id: str) -> bool:
        """Tell whether the store has a bundle, and its signature too: one that is there without may still get it."""
        if bundle_id not in self._store.bundle_ids():
            return False
        signature, keys = self._store.signature(bundle_id), self._loader.keys
        if keys is None:
            return signature is not None
        try:
            keys.verify(self._store.manifest_content(bundle_id), signature)
        except BundleNotTrusted:
            return False
        return True

    def upload(self, archive: Path, bundle_id: str, *, who: str) -> bool:
        """Put the bundle of an archive into the store, and log who sent it; return False where it was there already.

        Args:
            archive: a .tar, .tar.gz or .zip file, in a folder that can be written.
            bundle_id: what it must be.
            who: the administrator's name.

        Raises:
            UploadInvalid, UploadTooLarge, StorageFull: as ``unpack_bundle`` says.
            BundleIdMismatch: if it is another bundle.
            BundleNotTrusted: if it must be signed, and is not by a trusted key.
            BundleInvalid, BundleMismatch, HeadMismatch: if it is damaged, or made for another backbone.
        """
        folder = archive.with_name(f"{archive.name}.{secrets.token_hex(4)}.unpacked")
        try:
            unpack_bundle(archive, folder, max_bytes=self._max_bytes)
            signer = self._loader.verify(folder)
            found = read_bundle(folder, backbone_id=self._loader.backbone_id).bundle_id
            if found != bundle_id:
                raise BundleIdMismatch(
                    f"The archive holds the anchor set {found}, not {bundle_id}. Send it under its own id."
                )
            created = self._store.push(folder, replace_signature=self._loader.keys is not None)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        told = {"anchor_set_id": bundle_id, "who": who, "is_new": created, "signed_by": signer and signer.name}
        logger.info("an anchor set was uploaded", extra=told)
        return created

    def delete(self, bundle_id: str, *, who: str) -> None:
        """Remove a bundle from the store, and log who asked for it.

        Raises:
            BundleUnknown: if it is not there.
            AnchorSetInUse: if it is active, or within its retention.
        """
        with self._turn:
            self._store.store_id()
            pushed_at = self._store.pushed_at(bundle_id)
            reason = self._listing.why_retained(bundle_id, pushed_at)
            if reason is not None:
                raise AnchorSetInUse(f"The anchor set {bundle_id} cannot be deleted: {reason}.")
            self._store.delete(bundle_id)
        logger.info("an anchor set was deleted", extra={"anchor_set_id": bundle_id, "who": who})

    def history(self, limit: int) -> list[Activation]:
        """Return the newest activations, newest first."""
        return list(self._store.activations(limit))

    def replicas(self) -> list[ReplicaState]:
        """Return what every replica last said of itself, by name."""
        found, at = [], now()
        for report in self._store.reports():
            ago = (at - report.at).total_seconds()
            limit = timedelta(seconds=_ALIVE_LOOKS * report.watch_interval + _ALIVE_SECONDS).total_seconds()
            found.append(ReplicaState(report, ago, ago <= limit))
        return found
