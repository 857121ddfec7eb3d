"""Lines of a text file, numbered, and the fields of a table's line; both bounded, so that no file costs all memory."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.labelled.files.listing import refuse

MOST_CHARACTERS = 512 * 1024 * 1024
MOST_LINES = 20_000_000
MOST_LINE_CHARACTERS = 16 * 1024
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""What may part the fields of a table, and what it is called."""


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank with their numbers, from 1; only one of them is held at a time.

    Raises:
        LabelsInvalid: if the file cannot be read, is no UTF-8 text, or has more, or longer, lines than are read.
    """
    number = characters = 0
    try:
        # A byte-order mark, as spreadsheets write it, is no part of the first field.
        with path.open(encoding="utf-8-sig") as stream:
            while line := stream.readline(MOST_LINE_CHARACTERS + 1):
                number += 1
                characters += len(line)
                if len(line) > MOST_LINE_CHARACTERS:
                    refuse(path, number, f"the line has more than {MOST_LINE_CHARACTERS:,} characters.")
                if characters > MOST_CHARACTERS or number > MOST_LINES:
                    refuse(
                        path,
                        number,
                        f"no more than {MOST_LINES:,} lines and {MOST_CHARACTERS:,} characters are read: part it.",
                    )
                if line.strip():
                    yield number, line.removesuffix("\n")
    except OSError as error:
        refuse(path, None, f"it cannot be read ({error.strerror}).")
    except UnicodeDecodeError:
        refuse(path, None, "it is no UTF-8 text.")


def fields_of(line: str, delimiter: str = ",") -> list[str]:
    """Return the fields of a table's line, blanks around them taken off.

    Raises:
        ValueError: if its quotes do not match.
    """
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
    except csv.Error as error:
        raise ValueError(f"its quotes do not match ({error})") from None


def header_of(line: str, known: Sequence[Sequence[str]]) -> tuple[str, list[str]] | None:
    """Return what parts the fields of a table whose first line this is, and its columns.

    Args:
        line: the first line.
        known: for each kind of table, the columns that it must have.

    Returns:
        None where no delimiter gives the columns of a known table.
    """
    for delimiter in DELIMITERS:
        try:
            columns = fields_of(line, delimiter)
        except ValueError:
            continue
        if any(set(columns) >= set(needed) for needed in known):
            return delimiter, columns
    return None
