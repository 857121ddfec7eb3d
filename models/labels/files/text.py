"""Lines of a text file, numbered."""

from pathlib import Path

from models.labels.files.listing import refuse


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines that are not blank with their numbers, from 1.

    Raises:
        LabelsInvalid: if the file cannot be read, or is no UTF-8 text.
    """
    try:
        # A byte-order mark, as spreadsheets write it, is no part of the first field.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        refuse(path, None, f"it cannot be read ({error.strerror}).")
    except UnicodeDecodeError:
        refuse(path, None, "it is no UTF-8 text.")
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
