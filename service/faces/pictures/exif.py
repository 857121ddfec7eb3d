"""The one thing that is read of EXIF: which way up a picture is."""

import struct

_ORIENTATION = 0x0112
_FORMATS = {1: "B", 3: "H", 4: "I"}  # of EXIF's types byte, short and long
_PREFIX = b"Exif\0\0"


def orientation(exif: bytes) -> int:
    """Return the orientation (EXIF 2.3, tag 0x0112) that a block of EXIF tells.

    No more than the first directory is read, and of that no value but this one, since entries may all name the same
    megabyte. Metadata that cannot be read beside sound pixels says nothing: viewers show such pictures as stored.

    Args:
        exif: TIFF's header and what follows, with or without the prefix that JPEG puts before it.

    Returns:
        What the tag says; 1 (as stored) if there is none that can be read.
    """
    content = memoryview(exif)[len(_PREFIX) :] if exif.startswith(_PREFIX) else memoryview(exif)
    order = {b"II": "<", b"MM": ">"}.get(bytes(content[:2]))
    if order is None or len(content) < 8:
        return 1
    start: int = struct.unpack_from(f"{order}I", content, 4)[0]
    if start + 2 > len(content):
        return 1
    entries = struct.unpack_from(f"{order}H", content, start)[0]
    table = content[start + 2 :][: 12 * entries]
    for tag, kind, count, value in struct.iter_unpack(f"{order}HHI4s", table[: len(table) // 12 * 12]):
        if tag == _ORIENTATION:
            return int(struct.unpack_from(order + _FORMATS[kind], value)[0]) if kind in _FORMATS and count == 1 else 1
    return 1
