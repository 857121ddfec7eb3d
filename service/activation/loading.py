"""From a bundle's folder to a snapshot that may serve: loaded with the service's settings, its golden pairs scored."""

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

from service.activation.built_in import shipped_bundles
from service.bundle.bundle_manifest import HEADS, Manifest
from service.bundle.reader import manifest_content
from service.bundle.signature import Signer, TrustedKeys, load_trusted_keys, read_signature
from service.errors import (
    BundleInvalid,
    BundleNotTrusted,
    CalibrationInconsistent,
    GoldenCheckFailed,
    HeadMismatch,
    SettingsInvalid,
    UnknownOperatingPoint,
)
from service.pipeline import FacePipeline
from service.scoring.consistency import contradictions
from service.settings import Settings
from service.snapshot.density_cache import CountLookups, DensityCache
from service.snapshot.golden_check import LEAST_CROP_SIMILARITY, SCORE_TOLERANCE, GoldenReport, check_golden
from service.snapshot.snapshot import Snapshot, load_snapshot
from service.store.bundle_store import BundleStore
from service.store.local_copies import LocalCopies


@dataclass(frozen=True, slots=True)
class LoadedSnapshot:
    """A snapshot that passed its checks.

    Attributes:
        snapshot: what may serve.
        golden: how far its scores are from what the bundle's maker saw; None where no anchor set is served.
        seconds: how long each step took, by name.
    """

    snapshot: Snapshot
    golden: GoldenReport | None
    seconds: dict[str, float]


class BundleLoader:
    """Loads and checks bundles for one pipeline and one set of settings. Safe to use from several threads."""

    def __init__(self, settings: Settings, pipeline: FacePipeline, count_lookups: CountLookups | None = None) -> None:
        """Take what bundles are loaded for.

        Args:
            settings: the service's.
            pipeline: the models.
            count_lookups: told how the density cache is used; None for nobody.

        Raises:
            SettingsInvalid: if the keys that bundles must be signed by cannot be read.
        """
        self._settings = settings
        self._pipeline = pipeline
        self._count_lookups = count_lookups
        self._keys = None if settings.bundle_keys is None else _trusted(settings.bundle_keys)

    @property
    def keys(self) -> TrustedKeys | None:
        """The keys by which bundles must be signed; None where they need not be."""
        return self._keys

    @property
    def pipeline_id(self) -> str:
        """The pipeline that a bundle's calibration and heads must have been made for."""
        return self._pipeline.pipeline_id

    @property
    def backbone_id(self) -> str:
        """The backbone that a bundle must have been made for."""
        return self._pipeline.backbone_id

    def verify(self, folder: Path) -> Signer | None:
        """Return who signed the bundle in a folder; None where it need not be signed.

        Raises:
            BundleNotTrusted: if it must be, and is not by a trusted key.
            BundleInvalid: if there is no bundle.
        """
        if self._keys is None:
            return None
        return self._keys.verify(manifest_content(folder), read_signature(folder))

    def load(self, folder: Path, generation: int) -> LoadedSnapshot:
        """Find out who signed a bundle, load it, build its index, and score its golden pairs.

        Raises:
            BundleNotTrusted: if it must be signed, and is not by a trusted key.
            HeadMismatch: also if it has a head that was trained for another pipeline than is served.
            CalibrationInconsistent: if its thresholds contradict its curves.
            SettingsInvalid: also if it was not calibrated for the default operating point.
            BundleInvalid, BundleMismatch, HeadMismatch, DeviceUnavailable, SettingsInvalid, SearchFailed: as
                ``load_snapshot`` says.
            GoldenCheckFailed: if the golden pairs or the synthetic crop score otherwise than when it was made.
            InferenceFailed: if a network fails.
        """
        began = time.perf_counter()
        signer = self.verify(folder)
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
            cache=DensityCache(entries, self._count_lookups) if entries else None,
        )
        if snapshot.manifest is not None:
            self._check_heads(snapshot.manifest)
        self._check_operating_point(snapshot)
        snapshot = replace(snapshot, signer=signer)
        loaded = time.perf_counter() - began
        checked = self.recheck(snapshot)
        return LoadedSnapshot(snapshot, checked.golden, {"load": loaded, **checked.seconds})

    def recheck(self, snapshot: Snapshot) -> LoadedSnapshot:
        """Compare the thresholds of a snapshot that is loaded already with its curves, and score its golden pairs.

        Raises:
            CalibrationInconsistent, GoldenCheckFailed, InferenceFailed, SearchFailed: as ``load`` says.
        """
        began = time.perf_counter()
        if snapshot.calibrations is not None:
            problems = contradictions(snapshot.calibrations)
            if problems:
                raise CalibrationInconsistent(
                    f"The calibration of anchor set {snapshot.bundle_id} contradicts itself: {'; '.join(problems[:5])}"
                    f"{f'; and {len(problems) - 5} more' if len(problems) > 5 else ''}. Calibrate the anchor set again."
                )
        golden = check_golden(snapshot, self._pipeline.embed)
        if golden is not None and not golden.passed:
            raise GoldenCheckFailed(
                f"The anchor set {snapshot.bundle_id} is not what it was when it was made: {_told(golden)}"
            )
        return LoadedSnapshot(snapshot, golden, {"check": time.perf_counter() - began})

    def _check_operating_point(self, snapshot: Snapshot) -> None:
        """Refuse an anchor set without the operating point that the operator chose; the default is nobody's choice."""
        chosen = self._settings.operating_point if "operating_point" in self._settings.model_fields_set else ""
        if not chosen or snapshot.calibrations is None:
            return
        try:
            snapshot.calibrations.require_point(chosen)
        except UnknownOperatingPoint as error:
            raise SettingsInvalid(
                f"IDA_OPERATING_POINT does not fit the anchor set {snapshot.bundle_id}. {error.message}"
            ) from error

    def _check_heads(self, manifest: Manifest) -> None:
        """Refuse heads of another pipeline; that they are of the bundle's own was found when their cards were read."""
        heads = [name for name in HEADS if name in manifest.parts]
        if heads and manifest.pipeline_id != self.pipeline_id:
            raise HeadMismatch(
                f"The anchor set has a head ({', '.join(heads)}) trained for the pipeline {manifest.pipeline_id}, "
                f"and {self.pipeline_id} is served. Serve the pack it was made for (IDA_PACK), or build a bundle for "
                "this one and train its head."
            )


def _told(golden: GoldenReport) -> str:
    """Say what a golden check found, and what to do about it."""
    if golden.crop_similarity < LEAST_CROP_SIMILARITY:
        return (
            f"its synthetic crop is embedded otherwise (cosine {golden.crop_similarity:.6f}, at least "
            f"{LEAST_CROP_SIMILARITY}), so the backbone here gives other embeddings. Compare ONNX Runtime and device "
            "with where it was made, run `ida-verify models verify`, or build the anchor set again with this pack."
        )
    methods = ", ".join(f"{method} by {drift:.3g}" for method, drift in golden.drifted.items())
    return (
        f"golden pairs are scored otherwise by methods that are served here ({methods} of the largest score, at most "
        f"{SCORE_TOLERANCE}), and whoever asks for these would get other scores than were calibrated. Train the head "
        "that they rest on again, where it is a method with one, or build the anchor set again; if other replicas "
        "take it as it is, compare hardware, ONNX Runtime and device (IDA_ANCHOR_DEVICE) with theirs."
    )


def _trusted(path: Path) -> TrustedKeys:
    # What lies inside the package is trusted as the package's code is, wherever a copy of it comes from.
    own = {hashlib.sha256(manifest_content(folder)).hexdigest() for folder in shipped_bundles()}
    return load_trusted_keys(path, frozenset(own))


def load_stored(
    loader: BundleLoader, store: BundleStore, copies: LocalCopies, bundle_id: str, generation: int
) -> LoadedSnapshot:
    """Load a bundle of the store by its copy on this machine, which is made now if it is not there.

    A copy that the disk spoilt, or that was made before the bundle was signed, is made once more.

    Raises:
        BundleNotTrusted: if it must be signed, and is not by a trusted key.
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
            raise BundleInvalid(f"The copy of the anchor set {bundle_id} in {folder} is {loaded.snapshot.bundle_id}.")
    except (BundleInvalid, BundleNotTrusted):
        copies.drop(bundle_id)
        if was_held:
            return load_stored(loader, store, copies, bundle_id, generation)
        raise
    return replace(loaded, seconds={"fetch": fetched, **loaded.seconds})
