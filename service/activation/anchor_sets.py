"""What an administrator may do with anchor sets: list, upload, activate, go back, delete, look at the history."""

import logging
import secrets
import shutil
import threading
import time
from datetime import timedelta
from pathlib import Path

from service.activation.follower import Follower
from service.activation.listing import Listing
from service.activation.loading import BundleLoader, Loaded
from service.activation.results import ActivationResult, AnchorSetEntry, Check, ReplicaState
from service.activation.switch import Switch
from service.bundle.reader import read_bundle
from service.errors import (
    ActivationInvalid,
    AnchorSetInUse,
    BundleIdMismatch,
    IdaError,
    NothingToRollBack,
    StaleGeneration,
)
from service.store.archive import unpack_bundle
from service.store.bundle_store import BundleStore
from service.store.records import Action, Activation, now
from service.telemetry import Metrics

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
        switch: Switch,
        follower: Follower,
        loader: BundleLoader,
        listing: Listing,
        metrics: Metrics,
        max_bundle_bytes: int,
    ) -> None:
        self._store = store
        self._switch = switch
        self._follower = follower
        self._loader = loader
        self._listing = listing
        self._metrics = metrics
        self._max_bytes = max_bundle_bytes
        self._turn = threading.Lock()

    def entries(self) -> list[AnchorSetEntry]:
        """Return every bundle that can be activated: those of the store, and that of the settings."""
        self._store.store_id()
        return self._listing.entries()

    def newest(self) -> int:
        """Return the newest generation; 0 while nothing was ever activated."""
        return self._store.newest_generation()

    def has(self, bundle_id: str) -> bool:
        """Tell whether the store has a bundle."""
        return bundle_id in self._store.bundle_ids()

    def upload(self, archive: Path, bundle_id: str) -> bool:
        """Put the bundle of an archive into the store; return False where it was there already.

        Args:
            archive: a .tar, .tar.gz or .zip file, in a folder that can be written.
            bundle_id: what it must be.

        Raises:
            UploadInvalid, UploadTooLarge, StorageFull: as ``unpack_bundle`` says.
            BundleIdMismatch: if it is another bundle.
            BundleInvalid, BundleMismatch, HeadMismatch: if it is damaged, or made for another backbone.
        """
        folder = archive.with_name(f"{archive.name}.{secrets.token_hex(4)}.unpacked")
        try:
            unpack_bundle(archive, folder, max_bytes=self._max_bytes)
            found = read_bundle(folder, backbone_id=self._loader.backbone_id).bundle_id
            if found != bundle_id:
                raise BundleIdMismatch(
                    f"The archive holds the bundle {found}, not {bundle_id}. Send it under its own id."
                )
            return self._store.push(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def activate(
        self,
        bundle_id: str,
        *,
        expected_generation: int | None,
        dry_run: bool = False,
        who: str,
        action: Action = "activate",
    ) -> ActivationResult:
        """Load and check a bundle, make it the active one, and serve it.

        Asking for what is active already changes nothing. One at a time; what fails leaves all as it was.

        Args:
            bundle_id: a bundle of the store, or that of the settings, which is then put into the store.
            expected_generation: the newest generation that the administrator knows; None to take any.
            dry_run: whether to stop once the bundle is checked.
            who: the administrator's name, for the history.
            action: why, for the history.

        Raises:
            StaleGeneration: if the newest generation is another than expected.
            BundleUnknown: if there is no such bundle.
            IdaError: of another kind, if it cannot be loaded or does not pass its checks.
        """
        try:
            with self._turn:
                return self._activate(bundle_id, expected_generation, dry_run, who, action)
        except IdaError:
            self._metrics.swaps.labels("refused").inc()
            raise

    def rollback(self, *, expected_generation: int | None, dry_run: bool = False, who: str) -> ActivationResult:
        """Activate the bundle that was active before the one that is; raises as ``activate`` does.

        Raises:
            NothingToRollBack: if none was, or nothing is.
        """
        self._store.store_id()
        newest = self._store.newest_generation()
        active = self._active(newest)
        if active is None or active.previous is None:
            raise NothingToRollBack(
                "No anchor set was active before this one. Choose one of GET /admin/anchor-sets, and activate it."
            )
        expected = newest if expected_generation is None else expected_generation
        return self.activate(active.previous, expected_generation=expected, dry_run=dry_run, who=who, action="rollback")

    def delete(self, bundle_id: str) -> None:
        """Remove a bundle from the store.

        Raises:
            BundleUnknown: if it is not there.
            AnchorSetInUse: if it is active, or within its retention.
        """
        with self._turn:
            self._store.store_id()
            pushed_at = self._store.pushed_at(bundle_id)
            reason = self._listing.why_retained(bundle_id, pushed_at)
            if reason is not None:
                raise AnchorSetInUse(f"The bundle {bundle_id} cannot be deleted: {reason}.")
            self._store.delete(bundle_id)

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

    def _activate(
        self, bundle_id: str, expected: int | None, dry_run: bool, who: str, action: Action
    ) -> ActivationResult:
        began = time.perf_counter()
        store_id = self._store.store_id()
        newest = self._store.newest_generation()
        if expected is not None and expected != newest:
            raise StaleGeneration(
                f"The newest generation is {newest}, not {expected} as was expected. Look at GET /admin/activations "
                "for what changed, and ask again with the generation that you find there."
            )
        active = self._active(newest)
        previous = None if active is None else active.bundle_id
        # A newest record that cannot be read is mended by a newer one, of whatever bundle.
        is_changed = active is None or active.generation != newest or bundle_id != previous
        if bundle_id != self._switch.built_in_id or not is_changed:
            self._store.pushed_at(bundle_id)
        loaded = self._switch.prepare(bundle_id, newest + is_changed)
        if dry_run or not is_changed:
            return _result(loaded, previous, newest, began, is_changed=False, is_dry_run=dry_run)
        if bundle_id == self._switch.built_in_id:
            self._store.push(self._switch.built_in)
        record = Activation(generation=newest + 1, bundle_id=bundle_id, who=who, previous=previous, action=action)
        self._store.append(record)
        self._switch.put(loaded, began, store_id or self._store.store_id())
        self._follower.saw(record.generation)
        self._follower.wake()
        logger.info(
            "an anchor set was activated",
            extra={"bundle_id": bundle_id, "generation": record.generation, "who": who, "action": action},
        )
        return _result(loaded, previous, record.generation, began, is_changed=True, is_dry_run=False)

    def _active(self, newest: int) -> Activation | None:
        """Return the newest record that can be read; None where there is none."""
        try:
            return self._store.activation(newest) if newest else None
        except ActivationInvalid:
            return next(iter(self._store.activations()), None)


def _result(
    loaded: Loaded, previous: str | None, generation: int, began: float, *, is_changed: bool, is_dry_run: bool
) -> ActivationResult:
    snapshot, golden = loaded.snapshot, loaded.golden
    manifest = snapshot.manifest
    drift = max(golden.score_drift.values(), default=0.0)
    checks = (
        Check("parts", f"all {len(manifest.parts)} parts are what the manifest says"),
        Check("backbone", f"made for {manifest.backbone_id}, which is served"),
        Check("anchors", f"{manifest.count} of {manifest.dimension} values, finite and of unit norm"),
        Check("search", f"answers at k = {snapshot.parameters.k}"),
        Check("golden pairs", f"{golden.pairs} pairs by {len(golden.score_drift)} methods, largest drift {drift:.3g}"),
        Check("synthetic crop", f"cosine {golden.crop_similarity:.6f} with the maker's embedding"),
    )
    return ActivationResult(
        previous=previous,
        current=snapshot.bundle_id,
        generation=generation,
        is_changed=is_changed,
        is_dry_run=is_dry_run,
        checks=checks,
        golden_drift=dict(golden.score_drift),
        crop_similarity=golden.crop_similarity,
        seconds={**loaded.seconds, "total": time.perf_counter() - began},
    )
