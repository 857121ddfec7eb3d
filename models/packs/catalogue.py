"""What ``models list`` shows: shipped packs and installed ones, one row each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.packs.liveness_pull import shipped_liveness
from models.packs.shipped import shipped_manifest, shipped_names
from models.packs.store import PackStore
from service.errors import PackInvalid, PackNotFound
from service.pack import (
    LIVENESS,
    LIVENESS_MANIFEST_NAME,
    MANIFEST_NAME,
    PackManifest,
    installed_liveness,
    parse_liveness_manifest,
    parse_manifest,
    read_manifest,
    read_receipt,
)

PackState = Literal["installed", "not installed", "damaged"]


@dataclass(frozen=True, slots=True)
class PackRow:
    """One pack.

    Attributes:
        name: its name.
        state: whether it is in the data folder; ``damaged`` where its manifest or receipt cannot be read.
            Digests are not computed: that is ``models verify``.
        dimension: of its embeddings; None, like all that follows, where the pack cannot be read.
        backbone_id: see PackManifest.
        pipeline_id: see PackManifest.
        bytes: size of its networks together.
        licence: the licences of its networks.
    """

    name: str
    state: PackState
    dimension: int | None
    backbone_id: str | None
    pipeline_id: str | None
    bytes: int | None
    licence: str | None


def pack_rows(store: PackStore) -> list[PackRow]:
    """Return a row for each pack that is installed or shipped, in order of name.

    Raises:
        PackStoreUnusable: if the data folder cannot be read.
    """
    installed = store.names()
    rows = [_installed_row(store, name) for name in installed]
    rows.extend(
        _row(parse_manifest(shipped_manifest(name), where=MANIFEST_NAME), "not installed")
        for name in shipped_names()
        if name not in installed
    )
    return sorted(rows, key=lambda row: row.name)


def liveness_row(home: Path) -> PackRow:
    """Return the row of the liveness part, which is no pack and has no embeddings.

    Args:
        home: the data folder.
    """
    state: PackState = "installed"
    manifest = parse_liveness_manifest(shipped_liveness(), where=LIVENESS_MANIFEST_NAME)
    try:
        manifest = installed_liveness(home).manifest
    except PackNotFound:
        state = "not installed"
    except PackInvalid:
        return PackRow(LIVENESS, "damaged", None, None, None, None, None)
    part = manifest.liveness
    return PackRow(LIVENESS, state, None, None, None, part.bytes, part.licence)


def _installed_row(store: PackStore, name: str) -> PackRow:
    try:
        folder = store.folder(name)
        read_receipt(folder)
        return _row(read_manifest(folder), "installed")
    except (PackInvalid, PackNotFound):
        return PackRow(name, "damaged", None, None, None, None, None)


def _row(manifest: PackManifest, state: PackState) -> PackRow:
    return PackRow(
        name=manifest.name,
        state=state,
        dimension=manifest.dimension,
        backbone_id=manifest.backbone_id,
        pipeline_id=manifest.pipeline_id,
        bytes=sum(part.bytes for part in manifest.files),
        licence=", ".join(sorted({part.licence for part in manifest.files})),
    )
