"""Where the audit log goes: a file that is turned over by size, or standard output. Whole lines, or an error."""

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from service.errors import SettingsInvalid

STANDARD_OUTPUT = "stdout"
"""In the place of a file."""


class AuditSink(Protocol):
    """Takes lines. Used by one thread at a time."""

    def write(self, lines: bytes) -> None:
        """Hand whole lines to the system.

        Raises:
            OSError: if not all of them were taken.
        """

    def close(self) -> None:
        """Take no more."""


class StandardOutput:
    """Writes to the process's standard output, which the log leaves alone."""

    def __init__(self) -> None:
        self._file = sys.stdout.fileno()
        self._is_torn = False

    def write(self, lines: bytes) -> None:
        """Write lines; of a pipe that nobody reads, this waits.

        Raises:
            OSError: if it takes no more. What was taken of a line then gets its end before the next.
        """
        content = b"\n" + lines if self._is_torn else lines
        self._is_torn = True
        _write_all(self._file, content)
        self._is_torn = False

    def close(self) -> None:
        """Leave it open; it is the process's."""


class TurnedFile:
    """A file for its owner alone, which becomes ``NAME.1`` when it is full, that ``NAME.2``, and the last goes.

    One process has it: a second one is refused, since each would turn over what the other writes. A line that an
    earlier process left unfinished gets its end, so that the next one stands by itself.
    """

    def __init__(self, path: Path, most_bytes: int, most_files: int) -> None:
        """Open it, or make it.

        Args:
            path: of the file that is written now; its folder must be there.
            most_bytes: from which on the file is full.
            most_files: with the one that is written now.

        Raises:
            SettingsInvalid: if it cannot be written, or another process has it.
        """
        self._path = path
        self._most_bytes = most_bytes
        self._most_files = most_files
        self._is_torn = False
        try:
            self._lock = _opened(path.with_name(f"{path.name}.lock"))
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._open()
        except BlockingIOError as error:
            os.close(self._lock)
            raise SettingsInvalid(
                f"IDA_AUDIT_LOG: {path} is another process's. Give each a file of its own."
            ) from error
        except OSError as error:
            raise SettingsInvalid(f"IDA_AUDIT_LOG: {path} cannot be written ({error.strerror}).") from error

    def write(self, lines: bytes) -> None:
        """Write lines, all or none of them.

        Raises:
            OSError: if the disk is full, or the file cannot be written for another reason.
        """
        self._mend()
        if self._is_gone():
            self._reopen()
        if self._size and self._size + len(lines) > self._most_bytes:
            self._turn_over()
        self._is_torn = True
        try:
            _write_all(self._file, lines)
        except OSError:
            with suppress(OSError):  # tried again before the next line
                self._mend()
            raise
        self._is_torn = False
        self._size += len(lines)

    def close(self) -> None:
        """Close it, and let another process have it."""
        os.close(self._file)
        os.close(self._lock)

    def _open(self) -> None:
        self._file = _opened(self._path)
        self._size = os.fstat(self._file).st_size
        if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            self._size += os.write(self._file, b"\n")

    def _reopen(self) -> None:
        old = self._file
        self._open()
        os.close(old)

    def _mend(self) -> None:
        """Take away what was written of lines that were not written whole: it would spoil the next."""
        if self._is_torn:
            os.ftruncate(self._file, self._size)
            self._is_torn = False

    def _is_gone(self) -> bool:
        """Return whether somebody moved the file away or deleted it: what is written to it then, nobody would find."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return True
        return not os.path.samestat(found, os.fstat(self._file))

    def _turn_over(self) -> None:
        for number in range(self._most_files - 1, 0, -1):
            younger = self._numbered(number - 1) if number > 1 else self._path
            if younger.exists():
                younger.replace(self._numbered(number))
        self._reopen()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def open_audit_sink(where: str, most_bytes: int, most_files: int) -> AuditSink:
    """Return the sink that settings name.

    Args:
        where: ``STANDARD_OUTPUT``, or the file's path.
        most_bytes: see ``TurnedFile``.
        most_files: see ``TurnedFile``.

    Raises:
        SettingsInvalid: as ``TurnedFile`` says.
    """
    if where == STANDARD_OUTPUT:
        return StandardOutput()
    return TurnedFile(Path(where).expanduser(), most_bytes, most_files)


def _write_all(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
