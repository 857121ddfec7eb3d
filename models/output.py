"""Files that a command writes for people: refused at once where they cannot be written, and failing clearly."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.tool_errors import ReportNotWritten


def check_writable(path: Path | None) -> None:
    """Refuse at once a file that could not be written once everything was done.

    Raises:
        ReportNotWritten: if it is a folder, or lies in one that is not there.
    """
    if path is not None and (path.is_dir() or not path.resolve().parent.is_dir()):
        raise ReportNotWritten(f"{path} cannot be written: it is a folder, or lies in one that is not there.")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write a file in the block.

    Raises:
        ReportNotWritten: if the disk does not take it.
    """
    try:
        yield
    except OSError as error:
        raise ReportNotWritten(f"{path} cannot be written ({error.strerror or error}).") from error
