"""A picture made of integers, the same on every machine, to see whether a backbone still gives what it gave."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from service.arrays import Ints
from service.pack.pack_manifest import CROP_SIDE

_FULL = 256
# Centre, radii and colour of what stands out from the skin, near the places that the alignment gives each.
_FEATURES = (
    ((38, 52), (11, 6), (40, 30, 28)),
    ((74, 52), (11, 6), (40, 30, 28)),
    ((38, 40), (14, 3), (70, 50, 40)),
    ((74, 40), (14, 3), (70, 50, 40)),
    ((56, 66), (7, 15), (235, 190, 165)),
    ((56, 92), (19, 6), (150, 60, 60)),
)


@cache
def synthetic_crop() -> NDArray[np.uint8]:
    """Return a fixed picture of the rough form of a face: (112, 112, 3) uint8, RGB; read-only, made once.

    It is computed in integers alone, since sines and roots differ in their last bit from one machine to another.
    """
    y, x = np.mgrid[0:CROP_SIDE, 0:CROP_SIDE].astype(np.int64)
    background = np.stack([90 + _wave(x, 37) // 8, 100 + _wave(y, 29) // 8, 120 + _wave(x + y, 53) // 8], axis=-1)
    # Light from the left, so that a mirrored crop is another one.
    skin = np.stack([215 - x // 2, 170 - x // 2, 145 - x // 3], axis=-1) + _wave(3 * x + 2 * y, 61)[..., None] // 32
    picture = _blend(background, skin, _ellipse(x, y, (56, 60), (46, 62)))
    for centre, radii, colour in _FEATURES:
        picture = _blend(picture, np.array(colour), _ellipse(x, y, centre, radii))
    crop = np.clip(picture, 0, 255).astype(np.uint8)
    crop.setflags(write=False)
    return crop


def _wave(phase: Ints, period: int) -> Ints:
    """Return a smooth wave in [-256, 256]: two parabolas a period, as near to a sine as integers need to be."""
    half = phase % period * 2 - period
    height: Ints = 4 * _FULL * half * (period - np.abs(half)) // (period * period)
    return height


def _ellipse(x: Ints, y: Ints, centre: tuple[int, int], radii: tuple[int, int]) -> Ints:
    """Return how much of each pixel a soft ellipse covers, in 0..256."""
    width, height = radii[0] ** 2, radii[1] ** 2
    distance = _FULL * ((x - centre[0]) ** 2 * height + (y - centre[1]) ** 2 * width) // (width * height)
    cover: Ints = np.clip(2 * (_FULL - distance), 0, _FULL)
    return cover


def _blend(under: Ints, over: Ints, cover: Ints) -> Ints:
    blended: Ints = (under * (_FULL - cover[..., None]) + over * cover[..., None]) // _FULL
    return blended
