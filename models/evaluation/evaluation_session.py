"""A whole evaluation: labelled sets, model packs and bundles in, a report out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from models.evaluation.asked import Asked
from models.evaluation.evaluate_set import evaluate_set
from models.evaluation.report.report_document import Report, SetResult
from models.evaluation.systems import System, load_system
from models.evaluation.templates import pooled
from models.images.image_folder import scan
from models.images.unreadable import unreadable_sentence
from models.labelled.calibration_people import CalibrationPeople, read_people
from models.labelled.embed import Embedder, open_embedder
from models.labelled.exclusions import check_sets, resolve
from models.labelled.files.labelled_npz import read_arrays
from models.labelled.labelled_faces import LabelledFaces, read_labelled
from models.labelled.labels import Labels
from models.program import created_by
from models.progress import Stage
from models.tool_errors import CalibrationImpossible, LabelsInvalid
from service.activation.built_in import built_in_of
from service.arrays import Floats32, Ints
from service.bundle.reader import read_manifest
from service.cpus import usable_cpus
from service.errors import BundleMismatch, MethodNotServed
from service.pipeline import FacePipeline, load_pipeline
from service.scoring.methods import METHODS
from service.settings import NO_BUNDLE, Settings


def evaluate(
    asked: Asked, settings: Settings, stage: Stage, load: Callable[[Settings], FacePipeline] = load_pipeline
) -> Report:
    """Evaluate.

    Args:
        asked: what.
        settings: of the service; its pack and its bundle are overridden.
        stage: told what runs and how far it is.
        load: loads the model pack that settings name.

    Raises:
        LabelsInvalid, ExclusionsInvalid: if the labels or exclusions do not allow it.
        CalibrationImpossible: if the people that a bundle set aside were asked for, and it names none.
        PackNotFound, PackInvalid, BundleInvalid, BundleMismatch, DeviceUnavailable: if something cannot be loaded.
        HeadMismatch: if a bundle's SSR head was trained for another bundle.
        MethodNotServed: if a bundle lacks what an asked method needs.
        CacheUnusable: if the cache cannot be read or written.
        InferenceFailed, SearchFailed, TooFewAnchors, DimensionMismatch: if a network, the index or a method fails.
    """
    check_sets(asked.exclusions, [labels.called for labels in asked.labels])
    people = None if asked.set_aside_by is None else _people_of(asked.set_aside_by)
    backbones = {folder: read_manifest(folder).backbone_id for folder in asked.bundles}
    results: dict[Labels, list[SetResult]] = {labels: [] for labels in asked.labels}
    arrays = [labels for labels in results if labels.holds_embeddings]
    pictures = [labels for labels in results if labels not in arrays]
    if arrays:
        systems = _systems(backbones or _built_in(asked, None)[0], asked, settings)
        for labels in arrays:
            results[labels].append(_evaluated(labels, asked, settings, systems, people, None, stage))
    if pictures:
        for pipeline, systems, warning in _packs(asked, settings, backbones, load):
            own = settings.model_copy(update={"pack": pipeline.manifest.name})
            with (
                asked.engine.opened(own, pipeline) as engine,
                open_embedder(own, pipeline, input_form=asked.input_form, cached=asked.cached, engine=engine) as by,
            ):
                for labels in pictures:
                    found = _evaluated(labels, asked, settings, systems, people, by, stage)
                    results[labels].append(_warned(found, warning))
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        created_by=created_by(),
        replicates=asked.options.replicates,
        seed=asked.options.seed,
        exclusions=f"{asked.exclusions.version} ({asked.exclusions.digest})" if asked.exclusions.entries else "",
        sets=tuple(_joined(found) for found in results.values()),
    )


def _packs(
    asked: Asked, settings: Settings, backbones: dict[Path, str], load: Callable[[Settings], FacePipeline]
) -> Iterator[tuple[FacePipeline, list[System], str | None]]:
    """Yield each pack's pipeline with the bundles made for its backbone, and why there is none where none is named."""
    pipelines = [load(settings.model_copy(update={"pack": name})) for name in asked.packs]
    known = {pipeline.backbone_id for pipeline in pipelines}
    strangers = [folder for folder, backbone in backbones.items() if backbone not in known]
    if strangers:
        raise BundleMismatch(
            f"The bundle {strangers[0]} was made for the backbone {backbones[strangers[0]]}, which none of the model "
            f"packs {', '.join(asked.packs)} has. Name its pack with --pack, or a bundle of these packs with --bundle."
        )
    for pipeline in pipelines:
        if asked.bundles:
            own = {folder: backbone for folder, backbone in backbones.items() if backbone == pipeline.backbone_id}
            yield pipeline, _systems(own, asked, settings), None
            continue
        own, why_none = _built_in(asked, pipeline.backbone_id)
        yield pipeline, _systems(own, asked, settings, why_none), why_none


def _built_in(asked: Asked, backbone_id: str | None) -> tuple[dict[Path, str], str | None]:
    """Return the bundle that a backbone is evaluated with where none is named, and why there is none.

    Args:
        asked: says which bundle the settings have.
        backbone_id: of the pack; None for embeddings, which are taken for those of the bundle's own.
    """
    if asked.built_in is None:
        return {}, None
    if backbone_id is None:
        named = asked.built_in != NO_BUNDLE
        return ({asked.built_in: read_manifest(asked.built_in).backbone_id} if named else {}), None
    found = built_in_of(asked.built_in, backbone_id)
    return ({} if found.folder is None else {found.folder: backbone_id}), found.why_none


def _systems(backbones: dict[Path, str], asked: Asked, settings: Settings, why_none: str | None = None) -> list[System]:
    needing = [name for name in asked.options.methods or () if METHODS[name].needs]
    if not backbones and (needing or asked.options.ablations):
        raise MethodNotServed(
            f"{', '.join(needing) or 'An ablation'} needs an anchor set: {why_none or 'name one with --bundle'}."
        )
    systems = [
        load_system(folder, backbone_id=backbone, device=settings.anchor_device)
        for folder, backbone in backbones.items()
    ]
    for system in systems:
        # Before any picture is embedded.
        system.sources.require(asked.options.methods or ())
    return systems


def _evaluated(
    labels: Labels,
    asked: Asked,
    settings: Settings,
    systems: Sequence[System],
    people: CalibrationPeople | None,
    embedder: Embedder | None,
    stage: Stage,
) -> SetResult:
    tick = stage(f"embeddings of {labels.name or labels.path.name}")
    labelled = read_labelled(labels.path, embedder, name=labels.name, images_root=asked.images, tick=tick)
    compared = f"{labelled.input_form}s"
    unreadable = unreadable_sentence(labelled.images, labelled.rejected)
    if labelled.templates is not None:
        labelled, compared = pooled(labelled), "templates"
    excluded_rows = resolve(asked.exclusions, labelled)
    if people is not None:
        rows = _set_aside(people, labelled, asked.set_aside_by)
        labelled, excluded_rows = labelled.subset(rows), excluded_rows.subset(rows)
    excluded = sum(entry.set == labelled.name for entry in asked.exclusions.entries)
    # The paper's small rates need all pairs, wherever the labels say who everybody is.
    enough = asked.options.for_paper and labelled.identities_stated
    given = labelled.pairs is not None and not enough if asked.pairs is None else asked.pairs == "given"
    if given and labelled.pairs is None:
        raise LabelsInvalid(f"{labels.path} gives no pairs: compare all of them with --pairs all.")
    result = evaluate_set(
        labelled,
        systems,
        replace(asked.options, given=given, workers=settings.workers or usable_cpus(), device=settings.anchor_device),
        pack=(embedder.pipeline.manifest.name, embedder.pipeline.pipeline_id) if embedder else None,
        exclusions=excluded_rows if excluded else None,
        distractors=_distractors(asked, embedder, stage),
        stage=stage,
    )
    return SetResult(
        name=labelled.name,
        compared=compared,
        faces=len(labelled),
        protocol="given pairs" if given else "all pairs",
        groups=labelled.group_names,
        excluded=excluded,
        packs=(replace(result, warnings=(*result.warnings, *([unreadable] if unreadable else []))),),
    )


def _warned(result: SetResult, warning: str | None) -> SetResult:
    if warning is None:
        return result
    return replace(
        result, packs=tuple(replace(pack, warnings=(*pack.warnings, f"{warning}.")) for pack in result.packs)
    )


def _people_of(folder: Path) -> CalibrationPeople:
    people = read_people(folder)
    if not people.records:
        raise CalibrationImpossible(
            f"The bundle {folder} does not say whom it was calibrated on, so nobody is known to have been set aside. "
            "Calibrate it with this version."
        )
    return people


def _set_aside(people: CalibrationPeople, labelled: LabelledFaces, folder: Path | None) -> Ints:
    rows = people.set_aside(labelled)
    if not len(rows):
        raise LabelsInvalid(
            f"Nobody of {labelled.name} is among the people whom the calibration of {folder} set aside. Give the set "
            "that it was calibrated on; where names are numbers, or pictures, under the same name (NAME=PATH)."
        )
    return rows


def _distractors(asked: Asked, embedder: Embedder | None, stage: Stage) -> Floats32 | None:
    """Return the embeddings (e, d) of any norm of the distractors that have a face; None where none were named."""
    folder = asked.distractors
    if folder is None or not asked.options.ranks:
        return None
    if Labels(folder).holds_embeddings:
        given, _ = read_arrays(folder)
        return given[np.any(given, axis=1)]
    if embedder is None:
        raise LabelsInvalid(f"Distractors of embeddings are embeddings: {folder} must be an .npz.")
    pictures = [folder / image for image in scan(folder).images]
    embeddings, rejected = embedder.embed(pictures, stage(f"embeddings of {folder.name}"))
    return embeddings[[not reason for reason in rejected]]


def _joined(found: Sequence[SetResult]) -> SetResult:
    """Return one labelled set's results with several packs as one."""
    return replace(found[0], packs=tuple(pack for result in found for pack in result.packs))
