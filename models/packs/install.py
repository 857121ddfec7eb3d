"""From the published files of a pack to a folder that can be served: converted, proven, with its receipt."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import onnx

from models.packs.convert.graph_form import make_batch_dynamic, read_graph
from models.packs.convert.speed import flush_alone, rewrite_for_speed
from models.packs.eight_bits import store_in_eight_bits
from models.packs.photographs import real_inputs
from models.packs.proof import OTHER_ENGINE_MAGNITUDE, prove_equal
from models.tool_errors import GraphNotConvertible
from service.arrays import Floats32
from service.cpus import usable_cpus
from service.errors import PackInvalid
from service.inference.providers import Placement
from service.inference.runs import RunGraph
from service.inference.session import OnnxSession
from service.pack import (
    MANIFEST_NAME,
    RECEIPT_NAME,
    BackboneFile,
    LivenessFile,
    NetworkRole,
    PackFile,
    Proof,
    Receipt,
    ReceiptFile,
    ReceiptSource,
    Rewrite,
    file_sha256,
    parse_manifest,
)

Step = Callable[[str], None]
"""Told in words what begins now."""

_DISTRIBUTIONS = ("ida-verify", "onnx", "onnxruntime", "onnxruntime-gpu", "numpy", "opencv-python-headless")


def check_file(path: Path, part: PackFile, *, advice: str) -> None:
    """Check that a file is the one that the manifest names.

    Raises:
        PackInvalid: if its size or its digest is another.
    """
    size = path.stat().st_size
    if size != part.bytes:
        raise PackInvalid(f"{part.file} has {size} bytes, the manifest says {part.bytes}. {advice}")
    digest = file_sha256(path)
    if digest != part.sha256:
        raise PackInvalid(f"{part.file} has sha256 {digest}, the manifest says {part.sha256}. {advice}")


def build_pack(
    manifest_content: bytes,
    originals: Path,
    built: Path,
    *,
    sources: Mapping[str, ReceiptSource],
    step: Step,
    references: Mapping[str, RunGraph] = MappingProxyType({}),
) -> Receipt:
    """Write a pack that can be served into an empty folder.

    Args:
        manifest_content: the bytes of ``pack.toml``, stored as they are.
        originals: the folder with the published ONNX files, or those made from published files; digests were checked.
        built: the empty folder.
        sources: where the files came from, for the receipt.
        step: told what begins.
        references: by file name, what a network that was made from a published one is compared with: another
            engine's run of the published file. The others are compared with ONNX Runtime's run of the original.

    Returns:
        The receipt, which was written too.

    Raises:
        PackInvalid: if a file is no network of the kind the manifest says.
        GraphNotConvertible: if the backbone or the landmark network cannot take batches, or does not compute
            the same once it does. A detector runs one image at a time and is then kept as it is. A network that
            computes something else once it is rewritten for speed is kept without that, and the receipt says so.
        InferenceFailed: if a published network fails on its own.
    """
    manifest = parse_manifest(manifest_content, where=MANIFEST_NAME)
    step("reading the published networks and running them on real photographs")
    graphs = {role: read_graph(originals / part.file) for role, part in manifest.by_role.items()}
    published = {
        role: OnnxSession(originals / part.file, Placement(threads=usable_cpus()))
        for role, part in manifest.by_role.items()
    }
    before_backbone: dict[str, RunGraph] = {
        role: session.run for role, session in published.items() if role not in manifest.backbones_by_role
    }
    inputs = real_inputs(manifest, before_backbone)
    for role, backbone in manifest.backbones_by_role.items():
        _check_dimension(backbone, published[role], inputs[role])
    entries: dict[NetworkRole, ReceiptFile] = {}
    for role, part in manifest.by_role.items():
        step(f"converting {part.file} and comparing it with the original")
        entries[role] = store_network(
            role,
            part,
            graphs[role],
            source=originals / part.file,
            stored=built / part.file,
            published=published[role].run,
            reference=references.get(part.file),
            inputs=inputs[role],
        )
    (built / MANIFEST_NAME).write_bytes(manifest_content)
    receipt = Receipt(
        format=1,
        name=manifest.name,
        backbone_id=manifest.backbone_id,
        pipeline_id=manifest.pipeline_id,
        manifest_sha256=file_sha256(built / MANIFEST_NAME),
        installed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=tool_versions(),
        sources=dict(sources),
        files=entries,
    )
    (built / RECEIPT_NAME).write_text(receipt.model_dump_json(indent=2, exclude_defaults=True) + "\n", encoding="utf-8")
    return receipt


def store_network(
    role: NetworkRole,
    part: PackFile,
    graph: onnx.ModelProto,
    *,
    source: Path,
    stored: Path,
    published: RunGraph,
    inputs: Floats32,
    reference: RunGraph | None = None,
) -> ReceiptFile:
    """Write a network as it will be served, proven equal to the published one, and say what was done.

    Args:
        role: what it does.
        part: what the manifest says of it.
        graph: as ``read_graph`` gave it; it is changed in place.
        source: the published file.
        stored: where it is written.
        published: the published file, ready to run.
        inputs: (n, channels, height, width) float32, what the service feeds it.
        reference: another engine's run of the file that it was made from; None where it was not.

    Raises:
        GraphNotConvertible, InferenceFailed: as ``build_pack`` says.
    """
    batch: Literal["dynamic", "one"] = "dynamic"
    sizes = sorted({1, 3, len(inputs)})
    try:
        batched = make_batch_dynamic(graph, name=part.file)
        # A file that needs no change is kept to the byte.
        content = batched.content if batched.changes else source.read_bytes()
        proof = _proven(content, stored, published, inputs, batch_sizes=sizes, name=part.file)
        changes = batched.changes
    except GraphNotConvertible:
        if role != "detector":
            raise
        batch, sizes, changes = "one", [1], ["kept as published: its batch axis could not be made dynamic"]
        content = source.read_bytes()
        proof = _proven(content, stored, published, inputs, batch_sizes=sizes, name=part.file)
    rewrite: Rewrite = "nothing to do"
    flushed = 0
    # Landmarks that differ in their last bit give crops with other pixels, and those other embeddings.
    for attempt in (
        partial(rewrite_for_speed, to_the_bit=not isinstance(part, BackboneFile | LivenessFile)),
        flush_alone,
    ):
        try:
            faster = attempt(content, name=part.file)
            if faster.changes:
                proof = _proven(faster.content, stored, published, inputs, batch_sizes=sizes, name=part.file)
        except GraphNotConvertible as error:
            stored.write_bytes(content)
            rewrite, changes = "refused", [*changes, f"not rewritten for speed: {error.message}"]
            continue
        if faster.changes and rewrite != "refused":
            rewrite = "done"
        changes, flushed = [*changes, *faster.changes], faster.flushed
        break
    if part.conversion is not None:
        changes = [f"made from {part.member} by the conversion {part.conversion}", *changes]
    if reference is not None:
        served = OnnxSession(stored, Placement(threads=usable_cpus()))
        made = prove_equal(
            reference,
            served.run,
            inputs,
            batch_sizes=[1],
            name=part.file,
            least_magnitude=OTHER_ENGINE_MAGNITUDE,
        )
        changes.append(
            f"equal to OpenCV's run of {part.member}: least cosine {made.minimum_cosine:.9f}, greatest difference "
            f"{made.maximum_difference:.1e}"
        )
    relative_time = None
    if isinstance(part, BackboneFile) and part.quantization is not None:
        proof, relative_time = store_in_eight_bits(stored, part.quantization, inputs, batch_sizes=sizes, name=part.file)
        changes.append("written in 8 bits")
    return ReceiptFile(
        file=part.file,
        source_sha256=part.sha256,
        sha256=file_sha256(stored),
        bytes=stored.stat().st_size,
        batch=batch,
        rewrite=rewrite,
        flushed=flushed,
        relative_time=relative_time,
        changes=changes,
        proof=proof,
    )


def _proven(
    content: bytes, stored: Path, published: RunGraph, inputs: Floats32, *, batch_sizes: Sequence[int], name: str
) -> Proof:
    stored.write_bytes(content)
    try:
        converted = OnnxSession(stored, Placement(threads=usable_cpus()))
    except PackInvalid as error:
        raise GraphNotConvertible(f"Once it is converted, {error.message}") from error
    return prove_equal(published, converted.run, inputs, batch_sizes=batch_sizes, name=name)


def _check_dimension(part: BackboneFile, backbone: OnnxSession, inputs: Floats32) -> None:
    shape = backbone.run(inputs[:1])[0].shape
    if shape != (1, part.dimension):
        raise PackInvalid(
            f"{part.file} gives an output of shape {shape} for one crop, the manifest says "
            f"{(1, part.dimension)}. Set dimension in [backbone], or export the network so that "
            "its first output is the embedding."
        )


def tool_versions() -> dict[str, str]:
    """Return the versions of what converts and proves networks, for the receipt."""
    found = {}
    for distribution in _DISTRIBUTIONS:
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:  # of onnxruntime and onnxruntime-gpu only one is installed
            continue
    return found
