"""How a face is lit and coloured: from the luminance of its region, and from its cheeks.

Luminance Y is the standard's: that of sRGB made linear, from 0 to 255.
"""

import math
from functools import cache

import cv2
import numpy as np

from service.arrays import Floats32, Floats64, ImageArray
from service.faces.quality.mapping import sigmoid

LEVELS = 256
_WEIGHTS = (0.2126, 0.7152, 0.0722)
# Of CIELAB's D50 white, and the matrix from linear sRGB adapted to it.
_WHITE = (0.964221, 1.0, 0.825211)
_TO_XYZ = ((0.43605, 0.38508, 0.14309), (0.22249, 0.71689, 0.06062), (0.01393, 0.09710, 0.71419))
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27


def linear(values: Floats64) -> Floats64:
    """Return linear light of sRGB values, both from 0 to 1 (IEC 61966-2-1)."""
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)


def luminance(pixels: ImageArray) -> ImageArray:
    """Return Y of pixels (rows, columns, 3) uint8, RGB: (rows, columns) uint8."""
    weights: Floats32 = np.array([_WEIGHTS], np.float32) * (LEVELS - 1)
    return (cv2.transform(cv2.LUT(pixels, _light()), weights) + 0.5).astype(np.uint8)


def histogram(levels: ImageArray, mask: ImageArray) -> Floats64:
    """Return the share of each of 256 levels among the pixels where a mask (rows, columns) is not 0, (256,).

    Zeros where there is no such pixel.
    """
    counts = cv2.calcHist([levels], [0], mask, [LEVELS], [0, LEVELS]).ravel().astype(np.float64)
    return counts / max(float(counts.sum()), 1.0)


def under_exposure_prevention(shares: Floats64) -> float:
    """Return 120 (0.832 - s((x - 0.92) / 0.05)), x being the share of Y <= 25, from the shares (256,) of the levels."""
    return 120 * (0.832 - sigmoid(float(shares[:26].sum()), 0.92, 0.05))


def over_exposure_prevention(shares: Floats64) -> float:
    """Return 1 / (x + 0.01), x being the share of Y >= 247."""
    return 1 / (float(shares[247:].sum()) + 0.01)


def dynamic_range(shares: Floats64) -> float:
    """Return 12.5 times the entropy of Y in bits."""
    there = shares[shares > 0]
    return -12.5 * float(np.sum(there * np.log2(there)))


def luminance_mean(shares: Floats64) -> float:
    """Return 100 s((m - 0.2) / 0.05) (1 - s((m - 0.8) / 0.05)), m being the mean of Y / 255."""
    mean = _mean(shares)
    return 100 * sigmoid(mean, 0.2, 0.05) * (1 - sigmoid(mean, 0.8, 0.05))


def luminance_variance(shares: Floats64) -> float:
    """Return 100 sin(pi 60 v / (60 v + 1)), v being the variance of Y / 255."""
    variance = float(shares @ (_levels() - _mean(shares)) ** 2)
    return 100 * math.sin(math.pi * 60 * variance / (60 * variance + 1))


def illumination_uniformity(left: Floats64, right: Floats64) -> float:
    """Return 100 h^0.3, h being what the shares of the levels (256,) of both cheeks have in common."""
    return 100 * math.pow(float(np.minimum(left, right).sum()), 0.3)


def natural_colour(mean: Floats64) -> float:
    """Return 200 (1 - s(D / 10)), D being how far CIELAB's a* lies beyond 5 to 25 and b* beyond 5 to 35; 100 below 0.

    Args:
        mean: (3,) of the cheeks' pixels, RGB from 0 to 255.
    """
    a, b = _cielab(mean)
    away = math.hypot(max(5 - a, 0.0, a - 25), max(5 - b, 0.0, b - 35)) if a >= 0 and b >= 0 else 100.0
    return 200 * (1 - sigmoid(away, 0, 10))


@cache
def _light() -> Floats32:
    """Return the linear light of each level of each channel, (1, 256, 3)."""
    table = linear(_levels()).astype(np.float32)
    return np.repeat(table[None, :, None], 3, axis=2)


@cache
def _levels() -> Floats64:
    """Return the levels from 0 to 1, (256,)."""
    return np.arange(LEVELS) / (LEVELS - 1)


def _mean(shares: Floats64) -> float:
    return float(shares @ _levels())


def _cielab(mean: Floats64) -> tuple[float, float]:
    """Return a* and b* of a colour (3,), RGB from 0 to 255."""
    xyz = np.array(_TO_XYZ) @ linear(mean / (LEVELS - 1)) / _WHITE
    x, y, z = np.where(xyz > _EPSILON, np.cbrt(xyz), (_KAPPA * xyz + 16) / 116)
    return 500 * float(x - y), 200 * float(y - z)
