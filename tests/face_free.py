"""Pieces of pictures without a face: photographs, textures, scans and drawings that scikit-image carries."""

from collections.abc import Iterator
from importlib.resources import as_file, files

import cv2
import numpy as np

NAMES = (
    "brick.png",
    "cell.png",
    "chelsea.png",
    "chessboard_RGB.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "color.png",
    "grass.png",
    "gravel.png",
    "horse.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "logo.png",
    "moon.png",
    "motorcycle_left.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)
"""None shows a person. The coins bear heads, and the cat of ``chelsea`` has a face of its kind."""

_LEAST_SIDE = 64
_ENLARGED = 256


def picture(name: str) -> np.ndarray:
    """One of the pictures, (rows, columns, 3) uint8, RGB."""
    with as_file(files("skimage.data") / name) as path:
        return np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])


def pieces(of_each: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Square pieces of every picture with its name: of any size from 64 pixels, half of the small ones enlarged."""
    drawn = np.random.default_rng(seed)
    for name in NAMES:
        whole = picture(name)
        height, width = whole.shape[:2]
        for _ in range(of_each):
            side = int(drawn.integers(_LEAST_SIDE, min(height, width) + 1))
            top, left = int(drawn.integers(height - side + 1)), int(drawn.integers(width - side + 1))
            piece = np.ascontiguousarray(whole[top : top + side, left : left + side])
            if side < _ENLARGED and drawn.random() < 0.5:
                piece = np.asarray(cv2.resize(piece, (_ENLARGED, _ENLARGED), interpolation=cv2.INTER_CUBIC))
            yield name, piece
