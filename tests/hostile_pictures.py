"""Pictures that cost a careless decoder most, made of bytes: small files, huge sides, endless scans, chunks and tables.

``hostile_pictures()`` gives them by name, each within 16 MiB, some 250 MiB in all. All are made here, from nothing.
"""

from functools import cache

from hostile_heifs import hostile_heifs
from hostile_jpegs import hostile_jpegs
from hostile_others import hostile_bmps, hostile_pngs, hostile_webps


@cache
def hostile_pictures() -> dict[str, bytes]:
    """Return the files by name; the name's first word is their kind. Takes some ten seconds, once a process."""
    return {**hostile_jpegs(), **hostile_pngs(), **hostile_webps(), **hostile_bmps(), **hostile_heifs()}
