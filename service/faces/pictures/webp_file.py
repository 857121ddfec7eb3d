"""WebP: the chunks of a file, read before a decoder sees it, and its pixels."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from service.arrays import ImageArray
from service.errors import ImageTooLarge, ImageUndecodable
from service.faces.pictures.colour import over_white
from service.faces.pictures.exif import orientation
from service.faces.pictures.stored_picture import PictureFormat, StoredPicture

_MOST_CHUNKS = 20_000
# Lossy data takes 90 ns a byte, longer than any other; 25 megapixels in good quality are 4 MiB.
_MOST_LOSSY_BYTES = 6 << 20
_HEADER = 12
_SHORTEST = 32  # OpenCV judges nothing shorter
_ALPHA = 0x10


@dataclass(frozen=True, slots=True)
class _Frame:
    """One still picture: its place on the canvas, its sides, and its chunks."""

    left: int
    top: int
    width: int
    height: int
    chunks: list[bytes]


def read_webp(data: bytes) -> StoredPicture:
    """Return the picture of a WebP file; of an animated one, the first frame on its canvas.

    Raises:
        ImageUndecodable: if the chunks are not a WebP's.
        ImageTooLarge: if it has too many chunks, or too many bytes of lossy data.
    """
    canvas, frame, exif = None, None, b""
    still: list[bytes] = []
    for name, start, end in _chunks(data, _HEADER, len(data)):
        if name == b"VP8X" and canvas is None:
            if end - start < 10:
                raise _damage("its header is too short")
            canvas = _three(data, start + 4) + 1, _three(data, start + 7) + 1
        elif name == b"ANMF" and frame is None and not still:
            frame = _animation_frame(data, start, end)
        elif name == b"ALPH" and not still:
            still.append(_chunk(name, data[start:end]))
        elif name in (b"VP8 ", b"VP8L") and frame is None:
            still.append(_chunk(name, data[start:end]))
            frame = _Frame(0, 0, *_sides(name, data[start : start + 10]), still)
        elif name == b"EXIF" and not exif:
            exif = data[start:end]
    if frame is None:
        raise _damage("it has no pixels")
    if frame.chunks[-1].startswith(b"VP8 ") and len(frame.chunks[-1]) > _MOST_LOSSY_BYTES:
        raise ImageTooLarge(f"The WebP has more than {_MOST_LOSSY_BYTES} bytes of lossy data. Send it as a JPEG.")
    width, height = canvas or (frame.width, frame.height)
    if frame.left + frame.width > width or frame.top + frame.height > height:
        raise _damage("its pixels reach past its canvas")
    picture = frame

    def decode(_: int) -> ImageArray:
        pixels = _decoded(picture)
        if pixels.shape[:2] == (height, width):
            return pixels
        whole = np.full((height, width, 3), 255, np.uint8)
        rows, columns = pixels.shape[:2]
        whole[picture.top : picture.top + rows, picture.left : picture.left + columns] = pixels
        return whole

    return StoredPicture(
        width=width, height=height, orientation=orientation(exif), is_reducible=False, full_weight=1, decode=decode
    )


def _decoded(frame: _Frame) -> ImageArray:
    """Return the pixels of a frame, decoded by OpenCV in half the memory that Pillow takes, to the same bits."""
    chunks = frame.chunks
    if len(chunks) > 1:
        sides = b"".join((side - 1).to_bytes(3, "little") for side in (frame.width, frame.height))
        chunks = [_chunk(b"VP8X", bytes((_ALPHA, 0, 0, 0)) + sides), *chunks]
    body = b"WEBP" + b"".join(chunks)
    content = (b"RIFF" + struct.pack("<I", len(body)) + body).ljust(_SHORTEST, b"\0")
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[:2] != (frame.height, frame.width):
        raise _damage("its pixels cannot be decoded")
    opaque = pixels.shape[2] == 3
    cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if opaque else cv2.COLOR_BGRA2RGBA, dst=pixels)
    stored = np.asarray(pixels, np.uint8)
    return stored if opaque else over_white(stored)


def _chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Give the name of each chunk and where its content starts and ends; one that is cut short ends the pictures."""
    for _ in range(_MOST_CHUNKS):
        if at + 8 > end:
            return
        name, size = struct.unpack_from("<4sI", data, at)
        if at + 8 + size > end:
            raise _damage("a chunk reaches past its end")
        yield name, at + 8, at + 8 + size
        at += 8 + size + size % 2
    raise ImageTooLarge(
        f"The WebP has more than {_MOST_CHUNKS} chunks, which no camera writes. Save its first picture alone."
    )


def _animation_frame(data: bytes, start: int, end: int) -> _Frame:
    if end - start < 16:
        raise _damage("the header of a frame is too short")
    chunks: list[bytes] = []
    for name, at, chunk_end in _chunks(data, start + 16, end):
        if name == b"ALPH" and not chunks:
            chunks.append(_chunk(name, data[at:chunk_end]))
        elif name in (b"VP8 ", b"VP8L"):
            chunks.append(_chunk(name, data[at:chunk_end]))
            width, height = _sides(name, data[at : at + 10])
            return _Frame(2 * _three(data, start), 2 * _three(data, start + 3), width, height, chunks)
    raise _damage("its first frame has no pixels")


def _sides(name: bytes, head: bytes) -> tuple[int, int]:
    """Return width and height from the first bytes of the data of a picture: 14 bits each."""
    if name == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def _chunk(name: bytes, content: bytes) -> bytes:
    return b"".join((name, struct.pack("<I", len(content)), content, bytes(len(content) % 2)))


def _three(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _damage(what: str) -> ImageUndecodable:
    return ImageUndecodable(f"The file starts as a WebP image and is damaged or cut short: {what}. Send it again.")


WEBP = PictureFormat(
    "WebP", (".webp",), lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", lambda data, _: read_webp(data)
)
