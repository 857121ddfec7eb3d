"""From the modes that pictures are stored in to RGB, a band of rows at a time: a copy of the whole is never made."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from service.arrays import ImageArray

_BAND_PIXELS = 1 << 19
_DEEP_GREY = "I;16"
_DEPTHS = (8, 10, 12, 14)  # of cameras whose values lie at the lower end of 16 bits


def bands(rows: int, columns: int) -> Iterator[slice]:
    """Give the rows of a picture in bands of some half a million pixels."""
    step = max(1, _BAND_PIXELS // max(1, columns))
    for top in range(0, rows, step):
        yield slice(top, min(top + step, rows))


def excess_bits(brightest: int) -> int:
    """Return by how many bits the values of a 16-bit file are shifted to be of 8 bits.

    A camera of 10, 12 or 14 bits may leave the upper bits empty: the picture is then that of the least such depth
    which holds its brightest value, and nothing but a black one if all 16 were taken for used.

    Args:
        brightest: value of the picture, 0 to 65535.
    """
    return next((depth for depth in _DEPTHS if brightest < 1 << depth), 16) - 8


def to_rgb(image: Image.Image) -> ImageArray:
    """Return a loaded picture of any mode as (height, width, 3) uint8, RGB; transparency lies over white.

    Grey of 16 bits is scaled from the range that it uses (``excess_bits``).
    """
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    # Pillow's own conversion clips at 255 instead of scaling.
    shift = excess_bits(_brightest(image)) if image.mode.startswith(_DEEP_GREY) else None
    for band in bands(image.height, image.width):
        part = image.crop((0, band.start, image.width, band.stop))
        if shift is not None:
            part = Image.fromarray((np.asarray(part) >> shift).astype(np.uint8))
        rgb[band] = np.asarray(_band_to_rgb(part))
    return rgb


def _brightest(grey: Image.Image) -> int:
    return max(
        int(np.asarray(grey.crop((0, band.start, grey.width, band.stop))).max()) for band in bands(*grey.size[::-1])
    )


def over_white(stored: ImageArray) -> ImageArray:
    """Return (height, width, 4) uint8, RGBA, laid over white: (height, width, 3), RGB."""
    rgb = np.empty((*stored.shape[:2], 3), np.uint8)
    for band in bands(*stored.shape[:2]):
        rgb[band] = np.asarray(_band_to_rgb(Image.fromarray(stored[band], "RGBA")))
    return rgb


def _band_to_rgb(band: Image.Image) -> Image.Image:
    if band.has_transparency_data:
        picture = band.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return band.convert("RGB")
