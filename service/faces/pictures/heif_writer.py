"""A HEIC or AVIF file of one coded picture and nothing else: what a decoder is given in place of what was sent."""

import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodedKind:
    """How pictures are coded: the kind of their items, the property with the decoder's parameters, the file's brand."""

    item: bytes
    configuration: bytes
    brand: bytes


HEVC_KIND = CodedKind(b"hvc1", b"hvcC", b"heic")
AV1_KIND = CodedKind(b"av01", b"av1C", b"avif")


def write_heif(
    kind: CodedKind, configuration: bytes, data: bytes, *, width: int, height: int, colour: bytes | None
) -> bytes:
    """Return a file of one coded picture.

    Args:
        kind: how it is coded.
        configuration: the decoder's parameters.
        data: the coded picture.
        width: in pixels.
        height: likewise.
        colour: what its values mean, the body of a ``colr`` of kind ``nclx``; None if nothing is said of it.
    """
    properties = [
        _box(kind.configuration, configuration),
        _box(b"ispe", bytes(4) + struct.pack(">II", width, height)),
        *([_box(b"colr", colour)] if colour else []),
    ]
    essential = 0x80
    places = bytes(place | (essential if place == 1 else 0) for place in range(1, len(properties) + 1))
    parts = [
        _box(b"hdlr", bytes(8) + b"pict" + bytes(13)),
        _box(b"pitm", bytes(4) + struct.pack(">H", 1)),
        _box(b"iinf", bytes(4) + struct.pack(">H", 1) + _box(b"infe", b"\2\0\0\0\0\1\0\0" + kind.item + b"\0")),
        _box(
            b"iprp",
            _box(b"ipco", b"".join(properties))
            + _box(b"ipma", bytes(4) + struct.pack(">IHB", 1, 1, len(properties)) + places),
        ),
    ]
    head = _box(b"ftyp", kind.brand + bytes(4) + b"mif1" + kind.brand + b"miaf")

    def meta(start: int) -> bytes:
        place = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, start, len(data))
        return _box(b"meta", bytes(4) + b"".join(parts) + _box(b"iloc", place))

    start = len(head) + len(meta(0)) + 8
    return b"".join((head, meta(start), struct.pack(">I4s", 8 + len(data), b"mdat"), data))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body
