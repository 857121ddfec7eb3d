"""Write degraded copies of labelled photographs, by means that the default anchor recipe does not use.

    python tests/bench/degraded_photographs.py FOLDER OUT [--only LIST.csv] [--seed 0]

FOLDER has a folder per person; OUT gets the same, a degraded PNG for each photograph: shrunk and enlarged again with
the Lanczos kernel, blurred along a line, covered with sensor noise, compressed as WebP, each with probability 0.6. The
pictures are for `ida-verify evaluate` and belong outside the repository.
"""

import argparse
import csv
import io
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_PROBABILITY = 0.6
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
Pixels = NDArray[np.uint8]


def degraded(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a degraded copy of a photograph, of the same size; the generator decides how."""
    if rng.random() < _PROBABILITY:
        share = float(np.exp(rng.uniform(np.log(0.12), np.log(0.6))))
        small = (max(8, round(image.width * share)), max(8, round(image.height * share)))
        image = image.resize(small, Image.Resampling.LANCZOS).resize(image.size, Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    if rng.random() < _PROBABILITY:
        pixels = _motion_blurred(pixels, rng)
    if rng.random() < _PROBABILITY:
        pixels = _noisy(pixels, rng)
    image = Image.fromarray(pixels)
    if rng.random() < _PROBABILITY:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=int(rng.integers(5, 50)))
        image = Image.open(buffer).convert("RGB")
    return image


def _motion_blurred(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    length = max(3.0, min(pixels.shape[:2]) * float(rng.uniform(0.01, 0.06)))
    angle = float(rng.uniform(0, np.pi))
    side = 2 * int(np.ceil(length / 2)) + 1
    centre = side // 2
    kernel = np.zeros((side, side), np.float32)
    half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = (tuple(np.round(centre + sign * half).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum()), dtype=np.uint8)


def _noisy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    electrons = float(np.exp(rng.uniform(np.log(10), np.log(200))))  # at white; fewer make more shot noise
    shot = rng.poisson(pixels / 255.0 * electrons) / electrons * 255.0
    read = rng.normal(0.0, rng.uniform(0, 10), pixels.shape)
    return np.clip(shot + read, 0, 255).astype(np.uint8)


def main() -> None:
    """Degrade every photograph of a folder, or those that a list names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", type=Path, help="CSV with a column `image`, names below FOLDER")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.only:
        with arguments.only.open(newline="") as file:
            names = [row["image"] for row in csv.DictReader(file)]
    else:
        found = (path for path in sorted(arguments.folder.rglob("*")) if path.suffix.lower() in _SUFFIXES)
        names = [path.relative_to(arguments.folder).as_posix() for path in found]
    for name in names:
        rng = np.random.default_rng([arguments.seed, zlib.crc32(name.encode())])
        with Image.open(arguments.folder / name) as image:
            copy = degraded(image.convert("RGB"), rng)
        target = (arguments.out / name).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        copy.save(target)
    print(f"{len(names)} degraded photographs in {arguments.out}")


if __name__ == "__main__":
    main()
