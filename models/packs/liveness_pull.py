"""``models pull liveness``: the optional liveness part, fetched, converted and proven as the networks of packs are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import numpy as np

from models.packs.convert.graph_form import read_graph
from models.packs.install import Step, store_network, tool_versions
from models.packs.photographs import example_photographs
from models.packs.sources.source_kinds import obtain
from models.packs.store import PackStore
from service.arrays import Floats32, ImageArray
from service.cpus import usable_cpus
from service.errors import PackInvalid, PackNotFound
from service.faces.liveness import network_inputs
from service.faces.types import Box
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.pack import (
    LIVENESS,
    LIVENESS_MANIFEST_NAME,
    RECEIPT_NAME,
    InstalledLiveness,
    LivenessFile,
    LivenessManifest,
    LivenessReceipt,
    ReceiptSource,
    file_sha256,
    installed_liveness,
    parse_liveness_manifest,
)

# Where the face is in the portrait, over the picture's sides; in its changed copies it is close enough for a proof.
_FACE = Box(0.35, 0.12, 0.52, 0.34)


@dataclass(frozen=True, slots=True)
class LivenessOutcome:
    """What came of a pull.

    Attributes:
        part: as it is installed now.
        changed: False where it was installed already and nothing was done.
        notes: what the user should know besides.
    """

    part: InstalledLiveness
    changed: bool
    notes: list[str]


def liveness_store(home: Path) -> PackStore:
    """Return the data folder of the parts that belong to no pack."""
    return PackStore(home, kind="parts")


def shipped_liveness() -> bytes:
    """Return the bytes of the shipped manifest."""
    return files("models.packs").joinpath(LIVENESS, LIVENESS_MANIFEST_NAME).read_bytes()


def pull_liveness(
    store: PackStore, manifest_content: bytes, *, given: Sequence[Path], force: bool, step: Step
) -> LivenessOutcome:
    """Install the liveness part from its source package; nothing is done if it is installed and intact.

    Args:
        store: as ``liveness_store`` gives it.
        manifest_content: the bytes of ``liveness.toml``.
        given: the file of the source package or of the network; where there is none it is fetched.
        force: install again even if it is there.
        step: told what begins.

    Raises:
        PackSourceUnavailable: if the client is missing or fails, or a given file cannot be read or is of no source.
        PackInvalid: if a digest or size is not the manifest's, or the network gives what the manifest does not say.
        PackStoreBusy, PackStoreUnusable, GraphNotConvertible, InferenceFailed: as they say.
    """
    manifest = parse_liveness_manifest(manifest_content, where=LIVENESS_MANIFEST_NAME)
    notes: list[str] = []
    if not force:
        try:
            present = installed_liveness(store.home)
        except PackNotFound:
            pass
        except PackInvalid:
            notes.append("The part was damaged and was installed again.")
        else:
            if present.manifest == manifest:
                return LivenessOutcome(present, changed=False, notes=[])
            notes.append("An older version of the part was replaced.")
    with store.changing(), store.staging() as staging:
        originals, built = staging / "source", staging / "part"
        originals.mkdir()
        built.mkdir()
        obtained = obtain(manifest, given, scratch=staging, originals=originals, step=step)
        step(f"converting {manifest.liveness.file} and comparing it with the original")
        receipt = _build(manifest, originals, built, sources=obtained.sources, content=manifest_content)
        (built / RECEIPT_NAME).write_text(receipt.model_dump_json(indent=2) + "\n", encoding="utf-8")
        store.publish(built, manifest.name)
    return LivenessOutcome(installed_liveness(store.home), changed=True, notes=[*notes, *obtained.notes])


def _build(
    manifest: LivenessManifest,
    originals: Path,
    built: Path,
    *,
    sources: dict[str, ReceiptSource],
    content: bytes,
) -> LivenessReceipt:
    spec = manifest.liveness
    source = originals / spec.file
    graph = read_graph(source)
    published = OnnxSession(source, Placement(threads=usable_cpus()))
    inputs = _example_inputs(spec)
    shape = published.run(inputs[:1])[0].shape
    if len(shape) != 2 or shape[1] <= spec.live_output:
        raise PackInvalid(
            f"{spec.file} gives an output of shape {shape} for one crop, which has no value {spec.live_output} "
            "(live_output)."
        )
    entry = store_network(
        LIVENESS,
        spec,
        graph,
        source=source,
        stored=built / spec.file,
        published=published.run,
        inputs=inputs,
    )
    (built / LIVENESS_MANIFEST_NAME).write_bytes(content)
    return LivenessReceipt(
        format=1,
        name=LIVENESS,
        liveness_id=manifest.liveness_id,
        manifest_sha256=file_sha256(built / LIVENESS_MANIFEST_NAME),
        installed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=tool_versions(),
        sources=sources,
        file=entry,
    )


def _example_inputs(spec: LivenessFile) -> Floats32:
    """Return what the service feeds the network of the example photographs: one crop of each, and all scales of one."""
    photographs = example_photographs()
    crops = [network_inputs(photograph, _face_in(photograph), spec)[1:2] for photograph in photographs]
    return np.concatenate([*crops, network_inputs(photographs[0], _face_in(photographs[0]), spec)])


def _face_in(photograph: ImageArray) -> Box:
    rows, columns = photograph.shape[:2]
    return Box(_FACE.left * columns, _FACE.top * rows, _FACE.right * columns, _FACE.bottom * rows)
