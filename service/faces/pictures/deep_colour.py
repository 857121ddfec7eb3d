"""PNG of 16-bit colours, or grey with alpha: Pillow reads 8 bits of each value, which may be the empty ones."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from service.arrays import ImageArray
from service.errors import ImageTooLarge
from service.faces.pictures.colour import bands, excess_bits, over_white, to_rgb

# Reading the low bytes too is a second decode.
_MOST_PIXELS_READ_TWICE = 6_000_000
_HIGH, _LOW = ";16B", ";16L"  # the first or the second of a value's two bytes, as the one that Pillow keeps
_GREY_WITH_ALPHA = 4
_COLOUR_AT, _HEADER = 25, slice(12, 29)


def deep_colour(content: bytes) -> ImageArray:
    """Return the picture of a PNG of 16 bits, scaled from the range that it uses (``excess_bits``).

    Args:
        content: the file, its first chunk the header; of any colour type but grey without alpha.

    Returns:
        (height, width, 3) uint8, RGB; transparency lies over white.

    Raises:
        ImageTooLarge: if its colours use 14 bits or fewer, and it has more pixels than are decoded twice.
    """
    if content[_COLOUR_AT] == _GREY_WITH_ALPHA:
        return _grey_with_alpha(content)
    high = _loaded(content, _HIGH)
    if excess_bits(max(int(part[..., :3].max()) for _, part in _parts(high)) << 8) == 8:
        return to_rgb(high)
    if high.width * high.height > _MOST_PIXELS_READ_TWICE:
        raise ImageTooLarge(
            f"The PNG has {high.width}x{high.height} pixels whose colours use 14 or fewer of 16 bits, the limit for "
            f"these is {_MOST_PIXELS_READ_TWICE} pixels. Save it with 8 bits a channel."
        )
    low = _loaded(content, _LOW)
    pairs = [(band, part, other) for (band, part), (_, other) in zip(_parts(high), _parts(low), strict=True)]
    shift = excess_bits(max(int(_joined(part, other)[..., :3].max()) for _, part, other in pairs))
    rgb = np.empty((high.height, high.width, 3), np.uint8)
    for band, part, other in pairs:
        shown = (_joined(part, other) >> shift).astype(np.uint8)
        if has_alpha := shown.shape[2] == 4:
            shown[..., 3] = part[..., 3]
        rgb[band] = over_white(shown) if has_alpha else shown
    return rgb


def _grey_with_alpha(content: bytes) -> ImageArray:
    """Return grey with alpha, whose four bytes a pixel are read as four channels of 8 bits."""
    header = bytearray(content[_HEADER])
    header[12:14] = 8, 6  # bits, and the colour type of four channels
    checksum = struct.pack(">I", zlib.crc32(header))
    image = Image.open(
        io.BytesIO(b"".join((content[: _HEADER.start], header, checksum, memoryview(content)[_HEADER.stop + 4 :]))),
        formats=("PNG",),
    )
    image.load()
    shift = excess_bits(max(int(_joined(part[..., 0], part[..., 1]).max()) for _, part in _parts(image)))
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    for band, part in _parts(image):
        grey = (_joined(part[..., 0], part[..., 1]) >> shift).astype(np.uint8)
        rgb[band] = over_white(np.stack([grey, grey, grey, part[..., 2]], axis=-1))
    return rgb


def _loaded(content: bytes, which: str) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=("PNG",))
    if isinstance(image, ImageFile.ImageFile):
        image.tile = [tile._replace(args=str(tile.args).replace(_HIGH, which)) for tile in image.tile]
    image.load()
    return image


def _parts(image: Image.Image) -> Iterator[tuple[slice, ImageArray]]:
    for band in bands(image.height, image.width):
        yield band, np.asarray(image.crop((0, band.start, image.width, band.stop)))


def _joined(high: ImageArray, low: ImageArray) -> NDArray[np.uint16]:
    return np.left_shift(high, 8, dtype=np.uint16) | low
