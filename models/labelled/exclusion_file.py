"""Files of exclusions, TOML or CSV, bounded before they are parsed."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models.bounded import TOML_BYTES, parse_toml, read_bounded
from models.labelled.exclusions import Entry, Exclusions
from models.labelled.files.text import DELIMITERS, fields_of, header_of
from models.tool_errors import ExclusionsInvalid
from service.faults import faults

MOST_ENTRIES = 50_000
CSV_BYTES = 16 * 1024 * 1024

# Characters of the first line that are looked at.
_HEAD = 1000
_COLUMNS = ("set", "kind", "first", "second", "reason")


def read_exclusions(path: Path) -> Exclusions:
    """Read a file of exclusions.

    Args:
        path: a TOML file with ``version`` and ``[[exclusion]]`` tables, or a CSV whose first line is
            ``# version: NAME`` and whose columns are set, kind, first, second, reason.

    Raises:
        ExclusionsInvalid: if it cannot be read, is larger than it may be, or an entry says something it must not; the
            first problem is told.
    """
    is_csv = path.suffix.lower() == ".csv"
    try:
        content = read_bounded(path, CSV_BYTES if is_csv else TOML_BYTES)
        version, found = _of_csv(content) if is_csv else _of_toml(content)
        entries: list[Entry] = []
        for where, entry in found:
            if len(entries) == MOST_ENTRIES:
                raise ValueError(f"it has more than {MOST_ENTRIES:,} entries, the most that are read")
            entries.append(_entry(where, entry))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ExclusionsInvalid(f"{path} cannot be used as a file of exclusions: {reason}.") from error
    return Exclusions(version, hashlib.sha256(content).hexdigest()[:16], tuple(entries))


def _entry(where: str, entry: Any) -> Entry:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where} is no table with {', '.join(_COLUMNS)}")
    unknown = next((name for name in entry if name not in _COLUMNS), None)
    if unknown is not None:
        raise ValueError(f"{where} has a field {unknown!r:.100}; the fields are {', '.join(_COLUMNS)}")
    try:
        return Entry.model_validate(dict(entry))
    except ValidationError as error:
        raise ValueError(f"{where}.{faults(error)}") from error


def _of_toml(content: bytes) -> tuple[str, Iterator[tuple[str, Any]]]:
    document = parse_toml(content)
    unknown = next((name for name in document if name not in ("version", "exclusion")), None)
    if unknown is not None:
        raise ValueError(f"{unknown!r:.100} is not one of its names, version and exclusion")
    version, entries = document.get("version"), document.get("exclusion")
    if not isinstance(version, str) or not version:
        raise ValueError('its version is missing: version = "NAME"')
    if not isinstance(entries, list):
        raise ValueError("it has no tables called [[exclusion]]")
    return version, ((f"exclusion.{number}", entry) for number, entry in enumerate(entries))


def _of_csv(content: bytes) -> tuple[str, Iterator[tuple[str, Any]]]:
    try:
        # A byte-order mark, as spreadsheets write it, is no part of the first field.
        text = io.StringIO(content.decode("utf-8-sig"), newline=None)
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    mark, _, version = text.readline(_HEAD).partition(":")
    if mark.strip().removeprefix("#").strip() != "version" or not version.strip():
        raise ValueError("its first line must be `# version: NAME`")
    lines = ((number, line) for number, line in enumerate(text, 2) if line.strip())
    first = next(lines, (2, ""))
    found = header_of(first[1], (_COLUMNS,))
    if found is None or sorted(found[1]) != sorted(_COLUMNS):
        raise ValueError(f"its columns must be {', '.join(_COLUMNS)}, parted by {' or '.join(DELIMITERS.values())}")
    return version.strip(), _rows(lines, *found)


def _rows(lines: Iterator[tuple[int, str]], delimiter: str, columns: list[str]) -> Iterator[tuple[str, Any]]:
    for number, line in lines:
        cells = fields_of(line, delimiter)
        if len(cells) != len(columns):
            raise ValueError(f"line {number} has {len(cells)} fields, and there are {len(columns)} columns")
        yield f"line {number}", dict(zip(columns, cells, strict=True))
