"""``ida-verify ssr``: train the head that predicts densities."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.commands import reporting_errors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.commands.effect import Needs, label_files_needed, refuse_without_effect
from models.commands.engine_option import EngineOption, RayAddress, RayWorkers
from models.commands.labelled_input import exclusions_of, read_sets
from models.commands.ssr_input import Given, gather
from models.degrade.recipe import DEFAULT_RECIPE, find_recipe
from models.engines.choice import EngineChoice
from models.heads.ssr.ssr_options import PRESETS, Decay, Optimizer, Schedule, Shares, Target, TrainOptions
from models.heads.ssr.ssr_run import TrainedHead, train_function, train_head
from models.output import check_writable, writing
from models.progress import stage_bars
from service.bundle.reader import read_bundle, read_manifest
from service.bundle.writer import refuse_existing
from service.cpus import usable_cpus
from service.pipeline import load_pipeline
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.settings import load_settings

app = typer.Typer(name="ssr", help="Train the head that predicts densities (IDA-L).", no_args_is_help=True)

_DEFAULTS, _SHARES, _SCHEDULE = TrainOptions(), Shares(), Schedule()
# Options by the panel of the help that they stand in.
_faces: partial[Any] = partial(typer.Option, rich_help_panel="Faces")
_training: partial[Any] = partial(typer.Option, rich_help_panel="Training")
_samples: partial[Any] = partial(typer.Option, rich_help_panel="Samples")
_report: partial[Any] = partial(typer.Option, rich_help_panel="Report")


@app.callback()
def _ssr() -> None:
    """Keep ``train`` a command of its own though it is the only one."""


@app.command("train")
def train_ssr_command(
    context: typer.Context,
    bundle: Annotated[
        Path, typer.Option(parser=bundle_folder, metavar=BUNDLE_METAVAR, help="Bundle to train for; it is only read.")
    ],
    out: Annotated[Path, typer.Option(metavar="BUNDLE", help="Folder to write the new bundle to; must not exist.")],
    generated: Annotated[
        list[Path] | None,
        _faces(
            exists=True,
            file_okay=False,
            help="Folder of generated faces, and those below it; takes the place of the embeddings that the bundle "
            "carries. May be repeated.",
        ),
    ] = None,
    copies: Annotated[int, _faces(min=0, max=100, help="Degraded copies of each, beside it as it is.")] = 0,
    recipe: Annotated[str, _faces(help="How copies are degraded: default, or a TOML file.")] = DEFAULT_RECIPE,
    carry: Annotated[bool, _faces("--carry", help="Put the embeddings of --generated into the bundle.")] = False,
    data: Annotated[
        list[Path] | None,
        _faces(
            exists=True, help="Other faces to train on: a folder of images, or an .npz of embeddings. May be repeated."
        ),
    ] = None,
    validate: Annotated[
        list[str] | None,
        _faces(
            metavar="[NAME=]PATH",
            help="Labelled faces to measure the head on, as `calibrate` takes them; never trained on. May be repeated.",
        ),
    ] = None,
    images: Annotated[Path | None, _faces(file_okay=False, help="Where the paths in label files start.")] = None,
    exclusions: Annotated[Path | None, _faces(dir_okay=False, help="Label noise among --validate.")] = None,
    pack: Annotated[str | None, _faces(help="Model pack that embeds [IDA_PACK].")] = None,
    no_cache: Annotated[bool, _faces("--no-cache", help="Embed every picture again.")] = False,
    target: Annotated[Target, _training(help="What the loss compares: log F, or F as in Eq. 6.")] = _DEFAULTS.target,
    preset: Annotated[
        Literal["default", "paper"], _training(help="Schedule that the options below change.")
    ] = "default",
    hidden: Annotated[int, _training(min=1, max=65536, help="Values between the two layers.")] = _DEFAULTS.hidden,
    optimizer: Annotated[Optimizer | None, _training()] = None,
    learning_rate: Annotated[float | None, _training(min=1e-9)] = None,
    decay: Annotated[Decay | None, _training(help="How the learning rate falls.")] = None,
    milestone: Annotated[
        list[int] | None, _training(min=1, help="Iteration at which it is divided by 10; repeat it.")
    ] = None,
    momentum: Annotated[float | None, _training(min=0, max=0.999, help="Of SGD.")] = None,
    weight_decay: Annotated[float | None, _training(min=0)] = None,
    iterations: Annotated[int | None, _training(min=1)] = None,
    batch: Annotated[int | None, _training(min=2, help="Samples in a batch.")] = None,
    set_aside: Annotated[
        float, _training(min=0.001, max=0.9, help="Share of the sources for early stopping.")
    ] = _DEFAULTS.set_aside,
    checks: Annotated[int, _training(min=1, help="How often the samples set aside are looked at.")] = _DEFAULTS.checks,
    patience: Annotated[
        int, _training(min=1, help="Checks without an improvement before it stops.")
    ] = _DEFAULTS.patience,
    seed: Annotated[int, _training(min=0, help="Of everything drawn.")] = _DEFAULTS.seed,
    device: Annotated[Literal["auto", "cpu", "cuda"], _training(help="auto: the GPU if there is one.")] = "auto",
    spread: Annotated[float, _samples(min=0, help="Share of points spread more evenly than faces.")] = _SHARES.spread,
    mixture: Annotated[float, _samples(min=0, help="Share of random sums of four faces.")] = _SHARES.mixture,
    shift: Annotated[float, _samples(min=0, help="Share of faces less parts of two others.")] = _SHARES.shift,
    noise: Annotated[float, _samples(min=0, help="Share of faces moved in a random direction.")] = _SHARES.noise,
    face: Annotated[float, _samples(min=0, help="Share of faces as they are.")] = _SHARES.face,
    curves: Annotated[Path | None, _report(metavar="PNG", help="Draw how the training went.")] = None,
    html_file: Annotated[
        Path | None, _report("--html", metavar="FILE", help="Write what the head is worth as a page, with the picture.")
    ] = None,
    as_json: Annotated[bool, _report("--json", help="Print the head's card as JSON.")] = False,
    engine: EngineOption = "local",
    ray_address: RayAddress = "",
    ray_workers: RayWorkers = 0,
) -> None:
    """Train the head on a bundle's own densities; write a bundle with it. Calibrate that one for ida-l afterwards."""
    changed: dict[str, Any] = {
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "decay": decay,
        "milestones": tuple(milestone) if milestone else None,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "iterations": iterations,
        "batch": batch,
    }
    given = Given(tuple(generated or ()), tuple(data or ()), tuple(validate or ()), images, copies, carry, seed)
    refuse_without_effect(
        context,
        Needs(bool(validate), "without --validate", ("exclusions",)),
        Needs(engine == "ray", "without --engine ray", ("ray_address", "ray_workers")),
        label_files_needed(given.labelled),
        Needs(given.needs_pipeline, "where nothing is embedded", ("engine", "no_cache", "pack")),
    )
    with reporting_errors():
        refuse_existing(out)
        for path in (curves, html_file):
            check_writable(path)
        train_function()
        shares, degradations = Shares(spread, mixture, shift, noise, face), find_recipe(recipe)
        given.check(degradations, shares)
        options = TrainOptions(
            target=target,
            hidden=hidden,
            schedule=replace(PRESETS[preset], **{name: value for name, value in changed.items() if value is not None}),
            shares=shares,
            set_aside=set_aside,
            checks=checks,
            patience=patience,
            seed=seed,
        )
        left_out = exclusions_of(exclusions, given.labelled)
        settings = load_settings(pack=pack)
        pipeline = load_pipeline(settings) if given.needs_pipeline else None
        backbone_id = pipeline.backbone_id if pipeline else read_manifest(bundle).backbone_id
        # A head that the bundle has is replaced, and need not fit.
        source = replace(read_bundle(bundle, backbone_id=backbone_id), head=None)
        finder = TermFinder(
            source.anchors, FaissSearch(source.anchors, device=settings.anchor_device, threads=usable_cpus())
        )
        with stage_bars() as stage:
            with EngineChoice(engine, ray_address, ray_workers).opened(settings, pipeline) as opened:
                faces, carried = gather(
                    given, bundle, source.manifest, pipeline, settings, degradations, no_cache, stage, engine=opened
                )
                labelled = read_sets(
                    given.labelled, pipeline, settings, images=images, no_cache=no_cache, stage=stage, engine=opened
                )
            head = train_head(
                out,
                bundle,
                source,
                finder,
                faces,
                options,
                carried=carried,
                labelled=labelled,
                exclusions=left_out,
                device=_device(device),
                threads=usable_cpus(),
                stage=stage,
            )
        if curves is not None:
            # Here, because drawing takes a quarter of a second to load, which every command would wait.
            from models.heads.ssr.curves import draw_curves  # noqa: PLC0415

            draw_curves(head, curves)
        if html_file is not None:
            from models.heads.ssr.ssr_page import ssr_page  # noqa: PLC0415

            with writing(html_file):
                html_file.write_bytes(ssr_page(head))
    if as_json:
        typer.echo(json.dumps({"anchor_set_id": head.bundle_id, **head.card.model_dump(mode="json")}, indent=2))
    else:
        _print(head, out, carried)


def _device(asked: Literal["auto", "cpu", "cuda"]) -> Literal["cpu", "cuda"]:
    if asked != "auto":
        return asked
    # Only the command asks for it, after it was found to be there.
    import torch  # noqa: PLC0415

    return "cuda" if torch.cuda.is_available() else "cpu"


def _print(head: TrainedHead, out: Path, carried: NDArray[np.void] | None) -> None:
    console = Console()
    wide = console if console.is_terminal else Console(width=160)
    table = Table(title="Predicted against true log-density, and TAR (%) by predicted and by true densities")
    rates = list(dict.fromkeys(rate.far for found in head.validated for rate in found.rates))
    headings: Sequence[str] = ("set", "faces", "R²", "Spearman", "bias", *(f"FAR {far:.0e}" for far in rates))
    for heading in headings:
        table.add_column(heading)
    aside = head.aside
    table.add_row(
        "samples set aside", str(aside.faces), f"{aside.r2:.3f}", f"{aside.spearman:.3f}", f"{aside.bias:+.4f}"
    )
    for found in head.validated:
        by_far = {rate.far: f"{100 * rate.ida_l:.2f} ({100 * rate.ida_r:.2f})" for rate in found.rates}
        agreed = found.agreement
        table.add_row(
            found.name,
            str(agreed.faces),
            f"{agreed.r2:.3f}",
            f"{agreed.spearman:.3f}",
            f"{agreed.bias:+.4f}",
            *(by_far.get(far, "") for far in rates),
        )
    wide.print(table)
    checks = head.trained.checks
    typer.echo(f"trained: {checks[-1].iteration} iterations, the weights of {head.trained.best} kept")
    typer.echo(f"head: {head.head_bytes / 1e6:.2f} MB" + ("" if carried is None else f"; {len(carried)} faces carried"))
    typer.echo(f"{out}: bundle {head.bundle_id}. Calibrate it with `ida-verify calibrate --bundle {out}`")
