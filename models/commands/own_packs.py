"""``ida-verify models new``, ``try`` and ``remove``: packs of networks that people have."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table

from models.commands import reporting_errors
from models.packs.liveness_pull import liveness_store
from models.packs.own.new_pack import new_pack
from models.packs.remove import remove_pack
from models.packs.store import PackStore
from models.progress import stage_bars
from service.pack import LIVENESS, load_pack
from service.settings import load_settings

if TYPE_CHECKING:
    from models.evaluation.feeding_trial import Trial, TriedFeeding


def new(
    backbone: Annotated[
        Path,
        typer.Argument(
            metavar="BACKBONE.onnx",
            exists=True,
            dir_okay=False,
            help="A network from aligned 112x112 crops to embeddings.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder to write; the file's name without .onnx by default.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the pack; the folder's by default.")] = None,
    donor: Annotated[
        str | None,
        typer.Option(
            "--with", metavar="PACK", help="Installed pack whose detector and landmarks are taken; IDA_PACK by default."
        ),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the backbone; to be filled in if absent.")] = None,
) -> None:
    """Write a folder with a manifest for a backbone: what its file says, and marked what you must decide.

    The folder has all that `models add` needs.
    """
    with reporting_errors():
        settings = load_settings()
        folder = Path(backbone.stem) if out is None else out
        written = new_pack(
            backbone, folder, load_pack(settings.home, donor or settings.pack), name=name, licence=licence
        )
    typer.echo(f"{written.folder} is written")
    for told in written.read:
        typer.echo(f"read from the file: {told}")
    for told in written.to_decide:
        typer.echo(f"DECIDE in {written.folder / 'pack.toml'}: {told}")
    typer.echo(
        f"Compare the ways to feed it by `ida-verify models try {written.folder} --data LABELLED`; install it by "
        f"`ida-verify models add {written.folder}`"
    )


def try_pack(
    pack: Annotated[str, typer.Argument(metavar="PACK", help="Name of an installed pack, or a folder with pack.toml.")],
    data: Annotated[
        str,
        typer.Option(
            metavar="[NAME=]PATH",
            help="Labelled pictures, some hundreds: a folder with a folder per person, a CSV, or LFW-style pairs.",
        ),
    ],
    images: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder that the pictures' names start from.")
    ] = None,
    input_form: Annotated[
        Literal["photo", "crop"], typer.Option("--input-form", help="Photographs, or aligned 112x112 crops.")
    ] = "photo",
    replicates: Annotated[int, typer.Option(min=100, help="Bootstrap replicates over people.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of everything drawn.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare colour orders and scales of a pack's backbones by cosine, on labelled pictures; needs no anchor set."""
    # Here, because what measures takes half a second to load, which every command would wait.
    from models.evaluation.feeding_trial import try_feedings  # noqa: PLC0415
    from models.labelled.labels import Labels  # noqa: PLC0415
    from models.packs.own.open_networks import open_pack  # noqa: PLC0415

    with reporting_errors():
        settings = load_settings()
        pipeline, runs = open_pack(pack, settings)
        with stage_bars() as stage:
            trials = try_feedings(
                pipeline,
                runs,
                Labels.parse(data),
                settings,
                images=images,
                input_form=input_form,
                replicates=replicates,
                seed=seed,
                stage=stage,
            )
    if as_json:
        found = [{**to_jsonable_python(trial), "is_settled": trial.is_settled} for trial in trials]
        typer.echo(json.dumps(found, indent=2))
        return
    for trial in trials:
        _print_trial(trial)


def remove(name: Annotated[str, typer.Argument(help="Name of an installed pack, or `liveness`.")]) -> None:
    """Delete an installed pack, or the liveness part, from IDA_HOME."""
    with reporting_errors():
        settings = load_settings()
        remove_pack(liveness_store(settings.home) if name == LIVENESS else PackStore(settings.home), name)
    typer.echo(f"{name} is removed")
    if name == settings.pack:
        typer.echo("note: it is the pack of IDA_PACK: nothing can be served until it is installed again.")


def _print_trial(trial: "Trial") -> None:
    console = Console()
    table = Table(title=f"{trial.file}: by cosine, the best first")
    for heading in ("colour, (mean) / (scale)", "EER", "FNMR at FMR 1e-3", "gain over the pack's", ""):
        table.add_column(heading)
    for found in trial.tried:
        table.add_row(
            found.feeding.in_words,
            "-" if found.equal_error_rate is None else f"{found.equal_error_rate:.2%}",
            found.failure or ("too few pairs" if found.fnmr is None else found.fnmr.text("{:.2%}".format)),
            "" if found.gain is None else found.gain.text("{:+.2%}".format),
            "the pack has this" if found.feeding.is_own else "",
        )
    (console if console.is_terminal else Console(width=160)).print(table)
    lost = ", ".join(f"{count} {reason}" for reason, count in trial.failures.items())
    typer.echo(
        f"{trial.faces} faces, {trial.mated_pairs:,} mated and {trial.non_mated_pairs:,} non-mated pairs"
        f"{f'; without an embedding: {lost}' if lost else ''}"
    )
    typer.echo(_verdict(trial, trial.best))


def _verdict(trial: "Trial", best: "TriedFeeding") -> str:
    if best.feeding.is_own:
        return f"{trial.file}: the pack has the best: {best.feeding.in_words}"
    if trial.is_settled:
        return (
            f"{trial.file}: on these pictures the pack's {trial.own.feeding.in_words} cannot be told from the best, "
            f"{best.feeding.in_words}"
        )
    fed = best.feeding.preprocessing
    return (
        f"{trial.file}: the best is {best.feeding.in_words}, and the pack has {trial.own.feeding.in_words}. Set "
        f'colour = "{fed.colour}", mean = {json.dumps(fed.mean)}, scale = {json.dumps(fed.scale)} in pack.toml'
    )
