"""The forms in which a face may be given, and how each goes over the wire."""

import base64
import os
import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast, runtime_checkable


@runtime_checkable
class Array(Protocol):
    """What an array of NumPy has, and those of other libraries that follow it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        ...

    def astype(self, dtype: Any, /) -> Any:
        """Return it as another type of number."""
        ...


Picture = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO
"""A picture file: its bytes, its path (also as text), or the file opened for reading."""


@dataclass(frozen=True, slots=True)
class Crop:
    """An aligned picture of 112x112 pixels, in which no face is looked for."""

    picture: "Picture | Array"


Face = Picture | Array | Crop | Sequence[float]
"""A face: a picture file, an array (height, width, 3) of 8-bit RGB, a ``Crop``, or an embedding, (d,) of any norm."""


def to_wire(face: Face) -> dict[str, Any]:
    """Return a face as JSON has it; reads the file where it is one.

    Raises:
        TypeError, ValueError: if it is no face.
        OSError: if the file cannot be read.
    """
    if isinstance(face, Crop):
        return {"crop": _in_base64(_content(face.picture))}
    if is_embedding(face):
        return {"embedding": list(array("f", _octets_of(face)))}
    return {"image": _in_base64(_content(cast("Picture | Array", face)))}


def is_embedding(face: object) -> bool:
    """Return whether a face is an embedding: numbers in a row."""
    if isinstance(face, Array):
        return len(face.shape) == 1
    return isinstance(face, Sequence) and not isinstance(face, str | bytes | bytearray | memoryview)


def to_octets(probes: Any, references: Any) -> tuple[bytes, int]:
    """Return pairs of embeddings as the service takes them in bytes, and how many values each has.

    Args:
        probes: (n, d), an array or a sequence of sequences; n is 1 or more.
        references: the same, of as many.

    Raises:
        ValueError: if they are not alike.
    """
    rows = [[_octets_of(face) for face in side] for side in (probes, references)]
    if len(rows[0]) != len(rows[1]) or not rows[0]:
        raise ValueError(f"{len(rows[0])} probes and {len(rows[1])} references are no pairs: send as many of each.")
    sizes = {len(row) for side in rows for row in side}
    if len(sizes) != 1 or not min(sizes):
        raise ValueError("All embeddings must have the same number of values, and that is 1 or more.")
    return b"".join(one + other for one, other in zip(*rows, strict=True)), sizes.pop() // 4


def _octets_of(face: Any) -> bytes:
    """Return an embedding as float32, little-endian."""
    if isinstance(face, Array):
        return bytes(face.astype("<f4").tobytes())
    values = array("f", face)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _content(picture: "Picture | Array") -> bytes:
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, str | os.PathLike):
        return Path(picture).read_bytes()
    if isinstance(picture, Array):
        return _png(picture)
    if hasattr(picture, "read"):
        content = picture.read()
        if not isinstance(content, bytes):
            raise TypeError("A file must be opened for reading in binary: open(path, 'rb').")
        return content
    raise TypeError(f"{type(picture).__name__} is no face: give bytes, a path, a file, an array or an embedding.")


def _png(pixels: Array) -> bytes:
    """Return an array as a PNG file, without loss."""
    shape = pixels.shape
    if len(shape) != 3 or shape[2] != 3 or str(getattr(pixels, "dtype", "")) != "uint8":
        raise ValueError(f"A picture is an array (height, width, 3) of uint8 in RGB; this one is {shape}.")
    height, width, _ = shape
    raw, step = pixels.astype("u1").tobytes(), 3 * width
    lines = b"".join(b"\0" + raw[at : at + step] for at in range(0, len(raw), step))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
