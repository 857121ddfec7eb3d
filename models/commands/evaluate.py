"""``ida-verify evaluate``: what scores are worth on labelled faces."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from models.commands import reporting_errors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.commands.effect import Needs, label_files_needed, names_pictures, pictures_needed, refuse_without_effect
from models.commands.engine_option import EngineOption, RayAddress, RayWorkers
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
from models.engines.choice import EngineChoice
from models.evaluation.asked import Asked
from models.evaluation.asked_ablation import parse
from models.evaluation.evaluation_session import evaluate
from models.evaluation.measure import MeasureOptions
from models.evaluation.probability_gap import DEFAULT_SCALE
from models.evaluation.report.report_document import to_json
from models.evaluation.report.terminal import show
from models.labelled.labels import Labels
from models.output import check_writable, writing
from models.progress import stage_bars
from service.scoring.methods import COSINE, find_method
from service.settings import load_settings


def evaluate_command(
    context: typer.Context,
    labels: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]PATH...",
            help="Labelled faces: a folder with a folder per person; a CSV with the columns probe, reference, label or "
            "subject, image; an LFW-style pairs file; or an .npz of embeddings.",
        ),
    ],
    bundle: Annotated[
        list[Path] | None,
        typer.Option(parser=bundle_folder, metavar=BUNDLE_METAVAR, help="Anchor bundle; may be given several times."),
    ] = None,
    pack: Annotated[list[str] | None, typer.Option(help="Model pack; may be given several times.")] = None,
    images: ImagesFolder = None,
    input_form: PicturesAre = "photo",
    face_policy: FaceChoice = None,
    pairs: Annotated[
        Literal["given", "all"] | None,
        typer.Option(help="Which pairs are compared; the given ones if the file gives some."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="Method beside the cosine; may be given several times; all that the bundle has the parts for by "
            "default."
        ),
    ] = None,
    ablation: Annotated[
        list[str] | None, typer.Option(help="Vary k, anchors, tau or strength, perhaps over values: k=1,5,10.")
    ] = None,
    probability_gap: Annotated[
        bool, typer.Option("--probability-gap", help="Compare segments of softmax probability by their scores.")
    ] = False,
    gap_scale: Annotated[
        float, typer.Option(min=1e-3, max=1000, help="Scale of the softmax of --probability-gap.")
    ] = DEFAULT_SCALE,
    distractors: Distractors = None,
    ranks: Annotated[bool, typer.Option("--ranks/--no-ranks", help="Measure rank-1 identification.")] = True,
    exclusions: ExclusionsFile = None,
    part: EvaluatedPart = None,
    of: EvaluatedPartOf = None,
    replicates: Replicates = DEFAULT_REPLICATES,
    seed: Seed = 0,
    listed: Annotated[int, typer.Option(min=0, help="Pairs of each kind that are listed by name.")] = 20,
    no_cache: NoCache = False,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    thumbnails: Annotated[
        bool,
        typer.Option(
            "--thumbnails",
            help="Put the listed pairs' pictures into --html, scaled down: faces of people, whoever opens the file.",
        ),
    ] = False,
    all_curves: Annotated[
        bool, typer.Option("--all-curves", help="Draw every method into --html, not the cosine and the defaults alone.")
    ] = False,
    engine: EngineOption = "local",
    ray_address: RayAddress = "",
    ray_workers: RayWorkers = 0,
) -> None:
    """Measure every scoring method on labelled faces, the cosine beside it.

    Rates are FNMR at FMR over all pairs of different pictures, or over given pairs, with 95 % intervals from resampled
    people. A picture without a face counts as a false non-match in each of its mated pairs.
    """
    pictures = [*labels, *([] if distractors is None else [str(distractors)])]
    refuse_without_effect(
        context,
        *part_needs(part, of),
        Needs(probability_gap, "without --probability-gap", ("gap_scale",)),
        Needs(ranks, "with --no-ranks", ("distractors",)),
        Needs(engine == "ray", "without --engine ray", ("ray_address", "ray_workers")),
        Needs(html_file is not None, "without --html FILE", ("thumbnails", "all_curves")),
        Needs(
            names_pictures(labels),
            "where all sets are .npz files of embeddings: there are no pictures",
            ("thumbnails",),
        ),
        label_files_needed(labels),
        pictures_needed(pictures, "input_form", "no_cache", "engine", "face_policy"),
        pictures_needed(labels, "pack"),
    )
    with reporting_errors():
        for path in (json_file, html_file):
            check_writable(path)
        settings = load_settings(face_policy=face_policy)
        methods = tuple(find_method(name).name for name in method) if method else None
        alone = set(methods or ()) == {COSINE} and not ablation
        asked = Asked(
            labels=tuple(Labels.parse(text) for text in labels),
            packs=tuple(pack or [settings.pack]),
            bundles=tuple(bundle or []),
            built_in=None if alone else settings.bundle,
            images=images,
            input_form=input_form,
            pairs=pairs,
            distractors=distractors,
            exclusions=exclusions_of(exclusions, labels),
            set_aside_by=of,
            cached=not no_cache,
            engine=EngineChoice(engine, ray_address, ray_workers),
            options=MeasureOptions(
                methods=methods,
                replicates=replicates,
                seed=seed,
                listed=listed,
                ranks=ranks,
                gap_scale=gap_scale if probability_gap else None,
                ablations=tuple(parse(text) for text in ablation or ()),
            ),
        )
        with stage_bars() as stage:
            report = evaluate(asked, settings, stage)
        show(report, Console())
        if json_file is not None:
            with writing(json_file):
                json_file.write_bytes(to_json(report))
        if html_file is not None:
            # Here, because drawing takes a quarter of a second to load, which every command would wait.
            from models.evaluation.report.html import to_html  # noqa: PLC0415

            faces = {}
            if thumbnails:
                from models.evaluation.report.thumbnails import thumbnails_of  # noqa: PLC0415

                faces = thumbnails_of(report, tuple(dict.fromkeys(asked.labels)), images, settings.gates)
            page = to_html(report, faces, all_curves=all_curves)
            with writing(html_file):
                if faces:
                    html_file.touch(mode=0o600)
                    html_file.chmod(0o600)
                html_file.write_bytes(page)
            if faces:
                typer.echo(f"note: {html_file} holds {len(faces):,} pictures of people; only you may read it", err=True)
