"""From a bundle and faces to a new bundle with a head: trained, measured, bound to what it was trained for."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from models.bundles.derive import Change, derive_bundle
from models.heads.needing_torch import training_module
from models.heads.ssr.carried import training_content
from models.heads.ssr.head_agreement import Agreement, agreement
from models.heads.ssr.pool import Pool
from models.heads.ssr.provenance import anchor_sources
from models.heads.ssr.ssr_graph import head_graph
from models.heads.ssr.ssr_options import TrainOptions
from models.heads.ssr.training_faces import GatheredFaces
from models.heads.ssr.validation import Validated, validate
from models.labelled.exclusions import Exclusions
from models.labelled.labelled_faces import LabelledFaces
from models.program import created_by
from models.progress import Stage, Tick, unstaged
from service.bundle.bundle_manifest import TRAINING, Manifest
from service.bundle.head_part import head_contents
from service.bundle.reader import Bundle
from service.bundle.ssr_part import SsrCard
from service.choices import Device
from service.inference.ssr_head import SsrHead
from service.scoring.parameters import Parameters
from service.search.face_terms import TermFinder
from service.snapshot.head_sources import SsrSource
from service.snapshot.term_sources import TermSources

if TYPE_CHECKING:
    from models.heads.ssr.ssr_training import Trained

TrainSsr = Callable[..., "Trained"]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedHead:
    """A head in its new bundle.

    Attributes:
        bundle_id: of the bundle.
        card: the head's.
        trained: how its training went.
        aside: agreement with the truth on samples around faces set aside.
        validated: what it is worth on labelled faces.
        head_bytes: size of its file.
    """

    bundle_id: str
    card: SsrCard
    trained: "Trained"
    aside: Agreement
    validated: list[Validated]
    head_bytes: int


def train_function() -> TrainSsr:
    """Return what trains a head; PyTorch is loaded only now.

    Raises:
        ExtraMissing: if it is not installed.
    """
    train: TrainSsr = training_module("models.heads.ssr.ssr_training").train_ssr
    return train


def train_head(
    out: Path,
    folder: Path,
    bundle: Bundle,
    finder: TermFinder,
    faces: Sequence[GatheredFaces],
    options: TrainOptions,
    *,
    carried: NDArray[np.void] | None = None,
    labelled: Sequence[LabelledFaces] = (),
    exclusions: Exclusions | None = None,
    device: Device = "cpu",
    threads: int = 1,
    stage: Stage = unstaged,
) -> TrainedHead:
    """Train a head for a bundle, and write the bundle with it.

    Args:
        out: where to write; must not exist.
        folder: the bundle that is trained for.
        bundle: the same, read.
        finder: finds the terms of faces among its anchors.
        faces: what samples are made of besides the anchors; perhaps nothing.
        options: how.
        carried: embeddings that the new bundle is to carry; None to leave those that it has.
        labelled: faces to measure the head on.
        exclusions: label noise among those.
        device: where it is trained.
        threads: CPU threads.
        stage: told what runs and how far it is.

    Raises:
        ExtraMissing: if PyTorch is not installed.
        BundleExists, BundleNotWritten: as ``derive_bundle`` says.
        TrainingImpossible, DeviceUnavailable, TooFewAnchors: as ``train_ssr`` says.
        LabelsInvalid, ExclusionsInvalid: as ``validate`` says.
        InferenceFailed, SearchFailed: if the head cannot be measured.
    """
    train = train_function()
    manifest = bundle.manifest
    anchors = Pool(bundle.anchors.embeddings, anchor_sources(manifest))
    pool = anchors
    for gathered in faces:
        pool = pool.with_others(gathered.pool)
    tick: Tick = stage("training")
    trained = train(anchors, pool, manifest.parameters, options, device=device, threads=threads, tick=tick)
    aside = _aside(trained)
    graph = head_graph(trained.weights)
    unmeasured = SsrCard.of(graph, manifest, target=options.target, report={})
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "head.onnx"
        path.write_bytes(graph)
        sources = TermSources(finder, [SsrSource(SsrHead.load(path), unmeasured)])
        validated = validate(labelled, exclusions or Exclusions.none(), sources, manifest.parameters, stage)
        report = _report(manifest, faces, len(anchors), options, trained, aside, validated, device)
        card = SsrCard.of(graph, manifest, target=options.target, report=report)
        contents = head_contents(graph, card)
        if carried is not None:
            contents[TRAINING] = training_content(carried)
        change = Change(manifest.parameters, manifest.default_method, contents, created_by())
        bundle_id = derive_bundle(out, folder, bundle, sources, change)
    return TrainedHead(bundle_id, card, trained, aside, validated, len(graph))


def _aside(trained: "Trained") -> Agreement:
    """Return how well the head does on the samples set aside, both on the scale of log F."""
    predicted, true = (np.asarray(said, dtype=np.float64) for said in (trained.predicted, trained.true))
    if trained.weights.target == "f":
        predicted, true = (np.log(np.maximum(said, np.finfo(np.float32).tiny)) for said in (predicted, true))
    return agreement(predicted, true)


def _report(
    manifest: Manifest,
    faces: Sequence[GatheredFaces],
    anchors: int,
    options: TrainOptions,
    trained: "Trained",
    aside: Agreement,
    validated: Sequence[Validated],
    device: Device,
) -> dict[str, JsonValue]:
    schedule = asdict(options.schedule)
    return {
        "created_by": created_by(),
        "data": {"anchors": anchors, "faces": [gathered.facts for gathered in faces]},
        "validation_data": [{"name": found.name, "people": found.people} for found in validated],
        "seed": options.seed,
        "device": device,
        "hidden": options.hidden,
        "schedule": {**schedule, "milestones": list(options.schedule.milestones)},
        "samples": asdict(options.shares),
        "set_aside": options.set_aside,
        "parameters": _parameters(manifest.parameters),
        "iterations": trained.checks[-1].iteration,
        "best_iteration": trained.best,
        "target_mean": trained.mean,
        "target_deviation": trained.deviation,
        "loss": [asdict(check) for check in trained.checks],
        "samples_aside": aside.as_json(),
        "validation": [found.as_json() for found in validated],
    }


def _parameters(parameters: Parameters) -> dict[str, JsonValue]:
    return {"strength": parameters.strength, "k": parameters.k, "tau": parameters.tau}
