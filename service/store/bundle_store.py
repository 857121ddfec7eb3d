"""The store: immutable bundles, the record of every activation, and what each replica last said of itself.

store.json                    the store's id, made by the first write
bundles/<bundle_id>/<file>    a bundle's parts and its signature, its manifest last: one without a manifest is not there
activations/<n>.json          n = 1, 2, ...: created, never updated; the highest is active
replicas/<name>.json          overwritten by each replica
"""

import hashlib
import logging
from datetime import datetime
from pathlib import Path, PurePosixPath

from service.bundle.bundle_manifest import (
    MANIFEST_BYTES_LIMIT,
    MANIFEST_NAME,
    SIGNATURE_NAME,
    Manifest,
    Part,
    bundle_id_of,
    parse_manifest,
)
from service.bundle.reader import DOCUMENT_BYTES_LIMIT, read_manifest
from service.bundle.signature import SIGNATURE_BYTES_LIMIT, read_signature
from service.documents import Limits
from service.errors import (
    BundleInvalid,
    BundleUnknown,
)
from service.store.layout import (
    check_part,
    manifest_of,
    new_folder,
    signature_of,
)
from service.store.locations import open_objects
from service.store.objects import ObjectExists, ObjectTooLarge
from service.store.record_store import RecordStore
from service.store.records import BUNDLE_ID

logger = logging.getLogger(__name__)

_FORMAT = 1
# A report quotes an error, whose text has commas and colons too.
_RECORD = Limits(64 * 1024, max_objects=64, max_arrays=64, max_values=2000)
# A writer that is alive writes to its file more often.
_ABANDONED_SECONDS = 3600.0


class BundleStore(RecordStore):
    """Bundles and activations that replicas share. Safe to use from several threads and processes.

    Every method raises ``StoreUnavailable`` where the store cannot be reached or refuses.
    """

    def bundle_ids(self) -> tuple[str, ...]:
        """Return the ids of all bundles whose manifest is there."""
        found = [name for name in self._objects.groups("bundles") if BUNDLE_ID.fullmatch(name)]
        return tuple(sorted(name for name in found if self._objects.modified(manifest_of(name)) is not None))

    def manifest(self, bundle_id: str) -> Manifest:
        """Return what a bundle says of itself.

        Raises:
            BundleUnknown: if the store has no such bundle.
            BundleInvalid: if its manifest is not the one that the id stands for.
        """
        return parse_manifest(self._manifest_content(bundle_id), PurePosixPath(manifest_of(bundle_id)))

    def pushed_at(self, bundle_id: str) -> datetime:
        """Return when a bundle's manifest was written.

        Raises:
            BundleUnknown: if the store has no such bundle.
        """
        found = self._objects.modified(manifest_of(bundle_id)) if BUNDLE_ID.fullmatch(bundle_id) else None
        if found is None:
            raise self._unknown(bundle_id)
        return found

    def push(self, folder: Path, *, replace_signature: bool = False) -> bool:
        """Copy a bundle into the store, its manifest last; return False where it is there already (see ``mend``).

        What a push that was cut short left behind is written over. Safe beside another push of the same bundle.

        Args:
            folder: the bundle.
            replace_signature: whether its signature, found to hold, is put in the place of one that is there.

        Raises:
            BundleInvalid: if the folder holds no bundle, or a part is not what its manifest says.
            StorageFull: if the store has no room.
        """
        manifest = read_manifest(folder)
        content = (folder / MANIFEST_NAME).read_bytes()
        bundle_id = bundle_id_of(content)
        signed = read_signature(folder)
        if self._objects.modified(manifest_of(bundle_id)) is not None:
            # What is there without a signature may get one; the bundle itself never changes.
            if signed is not None and (replace_signature or self._objects.modified(signature_of(bundle_id)) is None):
                self._objects.put(signature_of(bundle_id), signed)
            return False
        self.claim()
        for part in manifest.parts.values():
            check_part(folder / part.file, part)
            self._objects.put(f"bundles/{bundle_id}/{part.file}", folder / part.file)
        if signed is not None:
            self._objects.put(signature_of(bundle_id), signed)
        try:
            self._objects.create(manifest_of(bundle_id), content)
        except ObjectExists:
            return False
        return True

    def damage(self, bundle_id: str) -> tuple[str, ...]:
        """Return the files of a bundle that are missing, or not what its id stands for; all of it is read for that.

        Raises:
            BundleUnknown: if the store has no such bundle.
        """
        try:
            manifest = self.manifest(bundle_id)
        except BundleInvalid:
            return (MANIFEST_NAME,)
        return tuple(part.file for part in manifest.parts.values() if not self._is_sound(bundle_id, part))

    def mend(self, folder: Path) -> tuple[str, ...]:
        """Put right what is damaged of a bundle that is there, by a sound one; return the files that were.

        What is sound is not touched, so that whoever reads it meanwhile sees nothing.

        Args:
            folder: the same bundle.

        Raises:
            BundleInvalid: if the folder holds no bundle, or a part is not what its manifest says.
            StorageFull: if the store has no room.
        """
        manifest, content = read_manifest(folder), (folder / MANIFEST_NAME).read_bytes()
        bundle_id = bundle_id_of(content)
        damaged = [part for part in manifest.parts.values() if not self._is_sound(bundle_id, part)]
        for part in damaged:
            check_part(folder / part.file, part)
            self._objects.put(f"bundles/{bundle_id}/{part.file}", folder / part.file)
        mended = [part.file for part in damaged]
        try:
            self._manifest_content(bundle_id)
        except BundleInvalid:
            self._objects.put(manifest_of(bundle_id), content)
            mended.append(MANIFEST_NAME)
        return tuple(mended)

    def fetch(self, bundle_id: str, destination: Path) -> None:
        """Copy a bundle to a new folder, checking every part; nothing is left of a copy that fails.

        Raises:
            BundleUnknown: if the store has no such bundle.
            BundleInvalid: if a part is missing, or not what the manifest says.
            StorageFull: if the disk has no room.
            OSError: if the folder cannot be written for another reason.
        """
        content = self._manifest_content(bundle_id)
        manifest = parse_manifest(content, PurePosixPath(manifest_of(bundle_id)))
        with new_folder(destination):
            for part in manifest.parts.values():
                self._fetch_part(bundle_id, part, destination / part.file)
            signature = self.signature(bundle_id)
            if signature is not None:
                (destination / SIGNATURE_NAME).write_bytes(signature)
            (destination / MANIFEST_NAME).write_bytes(content)

    def part(self, bundle_id: str, part: Part) -> bytes | None:
        """Return the bytes of a small part of a bundle; None where it is missing or not what the manifest says."""
        try:
            content = self._objects.get(f"bundles/{bundle_id}/{part.file}", max_bytes=DOCUMENT_BYTES_LIMIT)
        except ObjectTooLarge:
            return None
        is_right = content is not None and hashlib.sha256(content).hexdigest() == part.sha256
        return content if is_right else None

    def manifest_content(self, bundle_id: str) -> bytes:
        """Return the bytes of a bundle's manifest; raises as ``manifest`` does."""
        return self._manifest_content(bundle_id)

    def signature(self, bundle_id: str) -> bytes | None:
        """Return the bytes of a bundle's signature; None where it has none, or one too large to be any."""
        try:
            return self._objects.get(signature_of(bundle_id), max_bytes=SIGNATURE_BYTES_LIMIT)
        except ObjectTooLarge:
            return None

    def sweep(self) -> int:
        """Remove files that writers which were killed left behind, an hour ago or longer; return how many."""
        return sum(self._objects.sweep(prefix, _ABANDONED_SECONDS) for prefix in ("bundles", "activations", "replicas"))

    def delete(self, bundle_id: str) -> None:
        """Remove a bundle, its manifest first.

        Raises:
            BundleUnknown: if the store has no such bundle.
        """
        self.pushed_at(bundle_id)
        self._objects.delete(manifest_of(bundle_id))
        for name in self._objects.names(f"bundles/{bundle_id}"):
            self._objects.delete(name)
        self._objects.prune(f"bundles/{bundle_id}")

    def _manifest_content(self, bundle_id: str) -> bytes:
        if not BUNDLE_ID.fullmatch(bundle_id):
            raise self._unknown(bundle_id)
        try:
            content = self._objects.get(manifest_of(bundle_id), max_bytes=MANIFEST_BYTES_LIMIT)
        except ObjectTooLarge as error:
            raise BundleInvalid(f"The manifest of the bundle {bundle_id} in the store {self.url}: {error}.") from error
        if content is None:
            raise self._unknown(bundle_id)
        if bundle_id_of(content) != bundle_id:
            raise BundleInvalid(
                f"The manifest of the bundle {bundle_id} in the store {self.url} is not the one that its id stands "
                "for. To put it right, push it again."
            )
        return content

    def _fetch_part(self, bundle_id: str, part: Part, path: Path) -> None:
        digest, size = hashlib.sha256(), 0

        def check(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            digest.update(piece)
            if size > part.bytes:
                raise wrong

        wrong = BundleInvalid(
            f"{part.file} of the bundle {bundle_id} in the store {self.url} is missing, or not what its manifest says. "
            "To put it right, push it again."
        )
        if not self._objects.save(f"bundles/{bundle_id}/{part.file}", path, check):
            raise wrong
        if size != part.bytes or digest.hexdigest() != part.sha256:
            raise wrong

    def _is_sound(self, bundle_id: str, part: Part) -> bool:
        return self._objects.sha256(f"bundles/{bundle_id}/{part.file}", size=part.bytes) == part.sha256

    def _unknown(self, bundle_id: str) -> BundleUnknown:
        return BundleUnknown(
            f"The store {self.url} has no bundle {bundle_id}. Push it first, or look at which there are."
        )


def open_store(location: str, *, is_made: bool = True) -> BundleStore:
    """Return the store at a folder or a URL; nothing is read or made yet.

    Args:
        location: the folder or the URL.
        is_made: whether a folder that is not there is an empty store, and made by the first write.

    Raises:
        StoreInvalid: if it is neither, or its settings cannot be used.
    """
    return BundleStore(open_objects(location, is_made=is_made))
