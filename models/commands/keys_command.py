"""``ida-verify keys new | list``: the callers' keys."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.commands import reporting_errors
from service.api.access.key_file import SCOPES, ApiKey, KeyScope, digest_of, key_line, named_key, new_key, read_keys

app = typer.Typer(name="keys", help="Make the keys by which callers are known.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class _Asked:
    per_second: float | None
    burst: int | None
    concurrent: int | None
    expires: datetime | None


@app.command("new")
def new_command(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Of each caller: letters, digits, _ and -.")],
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", help="What the key may do: verify, embed, info; again for more.")
    ] = None,
    per_second: Annotated[float | None, typer.Option(help="Requests a second in the long run.")] = None,
    burst: Annotated[
        int | None, typer.Option(help="Requests at once after a pause; a second's worth by default.")
    ] = None,
    concurrent: Annotated[int | None, typer.Option(help="Requests that are answered at the same time.")] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="When it ends, in UTC.")
    ] = None,
) -> None:
    """Make a key for each name: the key, which is shown this once, and the line for IDA_API_KEYS_FILE.

    The key goes to standard error and the line to standard output, so that `>> FILE` keeps the right one. It may do
    everything without --scope.
    """
    limits = _Asked(per_second, burst, concurrent, expires and expires.replace(tzinfo=UTC))
    lines = []
    with reporting_errors():
        for name in names:
            key = new_key()
            said = {"sha256": digest_of(key), "scopes": list(scopes or SCOPES), **asdict(limits)}
            lines.append((key, key_line(named_key(name, said, "the command line"))))
    for key, line in lines:
        typer.echo(f"the key, which is shown this once: {key}", err=True)
        typer.echo(line)


@app.command("list")
def list_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The file of IDA_API_KEYS_FILE.")],
) -> None:
    """Read a file of keys as the service does, and show who may do what. Exit code 1 if it cannot be used."""
    with reporting_errors():
        found = read_keys(file)
    table = Table("name", "scopes", "a second", "burst", "concurrent", "expires")
    for key in found:
        table.add_row(
            key.name, " ".join(_scopes(key)), *map(_shown, (key.per_second, key.burst, key.concurrent)), _end(key)
        )
    Console().print(table)


def _scopes(key: ApiKey) -> list[KeyScope]:
    return [scope for scope in SCOPES if scope in key.scopes]


def _shown(limit: float | None) -> str:
    return "any" if limit is None else f"{limit:g}"


def _end(key: ApiKey) -> str:
    if key.expires is None:
        return "never"
    return f"{key.expires:%Y-%m-%d %H:%M %Z}" + (" (expired)" if key.is_expired(datetime.now(UTC)) else "")
