"""``ida-verify pfe``: train the head that tells how sure an embedding is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from models.commands import reporting_errors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.commands.effect import label_files_needed, names_pictures, pictures_needed, refuse_without_effect
from models.commands.labelled_input import read_sets
from models.heads.needing_torch import training_module
from models.heads.pfe.pfe_options import PfeOptions
from models.heads.pfe.pfe_run import TRAINING_MODULE, train_uncertainty
from models.progress import stage_bars
from service.bundle.reader import read_bundle, read_manifest
from service.bundle.writer import refuse_existing
from service.cpus import usable_cpus
from service.pipeline import load_pipeline
from service.settings import load_settings

_DEFAULTS = PfeOptions()

app = typer.Typer(name="pfe", help="Train the head that tells how sure an embedding is (PFE).", no_args_is_help=True)


@app.callback()
def _pfe() -> None:
    """Keep ``train`` a command of its own though it is the only one."""


@app.command("train")
def train_pfe_command(
    context: typer.Context,
    bundle: Annotated[
        Path,
        typer.Option(parser=bundle_folder, metavar=BUNDLE_METAVAR, help="Bundle of the backbone; it is only read."),
    ],
    out: Annotated[Path, typer.Option(metavar="BUNDLE", help="Folder to write the new bundle to; must not exist.")],
    data: Annotated[
        list[str],
        typer.Option(metavar="[NAME=]PATH", help="Labelled faces, as `calibrate` takes them. May be repeated."),
    ],
    images: Annotated[Path | None, typer.Option(file_okay=False, help="Where the paths in label files start.")] = None,
    pack: Annotated[str | None, typer.Option(help="Model pack that embeds [IDA_PACK].")] = None,
    hidden: Annotated[int, typer.Option(min=1, max=4096, help="Values between the two layers.")] = _DEFAULTS.hidden,
    iterations: Annotated[int, typer.Option(min=1, help="Batches.")] = _DEFAULTS.iterations,
    batch: Annotated[int, typer.Option(min=2, help="Mated pairs in a batch.")] = _DEFAULTS.batch,
    learning_rate: Annotated[float, typer.Option(min=1e-9, help="Of Adam, at the start.")] = _DEFAULTS.learning_rate,
    weight_decay: Annotated[float, typer.Option(min=0)] = _DEFAULTS.weight_decay,
    set_aside: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Share of the people for early stopping.")
    ] = _DEFAULTS.set_aside,
    seed: Annotated[int, typer.Option(min=0, help="Of everything drawn.")] = _DEFAULTS.seed,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Embed every picture again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the head's card as JSON.")] = False,
) -> None:
    """Train the head on mated pairs, the backbone as it is; write a bundle with it. Calibrate that one afterwards."""
    refuse_without_effect(context, label_files_needed(data), pictures_needed(data, "no_cache", "pack"))
    with reporting_errors():
        refuse_existing(out)
        training_module(TRAINING_MODULE)
        options = PfeOptions(
            hidden=hidden,
            iterations=iterations,
            batch=batch,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            set_aside=set_aside,
            seed=seed,
        )
        settings = load_settings(pack=pack)
        pipeline = load_pipeline(settings) if names_pictures(data) else None
        source = read_bundle(bundle, backbone_id=(pipeline or read_manifest(bundle)).backbone_id)
        with stage_bars() as stage:
            sets = read_sets(data, pipeline, settings, images=images, no_cache=no_cache, stage=stage)
            result = train_uncertainty(
                out, bundle, source, sets, options, device=settings.anchor_device, threads=usable_cpus(), stage=stage
            )
    if as_json:
        typer.echo(json.dumps({"anchor_set_id": result.bundle_id, **result.card.model_dump(mode="json")}, indent=2))
        return
    checks = result.trained.checks
    typer.echo(
        f"trained: {checks[-1].iteration} iterations, the weights of {result.trained.best} kept; mated pairs of people "
        f"set aside {max(check.aside for check in checks):+.2f} in log-likelihood above one constant variance"
    )
    typer.echo(f"sigma0^2: {result.card.sigma0_squared:.3g}")
    typer.echo(f"{out}: bundle {result.bundle_id}. Calibrate it with `ida-verify calibrate --bundle {out}`")
