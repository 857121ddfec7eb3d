"""``ida-verify settings``: what is in force, and where it comes from."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from models.commands import reporting_errors
from service.settings import load_settings
from service.settings_in_force import settings_in_force, unknown_variables


def settings_command(
    host: Annotated[str | None, typer.Option(help="As for serve [IDA_HOST].")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="As for serve [IDA_PORT].")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print every setting in force and where it comes from: default, environment or option. Secrets are not shown.

    Exit code 1 if a setting cannot be used, 0 otherwise; variables that are no settings are told on standard error.
    """
    options = {"host": host, "port": port}
    with reporting_errors():
        settings = load_settings(**options)
    given = [name for name, value in options.items() if value is not None]
    found, problems = settings_in_force(settings, given), unknown_variables()
    if as_json:
        typer.echo(json.dumps({"settings": [asdict(setting) for setting in found], "unknown": problems}, indent=2))
        return
    table = Table(Column("setting", no_wrap=True), Column("value", overflow="fold"), Column("from", no_wrap=True))
    for setting in found:
        table.add_row(setting.variable, setting.value, setting.source)
    Console().print(table)
    for problem in problems:
        typer.echo(f"warning: {problem}", err=True)
