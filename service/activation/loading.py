"""From a bundle's folder to a snapshot that may serve: loaded with the service's settings, its golden pairs scored."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from service.bundle.density_cache import DensityCache
from service.bundle.golden import LEAST_CROP_SIMILARITY, SCORE_TOLERANCE, GoldenReport, check_golden
from service.bundle.snapshot import Snapshot, load_snapshot
from service.errors import BundleInvalid, GoldenCheckFailed
from service.pipeline import FacePipeline
from service.settings import Settings
from service.store.bundle_store import BundleStore
from service.store.local_copies import LocalCopies
from service.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot that passed its checks.

    Attributes:
        snapshot: what may serve.
        golden: how far its scores are from what the bundle's maker saw.
        seconds: how long each step took, by name.
    """

    snapshot: Snapshot
    golden: GoldenReport
    seconds: dict[str, float]


class BundleLoader:
    """Loads and checks bundles for one pipeline and one set of settings. Safe to use from several threads."""

    def __init__(self, settings: Settings, pipeline: FacePipeline, metrics: Metrics) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._metrics = metrics

    @property
    def backbone_id(self) -> str:
        """The backbone that a bundle must have been made for."""
        return self._pipeline.backbone_id

    def load(self, folder: Path, generation: int) -> Loaded:
        """Load a bundle, build its index, and score its golden pairs.

        Raises:
            BundleInvalid, BundleMismatch, HeadMismatch, DeviceUnavailable, SettingsInvalid, SearchFailed: as
                ``load_snapshot`` says.
            GoldenCheckFailed: if the golden pairs or the synthetic crop score otherwise than when it was made.
            InferenceFailed: if a network fails.
        """
        began = time.perf_counter()
        settings, entries = self._settings, self._settings.density_cache
        snapshot = load_snapshot(
            folder,
            backbone_id=self._pipeline.backbone_id,
            device=settings.anchor_device,
            generation=generation,
            k=settings.k,
            tau=settings.tau,
            strength=settings.strength,
            threads=self._pipeline.threads,
            search=settings.anchor_search == "on",
            cache=DensityCache(entries, self._metrics.count_lookups) if entries else None,
        )
        loaded = time.perf_counter() - began
        checked = self.recheck(snapshot)
        return Loaded(snapshot, checked.golden, {"load": loaded, **checked.seconds})

    def recheck(self, snapshot: Snapshot) -> Loaded:
        """Score the golden pairs of a snapshot that is loaded already.

        Raises:
            GoldenCheckFailed, InferenceFailed, SearchFailed: as ``load`` says.
        """
        began = time.perf_counter()
        golden = check_golden(snapshot, self._pipeline.embed)
        if not golden.passed:
            raise GoldenCheckFailed(
                f"The bundle {snapshot.bundle_id} scores its golden pairs otherwise than when it was made (drift "
                f"{golden.worst_drift:.3g}, at most {SCORE_TOLERANCE}; synthetic crop "
                f"{golden.crop_similarity:.6f}, at least {LEAST_CROP_SIMILARITY}): the backbone, the search or the "
                "bundle is not what it was. Run `ida-verify check`, and build the bundle again."
            )
        return Loaded(snapshot, golden, {"check": time.perf_counter() - began})


def load_stored(
    loader: BundleLoader, store: BundleStore, copies: LocalCopies, bundle_id: str, generation: int
) -> Loaded:
    """Load a bundle of the store by its copy on this machine, which is made now if it is not there.

    A copy that the disk spoilt is made once more.

    Raises:
        StoreUnavailable, BundleUnknown, StorageFull, LocalCopyUnusable: as ``LocalCopies.folder_of`` says.
        BundleInvalid: if it is spoilt in the store.
        IdaError: of another kind, as ``BundleLoader.load`` says.
    """
    began = time.perf_counter()
    was_held = copies.held(bundle_id) is not None
    folder = copies.folder_of(bundle_id, store)
    fetched = time.perf_counter() - began
    try:
        loaded = loader.load(folder, generation)
        if loaded.snapshot.bundle_id != bundle_id:
            raise BundleInvalid(f"The copy of the bundle {bundle_id} in {folder} is {loaded.snapshot.bundle_id}.")
    except BundleInvalid:
        copies.drop(bundle_id)
        if was_held:
            return load_stored(loader, store, copies, bundle_id, generation)
        raise
    return replace(loaded, seconds={"fetch": fetched, **loaded.seconds})
