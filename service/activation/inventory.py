"""The bundles that can be activated, what each says of itself, and which must stay."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise

from service.activation.built_in import BuiltIn
from service.activation.outcomes import AnchorSetEntry, AnchorSetState, ReplicaState
from service.bundle.bundle_manifest import CALIBRATION, Manifest
from service.bundle.calibration_part import parse_calibrations
from service.bundle.reader import manifest_content, read_manifest
from service.bundle.signature import TrustedKeys, parse_signature, read_signature
from service.errors import BundleInvalid, BundleNotTrusted
from service.snapshot.registry import Registry
from service.store.bundle_store import BundleStore
from service.store.records import Activation, now

# Reports come every three looks; one more is allowed for a slow one, and some seconds for clocks that differ.
_ALIVE_LOOKS = 4
_ALIVE_SECONDS = 5.0


class Inventory:
    """Looks at a store's bundles. Safe to use from several threads; raises ``StoreUnavailable`` as the store does."""

    def __init__(
        self,
        store: BundleStore,
        registry: Registry,
        built_in: BuiltIn,
        *,
        retention: tuple[int, timedelta],
        keys: TrustedKeys | None,
    ) -> None:
        """Take what is looked at.

        Args:
            store: the store.
            registry: what this replica serves.
            built_in: the bundle of the settings.
            retention: how many of the bundles active last stay, and for how long any stays.
            keys: by which bundles must be signed; None where they need not be.
        """
        self._store = store
        self._registry = registry
        self._built_in = built_in
        self._built_in_id = built_in.bundle_id
        self._keep, self._least_age = retention
        self._keys = keys

    def entries(self) -> list[AnchorSetEntry]:
        """Return every bundle that can be activated, the active one first, then the newest."""
        history, elsewhere = self._store.activations(), cache(self._served_elsewhere)
        ids = self._store.bundle_ids()
        found = [self._stored(bundle_id, history, elsewhere) for bundle_id in ids]
        folder = self._built_in.folder
        if folder is not None and self._built_in_id is not None and self._built_in_id not in ids:
            signed = self._signed(lambda: manifest_content(folder), read_signature(folder))
            manifest = read_manifest(folder)
            found.append(self._entry(self._built_in_id, "built_in", None, history, manifest, signed=signed))
        return sorted(found, key=lambda entry: (entry.state != "active", -(entry.last_generation or 0), entry.id))

    def replicas(self) -> list[ReplicaState]:
        """Return what every replica last said of itself, by name."""
        found, at = [], now()
        for report in self._store.reports():
            ago = (at - report.at).total_seconds()
            found.append(ReplicaState(report, ago, ago <= _ALIVE_LOOKS * report.watch_interval + _ALIVE_SECONDS))
        return found

    def why_served(self, bundle_id: str) -> str | None:
        """Return why a bundle can never be deleted now: it is active or served; None where it is neither."""
        return self._why_served(bundle_id, self._store.activations(), self._served_elsewhere)

    def why_retained(self, bundle_id: str, pushed_at: datetime) -> str | None:
        """Return why a bundle that is not served stays unless somebody says otherwise; None where nothing speaks."""
        return self._why_retained(bundle_id, pushed_at, self._store.activations())

    def _served_elsewhere(self) -> dict[str, str]:
        """Return by bundle the name of a replica that serves it and runs."""
        return {
            state.report.bundle_id: state.report.replica
            for state in self.replicas()
            if state.is_alive and state.report.bundle_id is not None
        }

    def _why_served(
        self, bundle_id: str, history: tuple[Activation, ...], elsewhere: Callable[[], dict[str, str]]
    ) -> str | None:
        if history and history[0].bundle_id == bundle_id:
            return "it is active. Activate another first"
        if bundle_id == self._registry.current().bundle_id:
            return "it is served here, until this replica follows the active one"
        # Asked last: every replica's report is read for it.
        if (replica := elsewhere().get(bundle_id)) is not None:
            return f"the replica {replica} serves it. Wait until it follows the active one, or stop it"
        return None

    def _why_retained(self, bundle_id: str, pushed_at: datetime, history: tuple[Activation, ...]) -> str | None:
        recent = list(dict.fromkeys(record.bundle_id for record in history))[: self._keep]
        if bundle_id in recent:
            return f"it is one of the {self._keep} that were active last (IDA_RETENTION_COUNT)"
        # A bundle was active until the record after its own was written.
        ends = [after.at for after, record in pairwise(history) if record.bundle_id == bundle_id]
        free_at = max([pushed_at, *ends]) + self._least_age
        if now() < free_at:
            return f"it was pushed or active lately; it can be from {free_at.isoformat(timespec='seconds')} on"
        return None

    def _stored(
        self, bundle_id: str, history: tuple[Activation, ...], elsewhere: Callable[[], dict[str, str]]
    ) -> AnchorSetEntry:
        pushed_at = self._store.pushed_at(bundle_id)
        stays = self._why_served(bundle_id, history, elsewhere) or self._why_retained(bundle_id, pushed_at, history)
        state: AnchorSetState = "active" if history and history[0].bundle_id == bundle_id else "available"
        try:
            manifest = self._store.manifest(bundle_id)
        except BundleInvalid as error:
            return self._entry(bundle_id, state, pushed_at, history, None, error.message, retained=stays is not None)
        signed = self._signed(lambda: self._store.manifest_content(bundle_id), self._store.signature(bundle_id))
        return self._entry(bundle_id, state, pushed_at, history, manifest, signed=signed, retained=stays is not None)

    def _signed(self, manifest: Callable[[], bytes], signature: bytes | None) -> tuple[str | None, str | None]:
        """Return who signed a bundle, where that key is trusted here, and the key that its signature names."""
        if signature is None:
            return None, None
        key_id = None
        try:
            key_id = parse_signature(signature).key_id
            signer = None if self._keys is None else self._keys.verify(manifest(), signature)
        except BundleNotTrusted:
            return None, key_id
        return None if signer is None else signer.name, key_id

    def _entry(
        self,
        bundle_id: str,
        state: AnchorSetState,
        pushed_at: datetime | None,
        history: tuple[Activation, ...],
        manifest: Manifest | None,
        error: str | None = None,
        *,
        signed: tuple[str | None, str | None] = (None, None),
        retained: bool = False,
    ) -> AnchorSetEntry:
        generations = [record.generation for record in history if record.bundle_id == bundle_id]
        facts = {
            "id": bundle_id,
            "state": state,
            "served_here": self._registry.current().bundle_id == bundle_id,
            "retained": retained,
            "pushed_at": pushed_at,
            "last_generation": max(generations, default=None),
            "error": error,
            "signed_by": signed[0],
            "key_id": signed[1],
        }
        if manifest is None:
            return AnchorSetEntry(**facts)
        return AnchorSetEntry(
            **facts,
            anchors_digest=manifest.anchors_digest,
            backbone_id=manifest.backbone_id,
            count=manifest.count,
            dimension=manifest.dimension,
            default_method=manifest.default_method,
            parameters=manifest.parameters,
            parts={name: part.bytes for name, part in manifest.parts.items()},
            provenance=dict(manifest.provenance),
            operating_points=self._operating_points(bundle_id, manifest, state),
        )

    def _operating_points(
        self, bundle_id: str, manifest: Manifest, state: AnchorSetState
    ) -> dict[str, dict[str, float]] | None:
        if CALIBRATION not in manifest.parts:
            return None
        part = manifest.parts[CALIBRATION]
        try:
            if state == "built_in" and self._built_in.folder is not None:
                content: bytes | None = (self._built_in.folder / part.file).read_bytes()
            else:
                content = self._store.part(bundle_id, part)
            calibrations = parse_calibrations(content or b"", manifest)
        except (BundleInvalid, OSError):
            return None
        return {found.method: {point.name: point.threshold for point in found.points} for found in calibrations.methods}
