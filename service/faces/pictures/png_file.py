"""PNG: the chunks of a file, read before a decoder sees it, and its pixels."""

import io
import struct
import zlib

from PIL import Image

from service.arrays import ImageArray
from service.errors import ImageTooLarge, ImageUndecodable
from service.faces.pictures.colour import to_rgb
from service.faces.pictures.deep_colour import deep_colour
from service.faces.pictures.exif import orientation
from service.faces.pictures.stored_picture import PictureFormat, StoredPicture

# 16 MiB in the pieces of 8 KiB that libpng writes are 2,000 chunks.
_MOST_CHUNKS = 20_000
_SIGNATURE = 8
_FRAME = 12  # length, name and checksum of a chunk
_END = b"\0\0\0\0IEND\xaeB`\x82"
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_COLOURED, _WITH_ALPHA = 2, 4  # bits of the colour type
_INDEXED = 3  # the colour type whose pixels are places in the palette
_RAW_PROFILE = b"Raw profile type exif\0"
_MOST_EXIF = 1 << 20  # in hexadecimal digits and line breaks


def read_png(data: bytes) -> StoredPicture:
    """Return the picture of a PNG file; of an animated one, the picture that all viewers show.

    Raises:
        ImageUndecodable: if the chunks are not a PNG's.
        ImageTooLarge: if it has too many chunks.
    """
    at, count, exif = _SIGNATURE, 0, b""
    kept = [data[:_SIGNATURE]]
    while at < len(data):
        count += 1
        if count > _MOST_CHUNKS:
            raise ImageTooLarge(
                f"The PNG has more than {_MOST_CHUNKS} chunks, which no camera writes. Save it again as PNG or JPEG."
            )
        if at + _FRAME > len(data):
            raise _damage("a chunk reaches past its end")
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + _FRAME + length
        if end > len(data):
            raise _damage("a chunk reaches past its end")
        if (count == 1) != (name == b"IHDR"):
            raise _damage("its header is missing or not the only one")
        if name == b"IEND":
            break
        if name in _PIXELS:
            kept.append(data[at:end])
        elif name == b"eXIf" or (name in (b"zTXt", b"tEXt") and not exif and data.startswith(_RAW_PROFILE, at + 8)):
            exif = _exif(name, data[at + 8 : end - 4])
        at = end
    if len(kept) < 2 or len(kept[1]) < _FRAME + 13:
        raise _damage("it has no header")
    width, height, bits, colour = struct.unpack_from(">IIBB", kept[1], 8)
    if not (width and height):
        raise _damage("it has no pixels")
    if colour == _INDEXED and not any(chunk.startswith(b"PLTE", 4) for chunk in kept):
        raise _damage("it has no palette")
    # Texts, colour profiles and frames of animations cost Pillow time and memory, and say nothing about the pixels.
    content = b"".join((*kept, _END))
    kept.clear()

    is_deep = bits == 16 and bool(colour & (_COLOURED | _WITH_ALPHA))

    def decode(_: int) -> ImageArray:
        if is_deep:
            return deep_colour(content)
        image = Image.open(io.BytesIO(content), formats=("PNG",))
        image.load()
        return to_rgb(image)

    return StoredPicture(
        width=width,
        height=height,
        orientation=orientation(exif),
        is_reducible=False,
        full_weight=2 if bits == 16 and colour & _COLOURED else 1,
        decode=decode,
    )


def _exif(name: bytes, body: bytes) -> bytes:
    """Return EXIF from its own chunk, or from the text of hexadecimal digits in which some programs put it."""
    if name == b"eXIf":
        return body
    text = body[len(_RAW_PROFILE) :]
    try:
        if name == b"zTXt":
            text = zlib.decompressobj().decompress(text[1:], _MOST_EXIF)
        # An empty line, the name, the length, then the digits.
        return bytes.fromhex("".join(text[:_MOST_EXIF].decode("ascii").split("\n")[3:]))
    except (zlib.error, ValueError):
        return b""


def _damage(what: str) -> ImageUndecodable:
    return ImageUndecodable(f"The file starts as a PNG image and is damaged or cut short: {what}. Send it again.")


PNG = PictureFormat(
    "PNG", (".png",), lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), lambda data, _: read_png(data)
)
