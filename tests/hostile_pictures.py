"""Pictures that cost a careless decoder most, made of bytes: small files, huge sides, endless scans, chunks and tables.

Each is within 16 MiB; all are some 250 MiB and take ten seconds to make, so that a test asks for those that it needs.
They are made here, from nothing.
"""

from collections.abc import Callable, Collection
from functools import cache

from hostile_heifs import hostile_heifs
from hostile_jpegs import hostile_jpegs
from hostile_others import hostile_bmps, hostile_pngs, hostile_webps


@cache
def _makers() -> dict[str, Callable[[], bytes]]:
    return {**hostile_jpegs(), **hostile_pngs(), **hostile_webps(), **hostile_bmps(), **hostile_heifs()}


def hostile_names() -> list[str]:
    """Return the names of all; the first word of each is its kind."""
    return list(_makers())


def hostile_picture(name: str) -> bytes:
    """Make the file of a name."""
    return _makers()[name]()


def hostile_pictures(names: Collection[str] | None = None) -> dict[str, bytes]:
    """Make the files of some names, or all."""
    return {name: hostile_picture(name) for name in (hostile_names() if names is None else names)}
