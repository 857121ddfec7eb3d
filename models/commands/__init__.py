"""The subcommands of ``ida-verify``, one module each, and how they all report failure."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from service.errors import IdaError

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Print a foreseen failure to standard error and leave with an exit code that a script can use.

    Raises:
        typer.Exit: with code 1 after an ``IdaError``, 130 after an interruption (Ctrl-C).
    """
    try:
        yield
    except IdaError as error:
        about = f" ({error.image})" if error.image else ""
        typer.echo(f"error{about}: {error.message}", err=True)
        raise typer.Exit(EXIT_FAILURE) from error
    except KeyboardInterrupt as error:
        typer.echo("interrupted: run the command again to finish.", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from error
