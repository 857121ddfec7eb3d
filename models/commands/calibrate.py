"""``ida-verify calibrate``: choose the parameters of a bundle's scores and measure what the scores mean."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from models.calibration.calibration_report import observed_ratio, population_of
from models.calibration.calibration_run import TAUGHT_METHODS, Calibrated, CalibrationOptions, calibrate
from models.calibration.given_up import given_up
from models.calibration.limits_fit import limit_text
from models.calibration.selection import Grid
from models.calibration.strata_table import strata_tables
from models.calibration.template_points import MeasuredTemplates
from models.calibration.unlabelled_report import ASSUMED
from models.calibration.write import calibrated_bundle
from models.commands import reporting_errors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.commands.calibration_html import write_calibration_page, write_gained_page
from models.commands.effect import Needs, label_files_needed, names_pictures, pictures_needed, refuse_without_effect
from models.commands.labelled_input import exclusions_of, read_sets
from models.commands.unlabelled_input import read_unlabelled_sets, show_unlabelled, unlabelled_bundle
from models.degrade.recipe import DEFAULT_RECIPE, find_recipe
from models.heads.ida_q.people_copies import copies_of_people
from models.heads.ida_q.teach import CopiesOfSet, Teacher
from models.labelled.embed import open_embedder
from models.labelled.rates.rate_ratio import ratio_text, verdict_text
from models.output import check_writable
from models.progress import stage_bars
from service.bundle.reader import Bundle, read_bundle, read_manifest
from service.bundle.writer import refuse_existing
from service.choices import FacePolicy
from service.cpus import usable_cpus
from service.errors import HeadMismatch
from service.pipeline import load_pipeline
from service.scoring.calibration import MethodCalibration
from service.scoring.population import MEASURES
from service.settings import load_settings
from service.snapshot.term_sources import open_sources

_DEFAULTS, _GRID = CalibrationOptions(), Grid()
_CHOOSING = ("strength", "k", "tau", "norm_power", "margin", "folds", "ida_q")
_NAMING = ("images", "exclusions", "keep_parameters", "shares")
# Beyond more, a limit is no limit of poor pictures.
_MOST_BEYOND = 0.2


_AT_MOST = "at most: none of N pairs of people, each counted once however many its pictures, passed; 3/N then"


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
            grid=None if keep_parameters or unlabelled else _grid(source, grid, k, tau),
            replicates=replicates,
            seed=seed,
            methods=tuple(method) if method else None,
            limits=_limits(limit or ()),
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
            _tell(bundle_id, report if as_json else None, partial(show_unlabelled, told, out, bundle_id))
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
            found = replace(found, method=_calibrated(default_method, found))
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
    _tell(bundle_id, report if as_json else None, partial(_print, found, out, bundle_id))
    _say_given_up(found, source, pipeline_id)


def _say_given_up(found: Calibrated, former: Bundle, pipeline_id: str) -> None:
    """Say on standard error what the bundle as it was tells of rates, and the new one does not."""
    was: MethodCalibration | str = "it was not calibrated"
    if former.calibrations is not None:
        form, manifest = (found.input_form, found.input_form), former.manifest
        was = former.calibrations.find(manifest.default_method, form, manifest.parameters, pipeline_id)
    chosen = next((one for one in found.measured if one.calibration.method == found.method), None)
    for sentence in () if chosen is None else given_up(chosen, was):
        typer.echo(sentence, err=True)


def _tell(bundle_id: str, report: Mapping[str, JsonValue] | None, show: Callable[[], None]) -> None:
    """Print a report as JSON, or what people are shown where none is given."""
    if report is None:
        show()
    else:
        typer.echo(json.dumps({"anchor_set_id": bundle_id, **report}, indent=2))


def _calibrated(name: str, found: Calibrated) -> str:
    """Return the name of a method that was calibrated.

    Raises:
        BadParameter: if it was not.
    """
    names = [one.calibration.method for one in found.measured]
    if name not in names:
        raise typer.BadParameter(
            f"{name}: the calibrated methods are {', '.join(names)}.", param_hint="--default-method"
        )
    return name


def _limits(asked: Sequence[str]) -> dict[str, float]:
    """Return the share beyond the limit of each measure that was asked.

    Raises:
        BadParameter: if one is none.
    """
    found = {}
    for text in asked:
        name, _, share = text.partition("=")
        try:
            found[name] = float(share)
        except ValueError:
            found[name] = -1.0
        if name not in MEASURES or not 0 <= found[name] <= _MOST_BEYOND:
            raise typer.BadParameter(
                f"{text}: give one of {', '.join(MEASURES)}, and a share from 0 to {_MOST_BEYOND:g}, as in norm=0.01.",
                param_hint="--limit",
            )
    return found


def _grid(source: Bundle, grid: Grid, ks: list[int] | None, taus: list[float] | None) -> Grid:
    """Return what is tried: with a head, its own k and tau, since its densities are those of no others."""
    if source.head is None:
        return replace(grid, ks=tuple(ks or grid.ks), taus=tuple(taus or grid.taus))
    card = source.head.card
    if not {*(ks or ())} <= {card.k} or not {*(taus or ())} <= {card.tau}:
        raise HeadMismatch(
            f"The bundle's SSR head was trained for k = {card.k} and tau = {card.tau:g}, and --k or --tau names "
            "others. Leave them out, or leave the head out with --without-head and train another afterwards."
        )
    return replace(grid, ks=(card.k,), taus=(card.tau,))


def _template_line(measured: MeasuredTemplates) -> str:
    """Return what was measured of references of one size, in a line."""
    size, calibration = measured.calibration.pictures, measured.calibration.calibration
    told = f"{size} pictures ({calibration.method}, {measured.templates:,} templates of {measured.people} people):"
    for place, point in enumerate(calibration.points):
        if point.quality == "extrapolated":
            continue
        told += f" {point.name} from {point.threshold:.4g}"
        if measured.observed is not None:
            seen = measured.observed[place]
            told += f", FMR seen {seen.fmr:.1e} [{seen.fmr_low:.1e}, {seen.fmr_high:.1e}], FNMR {seen.fnmr:.2%}"
        told += ";"
    return told.rstrip(";")


def _print(found: Calibrated, out: Path, bundle_id: str) -> None:
    console = Console()
    for measured in found.measured:
        by = "the threshold of all pairs" if measured.calibration.strata is None else "the threshold of its own stratum"
        table = Table(
            title=f"{measured.calibration.method}: the people set aside, each pair by {by}",
            caption=_AT_MOST if any(not seen.false_matches for seen in measured.served) else None,
        )
        for heading in (
            "operating point",
            "threshold of all pairs",
            "quality",
            "FMR stated",
            "FMR seen",
            "seen/stated",
            "FNMR seen",
            "inconclusive of one person's pairs",
            "",
        ):
            table.add_column(heading, overflow="fold")
        for point, seen, decided in zip(measured.calibration.points, measured.served, measured.decided, strict=True):
            ratio = observed_ratio(point, seen)
            rate = f"{seen.fmr:.1e}" if seen.false_matches else f"at most {seen.fmr_high:.1e}"
            table.add_row(
                point.name,
                f"{point.threshold:.6g}",
                point.quality,
                f"{point.fmr:.0e} [{point.fmr_low:.1e}, {point.fmr_high:.1e}]",
                f"{rate} [{seen.fmr_low:.1e}, {seen.fmr_high:.1e}]",
                ratio_text(ratio),
                f"{seen.fnmr:.2%} [{seen.fnmr_low:.2%}, {seen.fnmr_high:.2%}]",
                f"{decided.mated.share('inconclusive'):.2%}",
                verdict_text(ratio.verdict),
            )
        wide = console if console.is_terminal else Console(width=200)
        wide.print(table, *strata_tables(measured))
    for name, limit in found.limits.measures.items():
        typer.echo(f"{name}: {limit_text(limit, found.seen_beyond.get(name))}; median {limit.quantiles['0.5']:g}")
    for of_size in (one for one in found.templates if one.calibration.calibration.method == found.method):
        typer.echo(_template_line(of_size))
    if not found.templates:
        typer.echo("several pictures of a person: too few people have them, so references of several get no rate")
    for name, one in ({} if found.taught is None else found.taught.report).items():
        if isinstance(one, dict):
            typer.echo(f"{name}: {'kept' if one['kept'] else 'left out'}: {one['why']}")
    parameters = found.parameters
    told = f"k = {parameters.k}, tau = {parameters.tau:g}, strength = {parameters.strength:g}, "
    told += f"norm power = {parameters.norm_power:g}"
    if found.selection is None:
        typer.echo(f"kept: {told}")
    elif found.method == "cosine":
        typer.echo(
            f"chosen: plain cosine. None of {len(found.selection.candidates)} parameter sets is better and harmless."
        )
    else:
        typer.echo(f"chosen: {found.method}, {told}, of {len(found.selection.candidates)} parameter sets")
    typer.echo(f"{out}: bundle {bundle_id}. Serve it with IDA_BUNDLE={out}")
