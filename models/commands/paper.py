"""``ida-verify paper``: what of the paper's claims holds on labelled faces."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from models.commands import reporting_errors
from models.commands.anchor_kinds import KindBuilder, OtherAnchors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.commands.effect import Needs, label_files_needed, names_pictures, pictures_needed, refuse_without_effect
from models.commands.evaluation_options import (
    DEFAULT_REPLICATES,
    Distractors,
    EvaluatedPart,
    EvaluatedPartOf,
    ExclusionsFile,
    FaceChoice,
    HtmlFile,
    ImagesFolder,
    JsonFile,
    NoCache,
    PicturesAre,
    Replicates,
    Seed,
    part_needs,
)
from models.commands.labelled_input import exclusions_of
from models.evaluation.asked import Asked
from models.evaluation.asked_ablation import AskedAblation, parse
from models.evaluation.evaluation_session import evaluate
from models.evaluation.measure import MeasureOptions
from models.evaluation.paper.paper_document import AnchorKind, paper_to_json
from models.evaluation.paper.paper_report import paper_report
from models.evaluation.paper.paper_terminal import show_paper
from models.evaluation.probability_gap import DEFAULT_SCALE
from models.labelled.calibration_people import SET_ASIDE, read_people
from models.labelled.files.labelled_npz import read_arrays
from models.labelled.files.read import read_listing
from models.labelled.labels import Labels
from models.output import check_writable, writing
from models.progress import Stage, stage_bars
from models.tool_errors import AnchorSourceInvalid
from service.activation.built_in import built_in_of
from service.bundle.reader import read_manifest
from service.errors import BundleMismatch
from service.pipeline import FacePipeline, load_pipeline
from service.settings import NO_BUNDLE, Settings, load_settings

_KNOBS = ("k", "anchors", "tau")
# Of what is written to a file or another program, which has no edges.
_WIDTH = 180


@dataclass(frozen=True, slots=True)
class _NamedSet:
    """The people of a labelled set, before it is embedded."""

    name: str
    identity_names: tuple[str, ...]
    identities_stated: bool


def paper_command(
    context: typer.Context,
    data: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]PATH",
            help="Labelled faces: a folder per person, a CSV (perhaps of templates), an LFW pairs file or an .npz of "
            "embeddings. May be repeated; no pair is made across two.",
        ),
    ],
    bundle: Annotated[
        list[Path] | None,
        typer.Option(
            parser=bundle_folder,
            metavar=BUNDLE_METAVAR,
            help="Bundle of generated anchors; may be repeated [IDA_BUNDLE].",
        ),
    ] = None,
    real_db: Annotated[
        Path | None,
        typer.Option(
            exists=True, help="Anchors of real people: a folder with a folder for each, or an .npz; nobody of the data."
        ),
    ] = None,
    class_weights: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Anchors of a classifier's weights: .npy, .npz or .onnx."),
    ] = None,
    array: Annotated[str | None, typer.Option(help="Name of the class weights in an .npz or .onnx.")] = None,
    pack: Annotated[str | None, typer.Option(help="Model pack that embeds the pictures [IDA_PACK].")] = None,
    images: ImagesFolder = None,
    input_form: PicturesAre = "photo",
    face_policy: FaceChoice = None,
    distractors: Distractors = None,
    exclusions: ExclusionsFile = None,
    part: EvaluatedPart = None,
    of: EvaluatedPartOf = None,
    replicates: Replicates = DEFAULT_REPLICATES,
    seed: Seed = 0,
    no_cache: NoCache = False,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
) -> None:
    """Try the claims of the IDA paper on labelled faces: every table and figure, and what of it holds here.

    Verdicts rest on 95 % intervals from resampled people, each method beside the cosine on the same pairs.
    """
    pictures = [*data, *([] if distractors is None else [str(distractors)])]
    refuse_without_effect(
        context,
        *part_needs(part, of),
        Needs(class_weights is not None, "without --class-weights", ("array",)),
        label_files_needed(data),
        pictures_needed(pictures, "input_form", "no_cache", "face_policy"),
    )
    with reporting_errors():
        for path in (json_file, html_file):
            check_writable(path)
        settings = load_settings(pack=pack, face_policy=face_policy)
        labels = tuple(map(Labels.parse, data))
        others = OtherAnchors(real_db, class_weights, array)
        pipeline = load_pipeline(settings) if names_pictures(data) or real_db or class_weights else None
        own = tuple(bundle or _own_bundle(settings, pipeline))
        with (
            stage_bars() as stage,
            _with_others(own, others, labels, images, of, pipeline, settings, seed, stage) as (
                bundles,
                kinds,
            ),
        ):
            asked = Asked(
                labels=labels,
                packs=(settings.pack,),
                bundles=bundles,
                images=images,
                input_form=input_form,
                pairs=None,
                distractors=distractors,
                exclusions=exclusions_of(exclusions, data),
                cached=not no_cache,
                set_aside_by=of,
                options=MeasureOptions(
                    replicates=replicates,
                    seed=seed,
                    gap_scale=DEFAULT_SCALE,
                    ablations=_ablations(),
                    for_paper=True,
                ),
            )
            evaluation = evaluate(asked, settings, stage, (lambda _: pipeline) if pipeline else load_pipeline)
        report = paper_report(evaluation, kinds)
        console = Console()
        show_paper(report, console if console.is_terminal else Console(width=_WIDTH))
        if json_file is not None:
            with writing(json_file):
                json_file.write_bytes(paper_to_json(report))
        if html_file is not None:
            # Here, because drawing takes a quarter of a second to load, which every command would wait.
            from models.evaluation.paper.paper_html import paper_to_html  # noqa: PLC0415

            with writing(html_file):
                html_file.write_bytes(paper_to_html(report))


def _ablations() -> tuple[AskedAblation, ...]:
    return tuple(AskedAblation(found.knob, found.values, as_paper=True) for found in map(parse, _KNOBS))


def _own_bundle(settings: Settings, pipeline: FacePipeline | None) -> tuple[Path, ...]:
    """Return the bundle of the settings.

    Raises:
        BundleMismatch: if there is none: nothing of the paper can then be tried.
    """
    if pipeline is None and settings.bundle != NO_BUNDLE:
        return (settings.bundle,)
    found = built_in_of(settings.bundle, pipeline.backbone_id if pipeline else "")
    if found.folder is None:
        raise BundleMismatch(f"The paper's methods need an anchor set: {found.why_none}. Name one with --bundle.")
    return (found.folder,)


@contextmanager
def _with_others(
    own: tuple[Path, ...],
    others: OtherAnchors,
    labels: Sequence[Labels],
    images: Path | None,
    of: Path | None,
    pipeline: FacePipeline | None,
    settings: Settings,
    seed: int,
    stage: Stage,
) -> Iterator[tuple[tuple[Path, ...], list[AnchorKind]]]:
    """Give the bundles with those of other kinds of anchors, which are gone after the block."""
    kinds = [AnchorKind(folder.resolve().name, "fake-db", read_manifest(folder).count) for folder in own]
    with TemporaryDirectory(prefix="ida-verify-paper-") as temporary:
        bundles = list(own)
        if pipeline is not None and (others.real_faces or others.class_weights):
            builder = KindBuilder(own[0], pipeline, settings, stage, seed)
            root = Path(temporary)
            if others.real_faces:
                evaluated = [name for one in labels for name in _people(one, images, of)]
                kinds.append(builder.real_db(others.real_faces, evaluated, root / "real-db"))
                bundles.append(root / "real-db")
            if others.class_weights:
                kinds.append(builder.class_weights(others.class_weights, others.array, root / "class-weights"))
                bundles.append(root / "class-weights")
        yield tuple(bundles), kinds


def _people(labels: Labels, images: Path | None, of: Path | None) -> list[str]:
    """Return the names of the people of a labelled set who are evaluated.

    Raises:
        AnchorSourceInvalid: if the labels name nobody: whether real anchors are strangers is then not known.
    """
    if labels.holds_embeddings:
        _, listing = read_arrays(labels.path)
    else:
        listing = read_listing(labels.path, images)
    if not listing.identities_stated:
        raise AnchorSourceInvalid(
            f"{labels.path} names no people, so nobody knows whether those of --real-db are among them. Name them in "
            "the labels, or leave --real-db out."
        )
    names = listing.identity_names
    if of is None:
        return list(names)
    rows = read_people(of).parts_of(_NamedSet(labels.called, names, listing.identities_stated))[SET_ASIDE]
    return [names[row] for row in rows]
