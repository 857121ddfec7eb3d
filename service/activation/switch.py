"""The switch: fetches and loads bundles in the background, one at a time, and puts one in force."""

import logging
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from service.activation.built_in import BuiltIn
from service.activation.decisions import require_decisions
from service.activation.loading import BundleLoader, LoadedSnapshot, load_stored
from service.errors import IdaError, LocalCopyUnusable
from service.snapshot.registry import Registry
from service.snapshot.snapshot import Snapshot
from service.store.bundle_store import BundleStore
from service.store.local_copies import LastGood, LocalCopies
from service.telemetry import Metrics

logger = logging.getLogger(__name__)

_NICENESS = 10


class Switch:
    """Loads bundles, and changes what a registry serves. Safe to use from several threads."""

    def __init__(
        self,
        *,
        registry: Registry,
        loader: BundleLoader,
        store: BundleStore,
        copies: LocalCopies,
        built_in: BuiltIn,
        metrics: Metrics,
    ) -> None:
        """Take what it works with.

        Args:
            registry: what serves.
            loader: loads bundles.
            store: where bundles come from.
            copies: where they are kept on this machine.
            built_in: the bundle of the settings, which need not be in the store.
            metrics: where loads and swaps are counted.
        """
        self._registry = registry
        self._loader = loader
        self._store = store
        self._copies = copies
        self.built_in = built_in.folder
        self.built_in_id = built_in.bundle_id
        self._metrics = metrics
        self._thread = ThreadPoolExecutor(1, "bundle-loader", initializer=_give_way)

    @property
    def served(self) -> Snapshot:
        """What is served now."""
        return self._registry.current()

    def prepare(self, bundle_id: str, generation: int, *, allow_uncalibrated: bool) -> LoadedSnapshot:
        """Fetch, load and check a bundle, in a thread of low priority, after whatever it is loading already.

        A bundle that is served already is not loaded again.

        Args:
            bundle_id: which.
            generation: as which it would be served.
            allow_uncalibrated: whether it may be one by which no request gets a decision.

        Raises:
            BundleUncalibrated: if it is such a one, and may not be.
            IdaError: as ``LocalCopies.folder_of`` and ``BundleLoader.load`` say; it is counted by its code.
        """
        return self._thread.submit(self._prepare, bundle_id, generation, allow_uncalibrated).result()

    def put(self, loaded: LoadedSnapshot, began: float, store_id: str | None) -> bool:
        """Serve a loaded snapshot from now on, if it is newer than what is served; return whether it was.

        Args:
            loaded: as ``prepare`` gave it.
            began: when it was decided to load it, by ``time.perf_counter``.
            store_id: the store that it comes from.
        """
        before = self._registry.current()
        if not self._registry.swap(loaded.snapshot):
            return False
        self._metrics.swaps.labels("swapped").inc()
        self._metrics.swap_seconds.observe(time.perf_counter() - began)
        describe(self._metrics, loaded, before)
        logger.info(
            "serving another anchor set",
            extra={
                "anchor_set_id": loaded.snapshot.bundle_id,
                "generation": loaded.snapshot.generation,
                "signed_by": loaded.snapshot.signer and loaded.snapshot.signer.name,
            },
        )
        self.remember(loaded.snapshot, store_id)
        return True

    def remember(self, snapshot: Snapshot, store_id: str | None) -> None:
        """Note what is served for a start with the store away, and drop the copies of what is not."""
        if snapshot.bundle_id is None:
            return
        # The anchor set of the settings lies where it always does, and needs no copy.
        if snapshot.bundle_id != self.built_in_id and self._copies.held(snapshot.bundle_id) is None:
            return
        try:
            self._copies.remember(
                LastGood(
                    bundle_id=snapshot.bundle_id,
                    generation=snapshot.generation,
                    store_id=store_id,
                    store=self._store.url,
                )
            )
            self._copies.prune({snapshot.bundle_id})
        except LocalCopyUnusable as error:
            logger.warning("%s A start with the store away would not find what is served now.", error.message)

    def close(self) -> None:
        """End the thread, after what it is loading."""
        self._thread.shutdown(cancel_futures=True)

    def _prepare(self, bundle_id: str, generation: int, allow_uncalibrated: bool) -> LoadedSnapshot:
        try:
            loaded = self._load(bundle_id, generation)
            if not allow_uncalibrated:
                require_decisions(loaded.snapshot, self._loader.pipeline_id)
            return loaded
        except IdaError as error:
            self._metrics.load_failures.labels(error.code).inc()
            raise

    def _load(self, bundle_id: str, generation: int) -> LoadedSnapshot:
        served = self._registry.current()
        if served.bundle_id == bundle_id:
            # Its golden pairs are scored all the same: the checks that were asked for are made.
            return self._loader.recheck(replace(served, generation=generation))
        if self.built_in is not None and bundle_id == self.built_in_id:
            return self._loader.load(self.built_in, generation)
        return load_stored(self._loader, self._store, self._copies, bundle_id, generation)


def describe(metrics: Metrics, loaded: LoadedSnapshot, before: Snapshot | None = None) -> None:
    """Say in the metrics what is served, in the place of what was before."""
    snapshot = loaded.snapshot
    if before is not None and before.manifest is not None:
        metrics.anchor_set_info.remove(before.bundle_id, before.manifest.anchors_digest, before.manifest.backbone_id)
    manifest = snapshot.manifest
    if manifest is not None:
        metrics.anchor_set_info.labels(snapshot.bundle_id, manifest.anchors_digest, manifest.backbone_id).set(1)
    metrics.anchor_set_generation.set(snapshot.generation)
    metrics.anchor_set_size.set(0 if manifest is None else manifest.count)
    metrics.golden_drift.set(0 if loaded.golden is None else loaded.golden.worst_drift)


def _give_way() -> None:
    """Let the requests' threads have the processors first, where the system knows priorities of threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
