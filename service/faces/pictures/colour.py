"""From the modes that pictures are stored in to RGB, a band of rows at a time: a copy of the whole is never made."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from service.arrays import ImageArray

_BAND_PIXELS = 1 << 19


def bands(rows: int, columns: int) -> Iterator[slice]:
    """Give the rows of a picture in bands of some half a million pixels."""
    step = max(1, _BAND_PIXELS // max(1, columns))
    for top in range(0, rows, step):
        yield slice(top, min(top + step, rows))


def to_rgb(image: Image.Image) -> ImageArray:
    """Return a loaded picture of any mode as (height, width, 3) uint8, RGB; transparency lies over white."""
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    for band in bands(image.height, image.width):
        rgb[band] = np.asarray(_band_to_rgb(image.crop((0, band.start, image.width, band.stop))))
    return rgb


def over_white(stored: ImageArray) -> ImageArray:
    """Return (height, width, 4) uint8, RGBA, laid over white: (height, width, 3), RGB."""
    rgb = np.empty((*stored.shape[:2], 3), np.uint8)
    for band in bands(*stored.shape[:2]):
        rgb[band] = np.asarray(_band_to_rgb(Image.fromarray(stored[band], "RGBA")))
    return rgb


def _band_to_rgb(band: Image.Image) -> Image.Image:
    if band.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling; of 16-bit colour it takes the high byte, as here.
        grey = (np.asarray(band) >> 8).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if band.has_transparency_data:
        picture = band.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return band.convert("RGB")
