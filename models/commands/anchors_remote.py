"""``ida-verify anchors push | activate | rollback | status | delete``: the administration of a running service."""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Column, Table

from models.commands import reporting_errors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.remote.client import AdminClient
from models.remote.waiting import wait_for_replicas
from service.api.tokens import read_tokens
from service.bundle.reader import read_bundle_id
from service.errors import SettingsInvalid
from service.settings import load_settings
from service.store.archive import pack_bundle

_HISTORY = 10

Url = Annotated[str, typer.Option(help="Address of the service, or of its admin port.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="File of one token [IDA_ADMIN_TOKEN, IDA_ADMIN_TOKEN_FILE]."),
]
Expected = Annotated[
    int | None, typer.Option(min=0, help="Newest generation that you know; refused where there is a newer one.")
]
AllowUncalibrated = Annotated[
    bool, typer.Option("--allow-uncalibrated", help="Even if requests lose decisions by it, or get none.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Load and check it there, and change nothing.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until every replica serves it.")]
Timeout = Annotated[float, typer.Option(min=0, help="Seconds to wait.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_LOCAL = "http://127.0.0.1:8000"


def push(
    bundle: Annotated[Path, typer.Argument(parser=bundle_folder, metavar=BUNDLE_METAVAR, help="The bundle's folder.")],
    url: Url = _LOCAL,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Upload a bundle to the store of a running service, and print its id.

    Standard output has the id alone, for `anchors activate`; whether it was there already is told on standard error.
    What is damaged of one that is there is put right; what is sound is left alone.
    """
    with reporting_errors(), _client(url, token_file) as client, tempfile.TemporaryDirectory() as folder:
        bundle_id = read_bundle_id(bundle)
        archive = Path(folder) / f"{bundle_id}.tar"
        pack_bundle(bundle, archive)
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("uploading", total=archive.stat().st_size)
            answer = client.push(archive, bundle_id, lambda size: bar.advance(task, size))
    created, repaired = bool(answer["created"]), answer.get("repaired", [])  # which earlier services do not tell
    if as_json:
        told = {"anchor_set_id": bundle_id, "created": created, "repaired": repaired}
        typer.echo(json.dumps(told, indent=2))
        return
    found = "is in the store now" if created else "was in the store already"
    if repaired:
        found += f", damaged, and is put right ({', '.join(repaired)})"
    typer.echo(f"{bundle} {found}, as:", err=True)
    typer.echo(bundle_id)


def delete(
    bundle_id: Annotated[str, typer.Argument(metavar="ID", help="The bundle's id, as status shows it.")],
    allow_retained: Annotated[
        bool, typer.Option("--allow-retained", help="Even if a rollback may need it, or it was pushed lately.")
    ] = False,
    url: Url = _LOCAL,
    token_file: TokenFile = None,
) -> None:
    """Delete an anchor set from the store of a running service.

    Never the active one, nor one that a running replica serves. To replace a damaged one, push it again: that needs no
    deletion.
    """
    with reporting_errors(), _client(url, token_file) as client:
        client.delete(bundle_id, allow_retained=allow_retained)
    typer.echo(f"{bundle_id} is deleted")


def activate(
    bundle_id: Annotated[str, typer.Argument(metavar="ID", help="The bundle's id, as push prints it.")],
    expected_generation: Expected = None,
    dry_run: DryRun = False,
    allow_uncalibrated: AllowUncalibrated = False,
    wait: Wait = False,
    timeout: Timeout = 120,
    url: Url = _LOCAL,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Make an anchor set of the store the active one.

    Exit code 1 if it is refused, or with --wait if a replica cannot load it or does not follow in time.
    """
    with reporting_errors(), _client(url, token_file) as client:
        answer = client.activate(
            bundle_id, expected_generation=expected_generation, dry_run=dry_run, allow_uncalibrated=allow_uncalibrated
        )
        _conclude(client, answer, wait and not dry_run, timeout, as_json)


def rollback(
    to: Annotated[
        int | None,
        typer.Option(min=0, metavar="GENERATION", help="Go back to this one; 0: the bundle of the settings."),
    ] = None,
    expected_generation: Expected = None,
    dry_run: DryRun = False,
    allow_uncalibrated: AllowUncalibrated = False,
    wait: Wait = False,
    timeout: Timeout = 120,
    url: Url = _LOCAL,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Go back to what was active before, each time further; exit codes as activate has."""
    with reporting_errors(), _client(url, token_file) as client:
        answer = client.rollback(
            expected_generation=expected_generation,
            to_generation=to,
            dry_run=dry_run,
            allow_uncalibrated=allow_uncalibrated,
        )
        _conclude(client, answer, wait and not dry_run, timeout, as_json)


def status(url: Url = _LOCAL, token_file: TokenFile = None, as_json: Json = False) -> None:
    """Show what every replica serves, which anchor sets there are, and what was active when."""
    with reporting_errors(), _client(url, token_file) as client:
        replicas, sets, history = client.replicas(), client.anchor_sets(), client.activations(_HISTORY)
    if as_json:
        typer.echo(json.dumps({**replicas, **sets, "activations": history}, indent=2))
        return
    console = Console()
    console.print(f"generation {replicas['generation']}, active: {sets['active'] or 'none was ever activated'}")
    console.print(_replicas_table(replicas["replicas"]))
    console.print(_sets_table(sets["anchor_sets"]))
    console.print(_history_table(history))


def _client(url: str, token_file: Path | None) -> AdminClient:
    settings = load_settings()
    if token_file is None and settings.admin_token is not None:
        return AdminClient(url, settings.admin_token.get_secret_value())
    file = token_file or settings.admin_token_file
    if file is None:
        raise SettingsInvalid("A token is needed: give --token-file, or set IDA_ADMIN_TOKEN or IDA_ADMIN_TOKEN_FILE.")
    tokens = list(read_tokens(file))
    if len(tokens) > 1:
        raise SettingsInvalid(f"{file} has {len(tokens)} tokens. Give a file with yours alone.")
    return AdminClient(url, tokens[0].decode())


def _conclude(client: AdminClient, answer: dict[str, Any], wait: bool, timeout: float, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        _print_answer(answer)
    if wait:
        found = wait_for_replicas(client, answer["generation"], timeout=timeout)
        typer.echo(f"served by all {len(found.following)} replicas: {', '.join(found.following)}", err=as_json)


def _print_answer(answer: dict[str, Any]) -> None:
    for check in answer["checks"]:
        typer.echo(f"{check['name']}: {check['detail']}")
    seconds = answer["seconds"]["total"]
    if answer["dry_run"]:
        typer.echo(f"{answer['current']} could be activated (dry run, {seconds:.1f} s)")
    elif answer["changed"]:
        typer.echo(
            f"generation {answer['generation']}: {answer['current']} is active, {answer['previous'] or 'nothing'} was "
            f"before ({seconds:.1f} s)"
        )
    else:
        typer.echo(f"{answer['current']} was active already, as generation {answer['generation']}")


def _replicas_table(replicas: list[dict[str, Any]]) -> Table:
    table = Table("replica", "generation", _bundle(), "state", "seen")
    for replica in replicas:
        state = "lagging" if replica["lagging"] else "follows"
        if replica["error"]:
            state = f"cannot serve generation {replica['failed_generation']}: {replica['error']}"
        if not replica["alive"]:
            state = "gone"
        seen = f"{replica['seen_seconds_ago']:.0f} s ago"
        table.add_row(replica["replica"], str(replica["generation"]), replica["anchor_set_id"] or "none", state, seen)
    return table


def _sets_table(sets: list[dict[str, Any]]) -> Table:
    table = Table(_bundle(), "state", "anchors", "default method", "generation", "can be deleted")
    for entry in sets:
        deletable = "" if entry["state"] == "built_in" else "no" if entry["retained"] else "yes"
        generation = "" if entry["last_generation"] is None else str(entry["last_generation"])
        known = [str(entry[name]) if entry[name] is not None else "?" for name in ("count", "default_method")]
        table.add_row(entry["id"], entry["state"], *known, generation, deletable)
    return table


def _history_table(history: list[dict[str, Any]]) -> Table:
    table = Table("generation", _bundle(), "when", "who", "how")
    for record in history:
        at = record["at"][:19].replace("T", " ")
        table.add_row(str(record["generation"]), record["anchor_set_id"], at, record["who"], record["action"])
    return table


def _bundle() -> Column:
    # Ids are copied into the next command, so they stay in one piece.
    return Column("bundle", no_wrap=True, min_width=16)
