"""``ida-verify calibrate``: choose the parameters of a bundle's scores and measure what the scores mean."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import JsonValue

from models.calibration.calibration_report import population_of
from models.calibration.calibration_run import TAUGHT_METHODS, CalibrationOptions, calibrate
from models.calibration.selection import Grid
from models.calibration.unlabelled_report import ASSUMED
from models.calibration.write import calibrated_bundle
from models.commands import reporting_errors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.commands.calibration_choices import asked_grid, asked_limits, calibrated_name
from models.commands.calibration_html import write_calibration_page, write_gained_page
from models.commands.calibration_tables import say_given_up, show_calibrated, tell_report
from models.commands.effect import Needs, label_files_needed, names_pictures, pictures_needed, refuse_without_effect
from models.commands.labelled_input import exclusions_of, read_sets
from models.commands.unlabelled_input import read_unlabelled_sets, show_unlabelled, unlabelled_bundle
from models.degrade.recipe import DEFAULT_RECIPE, find_recipe
from models.heads.ida_q.people_copies import copies_of_people
from models.heads.ida_q.teach import CopiesOfSet, Teacher
from models.labelled.embed import open_embedder
from models.output import check_writable
from models.progress import stage_bars
from service.bundle.reader import read_bundle, read_manifest
from service.bundle.writer import refuse_existing
from service.choices import FacePolicy
from service.cpus import usable_cpus
from service.pipeline import load_pipeline
from service.scoring.population import MEASURES
from service.settings import load_settings
from service.snapshot.term_sources import open_sources

_DEFAULTS, _GRID = CalibrationOptions(), Grid()
_CHOOSING = ("strength", "k", "tau", "norm_power", "margin", "folds", "ida_q")
_NAMING = ("images", "exclusions", "keep_parameters", "shares")


def _told(values: tuple[float, ...]) -> str:
    return f"{', '.join(f'{value:g}' for value in values)} by default, with an SSR head its own alone"


def calibrate_bundle(
    context: typer.Context,
    bundle: Annotated[
        Path, typer.Option(parser=bundle_folder, metavar=BUNDLE_METAVAR, help="Bundle to calibrate; it is only read.")
    ],
    out: Annotated[Path, typer.Option(metavar="BUNDLE", help="Folder to write the new bundle to; must not exist.")],
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]PATH",
            help="Labelled faces: a folder per person, a CSV, an LFW pairs file or an .npz of embeddings. May be "
            "repeated; no pair is made across two.",
        ),
    ] = None,
    unlabelled: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]PATH",
            help="In place of --data: pictures of people whom nobody named, at any depth of a folder, or an .npz of "
            "embeddings. May be repeated; no pair is made across two.",
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(file_okay=False, help="Where the paths in label files start; beside them by default.")
    ] = None,
    input_form: Annotated[
        Literal["photo", "crop"], typer.Option(help="What the pictures are; an .npz holds embeddings.")
    ] = "photo",
    exclusions: Annotated[
        Path | None, typer.Option(dir_okay=False, help="TOML or CSV of images and pairs that are label noise.")
    ] = None,
    population: Annotated[
        str | None, typer.Option(help="Who the people are, in your words; /info tells it beside the rates.")
    ] = None,
    pack: Annotated[str | None, typer.Option(help="Model pack that embeds the pictures [IDA_PACK].")] = None,
    face_policy: Annotated[
        FacePolicy | None, typer.Option(help="Which of several faces of a photograph is taken [IDA_FACE_POLICY].")
    ] = None,
    keep_parameters: Annotated[
        bool, typer.Option("--keep-parameters", help="Measure at the bundle's own parameters, choosing none.")
    ] = False,
    strength: Annotated[list[float], typer.Option(min=1e-3, max=10, help="Strengths to try.")] = list(_GRID.strengths),  # noqa: B006 - typer copies it
    k: Annotated[list[int] | None, typer.Option(min=1, help=f"Support set sizes to try; {_told(_GRID.ks)}.")] = None,
    tau: Annotated[
        list[float] | None, typer.Option(min=1e-6, max=100, help=f"Taus to try; {_told(_GRID.taus)}.")
    ] = None,
    norm_power: Annotated[
        list[float], typer.Option(min=0, max=100, help="Exponents of the faces' norms to try; 0 is the paper's.")
    ] = list(_GRID.norm_powers),  # noqa: B006
    without_head: Annotated[
        bool,
        typer.Option("--without-head", help="Leave the bundle's SSR head out, so that k and tau are free; then train."),
    ] = False,
    margin: Annotated[
        float, typer.Option(min=0, help="Standard errors of the cosine's FNMR by which worse still passes for noise.")
    ] = _GRID.margin,
    method: Annotated[
        list[str] | None, typer.Option(help="Methods to calibrate; by default all that the bundle has the parts for.")
    ] = None,
    default_method: Annotated[
        str | None,
        typer.Option(help="Method of requests that name none, one of those calibrated; by default what was chosen."),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEASURE=SHARE",
            help="Share of the faces to lie beyond the limit of a measure, where no rate is vouched for; 0 for none. "
            f"May be repeated; by default {', '.join(f'{name}={one.share:g}' for name, one in MEASURES.items())}.",
        ),
    ] = None,
    ida_q: Annotated[
        bool,
        typer.Option(
            "--ida-q/--no-ida-q",
            help="Train the networks of ida-q and ida-ql on those who tune, and keep the ones that are nowhere worse.",
        ),
    ] = True,
    recipe: Annotated[
        str,
        typer.Option(help="TOML file of the degraded copies that ida-q also learns from; 'none' for no copies."),
    ] = DEFAULT_RECIPE,
    shares: Annotated[
        tuple[float, float, float], typer.Option(min=0.01, help="Of the people: to tune, to calibrate, to report on.")
    ] = _DEFAULTS.shares,
    folds: Annotated[int, typer.Option(min=2, max=5, help="Folds of the people that tune.")] = _DEFAULTS.folds,
    replicates: Annotated[
        int, typer.Option(min=100, max=100_000, help="Replicates of each bootstrap.")
    ] = _DEFAULTS.replicates,
    seed: Annotated[int, typer.Option(min=0, help="Chooses parts, folds and replicates.")] = _DEFAULTS.seed,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Embed every picture again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page that says what was gained, and what not."),
    ] = None,
) -> None:
    """Choose parameters on some people, measure thresholds on others, try them on the rest; write a bundle."""
    if bool(data) == bool(unlabelled):
        raise typer.BadParameter("Give either labelled faces, with --data, or others, with --unlabelled.")
    texts = unlabelled or data or []
    trains = ida_q and not keep_parameters and not unlabelled
    refuse_without_effect(
        context,
        Needs(
            not unlabelled,
            "with --unlabelled: nobody is named, and nothing chosen",
            (*_CHOOSING, *_NAMING, "default_method"),
        ),
        Needs(not keep_parameters, "with --keep-parameters", _CHOOSING),
        label_files_needed(texts),
        pictures_needed(texts, "input_form", "no_cache", "pack", "face_policy", "recipe"),
        Needs(trains, "where no network of ida-q is trained", ("recipe",)),
    )
    with reporting_errors():
        refuse_existing(out)
        check_writable(html_file)
        left_out = exclusions_of(exclusions, texts)
        settings = load_settings(pack=pack, face_policy=face_policy)
        manifest = read_manifest(bundle)
        # Embeddings with labels need no model: they are taken for what the bundle's own pipeline made.
        pipeline = load_pipeline(settings) if names_pictures(texts) else None
        source = read_bundle(bundle, backbone_id=pipeline.backbone_id if pipeline else manifest.backbone_id)
        if without_head:
            source = replace(source, head=None)
        sources = open_sources(source, device=settings.anchor_device, threads=usable_cpus())
        grid = replace(_GRID, strengths=tuple(strength), norm_powers=tuple(norm_power), margin=margin)
        options = CalibrationOptions(
            shares=shares,
            folds=folds,
            grid=None if keep_parameters or unlabelled else asked_grid(source, grid, k, tau),
            replicates=replicates,
            seed=seed,
            methods=tuple(method) if method else None,
            limits=asked_limits(limit or ()),
        )
        if not (trains or keep_parameters or unlabelled):
            sources = sources.with_likelihood(())
        sources.require([name for name in method or () if not (trains and name in TAUGHT_METHODS)])
        degraded = find_recipe(recipe) if trains else None
        pipeline_id = pipeline.pipeline_id if pipeline else manifest.pipeline_id
        if unlabelled:
            with stage_bars() as stage:
                faces = read_unlabelled_sets(
                    unlabelled, pipeline, settings, no_cache=no_cache, stage=stage, input_form=input_form
                )
                told, report, bundle_id = unlabelled_bundle(
                    out,
                    bundle,
                    source,
                    sources,
                    faces,
                    options,
                    population=population,
                    pipeline_id=pipeline_id,
                    settings=settings,
                    stage=stage,
                )
            write_calibration_page(html_file, told.calibrated, options, report, bundle_id, assumed=ASSUMED)
            tell_report(bundle_id, report if as_json else None, partial(show_unlabelled, told, out, bundle_id))
            return
        with stage_bars() as stage:
            sets = read_sets(
                texts, pipeline, settings, images=images, no_cache=no_cache, stage=stage, input_form=input_form
            )
            teach = None
            copies: dict[str, CopiesOfSet] = {}
            if trains:
                if pipeline is not None and degraded is not None and input_form == "photo":
                    with open_embedder(settings, pipeline, cached=not no_cache) as embedder:
                        copies = copies_of_people(
                            texts, sets, embedder, degraded, shares, seed=seed, images=images, stage=stage
                        )
                copied: dict[str, JsonValue] = (
                    {} if degraded is None or not copies else {"recipe": degraded.as_json(), "seed": seed}
                )
                teach = Teacher(source.manifest, copies, copied, replicates=min(replicates, 300), seed=seed)
            found = calibrate(
                sets,
                sources,
                manifest.parameters,
                manifest.default_method,
                left_out,
                options,
                stage,
                copies=copies,
                teach=teach,
            )
        if default_method is not None:
            found = replace(found, method=calibrated_name(default_method, found))
        report, bundle_id = calibrated_bundle(
            out,
            bundle,
            source,
            found,
            left_out,
            options,
            population=population or population_of(found),
            pipeline_id=pipeline_id,
            face_policy=settings.face_policy,
        )
        write_gained_page(html_file, found, options, report, bundle_id, source, pipeline_id, settings)
    tell_report(bundle_id, report if as_json else None, partial(show_calibrated, found, out, bundle_id))
    say_given_up(found, source, pipeline_id)
