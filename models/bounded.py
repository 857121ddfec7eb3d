"""Documents that people give to the tools, bounded before they are parsed."""

import io
import tomllib
from pathlib import Path
from typing import Any

TOML_BYTES = 4 * 1024 * 1024
_LINE_BYTES = 64 * 1024
# The parser takes the square of a dotted key's parts in steps, some thirty million a second.
_DOTS = 10_000_000


def read_bounded(path: Path, most: int) -> bytes:
    """Return the bytes of a file.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it has more bytes than ``most``; no more are read.
    """
    with path.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it has more than {most:,} bytes, the most that are read")
    return content


def parse_toml(content: bytes) -> dict[str, Any]:
    """Return what a TOML document says; costs a few seconds and 100 MB at most, whatever it holds.

    Raises:
        ValueError: saying the first thing that is wrong, if it is no TOML, or larger or deeper than it may be.
    """
    if len(content) > TOML_BYTES:
        raise ValueError(f"it has more than {TOML_BYTES:,} bytes, the most that are read")
    dots = 0
    for number, line in enumerate(io.BytesIO(content), 1):
        dots += line.count(b".") ** 2
        if len(line) > _LINE_BYTES or dots > _DOTS:
            raise ValueError(
                f"line {number} is too long, or has too many dots: a line has {_LINE_BYTES:,} bytes at most"
            )
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    except RecursionError:
        raise ValueError("its arrays or tables lie too deep within each other") from None
