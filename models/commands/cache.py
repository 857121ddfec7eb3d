"""``ida-verify cache``: the embeddings that the tools keep of pictures, looked at and deleted."""

from typing import Annotated

import typer

from models.commands import reporting_errors
from models.labelled.cache_files import CacheFile, cache_files, delete_cache
from service.settings import load_settings

app = typer.Typer(name="cache", help="Look at and delete the embeddings that tools keep.", no_args_is_help=True)


@app.command("list")
def list_command() -> None:
    """Say where embeddings of pictures are kept, how many, and how large the files are."""
    with reporting_errors():
        _print(cache_files(load_settings()))


@app.command()
def clear(dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False) -> None:
    """Delete all kept embeddings; pictures are embedded again when they are needed. Copies of bundles stay."""
    with reporting_errors():
        settings = load_settings()
        found = cache_files(settings) if dry_run else delete_cache(settings)
    _print(found)
    if found:
        typer.echo("nothing was deleted: --dry-run" if dry_run else "deleted")


def _print(found: list[CacheFile]) -> None:
    if not found:
        typer.echo("no embeddings are kept")
    for file in found:
        entries = "" if file.entries is None else f", {file.entries:,} pictures"
        typer.echo(f"{file.path}: {file.bytes:,} bytes{entries}")
