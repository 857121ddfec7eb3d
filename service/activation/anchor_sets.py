"""What an administrator may do with anchor sets besides activating: list, upload, delete, look at the history."""

import logging
import secrets
import shutil
import threading
from pathlib import Path

from service.activation.inventory import Inventory
from service.activation.loading import BundleLoader
from service.activation.outcomes import AnchorSetEntry, ReplicaState, Uploaded
from service.bundle.reader import read_bundle
from service.errors import AnchorSetInUse, BundleIdMismatch, BundleInvalid, BundleNotTrusted, BundleUnknown
from service.store.archive import unpack_bundle
from service.store.bundle_store import BundleStore
from service.store.records import Activation

logger = logging.getLogger(__name__)


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
        """Tell whether the store has a bundle, sound, and its signature: one that is there without may still get it."""
        if bundle_id not in self._store.bundle_ids():
            return False
        signature, keys = self._store.signature(bundle_id), self._loader.keys
        try:
            if keys is None and signature is None:
                return False
            if keys is not None:
                keys.verify(self._store.manifest_content(bundle_id), signature)
            # Last, since all of the bundle is read for it.
            return not self._store.damage(bundle_id)
        except (BundleInvalid, BundleNotTrusted, BundleUnknown):  # unknown: deleted meanwhile
            return False

    def _put(self, folder: Path) -> tuple[bool, tuple[str, ...]]:
        """Put a bundle into the store; return whether it is new there, and which of its files were put right."""
        replace_signature = self._loader.keys is not None
        if self._store.push(folder, replace_signature=replace_signature):
            return True, ()
        try:
            return False, self._store.mend(folder)
        except BundleUnknown:
            # Deleted meanwhile, here or by another replica: what was put right is of no use without the rest.
            return self._store.push(folder, replace_signature=replace_signature), ()

    def upload(self, archive: Path, bundle_id: str, *, who: str) -> Uploaded:
        """Put the bundle of an archive into the store, and log who sent it.

        Where it is there already, what is damaged of it is put right, and nothing else is touched.

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
            created, mended = self._put(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        told = {"anchor_set_id": bundle_id, "who": who, "is_new": created, "signed_by": signer and signer.name}
        logger.info("an anchor set was uploaded", extra=told)
        if mended:
            logger.warning(
                "%s of the anchor set was damaged in the store, and is put right by the upload",
                ", ".join(mended),
                extra={"anchor_set_id": bundle_id, "who": who},
            )
        return Uploaded(created, mended)

    def delete(self, bundle_id: str, *, who: str, allow_retained: bool = False) -> None:
        """Remove a bundle from the store, and log who asked for it.

        Args:
            bundle_id: which.
            who: the administrator's name.
            allow_retained: whether it may be one that a rollback would need, or that was pushed or active lately.

        Raises:
            BundleUnknown: if it is not there.
            AnchorSetInUse: if it is active, a replica that runs serves it, or it is within its retention.
        """
        with self._turn:
            self._store.store_id()
            pushed_at = self._store.pushed_at(bundle_id)
            served = self._listing.why_served(bundle_id)
            if served is not None:
                raise AnchorSetInUse(f"The anchor set {bundle_id} cannot be deleted: {served}.")
            retained = self._listing.why_retained(bundle_id, pushed_at)
            if retained is not None and not allow_retained:
                raise AnchorSetInUse(
                    f"The anchor set {bundle_id} is not deleted: {retained}. Say that it may be (allow_retained, "
                    "--allow-retained): then no rollback brings it back until it is pushed again."
                )
            self._store.delete(bundle_id)
        told = {"anchor_set_id": bundle_id, "who": who, "was_retained": retained is not None}
        logger.info("an anchor set was deleted", extra=told)

    def history(self, limit: int) -> list[Activation]:
        """Return the newest activations, newest first."""
        return list(self._store.activations(limit))

    def replicas(self) -> list[ReplicaState]:
        """Return what every replica last said of itself, by name."""
        return self._listing.replicas()
