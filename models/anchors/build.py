"""Building an anchor bundle: a source's images to embeddings, what is done to them as a set, and the bundle written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from models.anchors.build_options import BuildOptions
from models.anchors.crops import Tally, reasons
from models.anchors.embedding import CHECKPOINT_ITEMS, embed_source
from models.anchors.journal import embedding_journal
from models.anchors.rows import AnchorRows
from models.anchors.source import AnchorSource
from models.anchors.steps import SetReport, shape_set
from models.bundles.create import NewBundle, create_bundle
from models.engines.engine import BATCH_SIZE, Engine, LocalEngine
from models.program import created_by
from models.progress import Stage, unstaged
from service.arrays import Floats32
from service.errors import TooFewAnchors
from service.pipeline import FacePipeline


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a build is.

    Attributes:
        images: images (of real faces: people) that are done.
        total: how many there are.
        anchors: embeddings so far.
        rejected: images without an embedding by reason.
    """

    images: int
    total: int
    anchors: int
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Built:
    """A bundle that was built.

    Attributes:
        bundle_id: its id.
        anchors: how many there are.
        images: how many were looked at; 0 where the anchors were made from none.
        rejected: images without an anchor by reason.
        other_files: files below the source's folder that are no images.
        report: what was done to the embeddings as a set.
        unreadable: pictures that could not be read, each with its reason.
    """

    bundle_id: str
    anchors: int
    images: int
    rejected: Mapping[str, int]
    other_files: int
    report: SetReport
    unreadable: tuple[str, ...] = ()


def build_bundle(
    pipeline: FacePipeline,
    source: AnchorSource,
    out: Path,
    options: BuildOptions,
    *,
    workers: int,
    engine: Engine | None = None,
    progress: Callable[[BuildProgress], object] = lambda _: None,
    stage: Stage = unstaged,
    checkpoint_items: int = CHECKPOINT_ITEMS,
) -> Built:
    """Embed the largest face of everything a source holds and write the bundle of them.

    The same items, options and pipeline give the same bundle, whatever the number of workers and however often the
    build was interrupted: what was embedded is kept beside ``out`` until the bundle is written.

    Args:
        pipeline: the service's own.
        source: what the anchors are made from.
        out: the bundle's folder; must not exist.
        options: how it is built.
        workers: threads that read, detect, degrade and align.
        engine: embeds blocks of items; None for this process.
        progress: told as items are done.
        stage: told how far the steps after the embedding are.
        checkpoint_items: items between two points from which an interrupted build can go on.

    Raises:
        BundleExists, BundleNotWritten, UnknownMethod: as ``create_bundle`` says.
        TooFewAnchors: if there are no images, or fewer than k anchors are left.
        ImagesNotWritten: if the disk does not take the embeddings on their way.
        InferenceFailed: if a network fails.
    """
    options.check(out)
    if len(source) * options.plan.copies < options.least:
        raise TooFewAnchors(
            f"There are {source.what()}, and k = {options.parameters.k} needs as many anchors: add images, or choose a "
            "smaller k."
        )
    recipe: JsonValue = None if options.plan.recipe is None else options.plan.recipe.as_json()
    job = {
        "source": source.fingerprint(),
        "recipe": recipe,
        "copies": options.plan.copies,
        "seed": options.plan.seed,
        "pipeline_id": pipeline.pipeline_id,
        "batch_size": BATCH_SIZE,
        "checkpoint_items": checkpoint_items,
    }
    with embedding_journal(out, job, pipeline.dimension) as journal:
        tally = journal.tally
        beyond = 0

        def done(items: int) -> None:
            nonlocal beyond
            beyond += items
            progress(BuildProgress(tally.items + beyond, len(source), tally.anchors, dict(tally.rejected)))

        for _ in embed_source(
            source,
            engine or LocalEngine(pipeline),
            options.plan,
            journal,
            workers=workers,
            checkpoint_items=checkpoint_items,
            done=done,
        ):
            beyond = 0
            progress(BuildProgress(tally.items, len(source), tally.anchors, dict(tally.rejected)))
        if tally.anchors < options.least:
            raise TooFewAnchors(
                f"{tally.anchors} of {tally.images} images gave an anchor (rejected: {reasons(tally.rejected)}), and "
                f"k = {options.parameters.k} needs more: add images, or choose a smaller k."
            )
        made_from: dict[str, JsonValue] = {
            **source.facts(),
            "sources": tally.by_group(),
            "recipe": {
                "steps": ["decode", "detect", *(["degrade"] if recipe else []), "align", "embed"],
                "face_policy": "largest",
                "degradations": recipe,
                "copies": options.plan.copies,
                "seed": options.plan.seed,
                "batch_size": BATCH_SIZE,
                "checkpoint_items": checkpoint_items,
            },
        }
        return _write(pipeline, journal.rows(), out, options, made_from, tally, stage)


def build_from_embeddings(
    pipeline: FacePipeline,
    embeddings: Floats32,
    out: Path,
    options: BuildOptions,
    made_from: dict[str, JsonValue],
    *,
    pipeline_id: str | None = None,
    stage: Stage = unstaged,
) -> Built:
    """Write the bundle of anchors that no image is needed for: class weights, or the anchors of other bundles.

    Args:
        pipeline: the service's own, for the golden crop.
        embeddings: (n, d) float32, unit norm to float16's precision.
        out: the bundle's folder; must not exist.
        options: how it is built; its ``plan`` is for images, and not looked at.
        made_from: where the embeddings come from, for the provenance.
        pipeline_id: everything that gave them; None where that is the backbone's own.
        stage: told how far the steps are.

    Raises:
        BundleExists, BundleNotWritten, UnknownMethod, TooFewAnchors, InferenceFailed: as ``create_bundle`` says.
    """
    options.check(out)
    return _write(pipeline, embeddings, out, options, made_from, Tally(), stage, pipeline_id=pipeline_id)


def _write(
    pipeline: FacePipeline,
    embeddings: Floats32,
    out: Path,
    options: BuildOptions,
    made_from: dict[str, JsonValue],
    tally: Tally,
    stage: Stage,
    *,
    pipeline_id: str | None = None,
) -> Built:
    anchors, report = shape_set(AnchorRows.all_of(embeddings), options.steps, least=options.least, stage=stage)
    stored = np.empty((len(anchors), embeddings.shape[1]), options.stored_type)
    filled = 0
    for block in anchors.blocks():
        stored[filled : filled + len(block)] = block
        filled += len(block)
    facts = NewBundle(
        backbone_id=pipeline.backbone_id,
        pipeline_id=pipeline_id or pipeline.pipeline_id,
        parameters=options.parameters,
        default_method=options.default_method,
        provenance={
            "command": "ida-verify anchors build",
            "description": options.description,
            "options": {**options.parameters.model_dump(), "dtype": options.stored_type, "seed": options.seed},
            **made_from,
            "set": report.as_json(options.steps),
            "pack": pipeline.manifest.name,
            "pipeline_id": pipeline_id or pipeline.pipeline_id,
        },
        created_by=created_by(),
        seed=options.seed,
    )
    bundle_id = create_bundle(out, stored, facts, pipeline.embed)
    ignored = made_from.get("other_files", 0)
    return Built(
        bundle_id=bundle_id,
        anchors=len(anchors),
        images=tally.images,
        rejected=dict(tally.rejected),
        other_files=ignored if isinstance(ignored, int) else 0,
        report=report,
        unreadable=tuple(tally.unreadable),
    )
