"""Kinds of poor pictures, made from photographs whose faces were found; each is given a random stream of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from service.faces.types import Box


@dataclass(frozen=True)
class Photographed:
    """A photograph and its face.

    Attributes:
        image: (rows, columns, 3) uint8, RGB.
        landmarks: (5, 2), of the face.
        box: of the face.
    """

    image: np.ndarray
    landmarks: np.ndarray
    box: Box


Maker = Callable[[Photographed, np.random.Generator], np.ndarray]

# Lengths of blurs are in pixels of a face that is so wide, as in LFW's pictures of 250 pixels.
_FACE = 100.0
_CLOTHS = ((90, 140, 190), (240, 240, 245), (30, 30, 35), (120, 160, 130))
_GLASS = (15, 15, 18)


def _blurred(sigma: float) -> Maker:
    def make(photo: Photographed, _: np.random.Generator) -> np.ndarray:
        return cv2.GaussianBlur(photo.image, (0, 0), sigma * photo.box.width / _FACE)

    return make


def _smeared(pixels: int) -> Maker:
    """A face that once was so many pixels wide, enlarged to what it is."""

    def make(photo: Photographed, _: np.random.Generator) -> np.ndarray:
        height, width = photo.image.shape[:2]
        scale = min(1.0, pixels / photo.box.width)
        small = cv2.resize(photo.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)

    return make


def _moved(length: int) -> Maker:
    """Motion along a line in any direction."""

    def make(photo: Photographed, drawn: np.random.Generator) -> np.ndarray:
        side = max(3, round(length * photo.box.width / _FACE)) | 1
        line = np.zeros((side, side), np.float32)
        line[side // 2] = 1
        turn = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), drawn.uniform(0, 180), 1)
        kernel = cv2.warpAffine(line, turn, (side, side))
        return cv2.filter2D(photo.image, -1, kernel / kernel.sum())

    return make


def _masked(image: np.ndarray, photo: Photographed, drawn: np.random.Generator) -> np.ndarray:
    left, right, nose = photo.landmarks[:3].astype(float)
    mouth = photo.landmarks[3:].mean(axis=0)
    down, across = mouth - (left + right) / 2, right - left
    outline = [
        nose - 1.05 * across - 0.12 * down,
        nose - 0.25 * down,
        nose + 1.05 * across - 0.12 * down,
        mouth + 0.90 * across + 0.25 * down,
        mouth + 0.35 * across + 0.75 * down,
        mouth - 0.35 * across + 0.75 * down,
        mouth - 0.90 * across + 0.25 * down,
    ]
    cloth = _CLOTHS[int(drawn.integers(len(_CLOTHS)))]
    return cv2.fillPoly(image.copy(), [np.round(outline).astype(np.int32)], cloth, cv2.LINE_AA)


def _shaded(image: np.ndarray, photo: Photographed) -> np.ndarray:
    left, right = (tuple(round(float(value)) for value in eye) for eye in photo.landmarks[:2])
    apart = float(np.linalg.norm(photo.landmarks[1] - photo.landmarks[0]))
    shaded = image.copy()
    for eye in (left, right):
        axes = (max(1, round(0.42 * apart)), max(1, round(0.32 * apart)))
        cv2.ellipse(shaded, eye, axes, 0, 0, 360, _GLASS, -1, cv2.LINE_AA)
    return cv2.line(shaded, left, right, _GLASS, max(2, round(0.08 * apart)), cv2.LINE_AA)


def _in_jpeg(photo: Photographed, _: np.random.Generator) -> np.ndarray:
    data = cv2.imencode(".jpg", photo.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 8])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def _noisy(photo: Photographed, drawn: np.random.Generator) -> np.ndarray:
    return np.clip(photo.image + drawn.normal(0, 45, photo.image.shape), 0, 255).astype(np.uint8)


KINDS: Mapping[str, Maker] = {
    "clean": lambda photo, _: photo.image,
    "grey": lambda photo, _: cv2.merge([cv2.cvtColor(photo.image, cv2.COLOR_RGB2GRAY)] * 3),
    "blur 4": _blurred(4),
    "blur 6": _blurred(6),
    "blur 9": _blurred(9),
    "enlarged from 40": _smeared(40),
    "enlarged from 25": _smeared(25),
    "enlarged from 17": _smeared(17),
    "motion 17": _moved(17),
    "motion 25": _moved(25),
    "negative": lambda photo, _: 255 - photo.image,
    "mask": lambda photo, drawn: _masked(photo.image, photo, drawn),
    "sunglasses": lambda photo, _: _shaded(photo.image, photo),
    "mask and sunglasses": lambda photo, drawn: _shaded(_masked(photo.image, photo, drawn), photo),
    "turned 90": lambda photo, _: np.rot90(photo.image, 1),
    "turned 180": lambda photo, _: np.rot90(photo.image, 2),
    "turned 270": lambda photo, _: np.rot90(photo.image, 3),
    "upside down, mirrored": lambda photo, _: photo.image[::-1],
    "jpeg 8": _in_jpeg,
    "noise": _noisy,
    "dark": lambda photo, _: (0.08 * photo.image).astype(np.uint8),
}
"""Makers by the name of their kind."""
