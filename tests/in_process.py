"""The command line in the tests' own process, where a test promises nothing of a process: a start takes two seconds."""

import os
import subprocess
from collections.abc import Mapping

import pytest
from typer.testing import CliRunner

from models.cli import app


def command(
    *arguments: object, environment: Mapping[str, str] | None = None, **changed: str
) -> subprocess.CompletedProcess[str]:
    """Run ``ida-verify``, and return what a process of it would have printed and ended with.

    What would have been a traceback there is raised here.

    Args:
        arguments: as on the command line, without the program.
        environment: the variables that it finds; None for those of this process.
        changed: variables that it finds besides.
    """
    words = [str(argument) for argument in arguments]
    with pytest.MonkeyPatch.context() as patch:
        kept = os.environ if environment is None else environment
        for name in os.environ.keys() - kept.keys():
            patch.delenv(name)
        for name, value in {**kept, **changed}.items():
            patch.setenv(name, value)
        result = CliRunner().invoke(app, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(words, result.exit_code, result.stdout, result.stderr)
