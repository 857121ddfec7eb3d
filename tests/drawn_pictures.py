"""Pictures drawn around faces, and the development people that they are drawn from."""

import random
from pathlib import Path

import cv2
import numpy as np

# Two folders of CelebA show one person: see dev_exclusions.toml beside the benchmarks.
_SAME_AS_ANOTHER = frozenset({"7393"})


def of_lfw(faces: Path) -> dict[str, list[Path]]:
    """The photographs of each person of LFW."""
    return {folder.name: sorted(folder.glob("*.jpg")) for folder in sorted((faces / "dev/lfw/images").iterdir())}


def of_celeba(faces: Path) -> dict[str, list[Path]]:
    """The photographs of each person of CelebA."""
    folders = sorted((faces / "dev/celeba").iterdir())
    return {folder.name: sorted(folder.glob("*.jpg")) for folder in folders if folder.name not in _SAME_AS_ANOTHER}


def drawn_people(people: dict[str, list[Path]], count: int, seed: int, *, pictures: int = 1) -> list[list[Path]]:
    """Some photographs of each of up to so many people who have as many, drawn from a seed."""
    drawn = random.Random(seed)
    able = [name for name in sorted(people) if len(people[name]) >= pictures]
    return [drawn.sample(people[name], pictures) for name in drawn.sample(able, min(count, len(able)))]


def read_rgb(path: Path) -> np.ndarray:
    """The pixels of a photograph, (rows, columns, 3) uint8, RGB."""
    return np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])


def encoded(image: np.ndarray, suffix: str = ".png") -> bytes:
    """An image file of RGB pixels; a JPEG of quality 92."""
    options = [] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, 92]
    return cv2.imencode(suffix, image[..., ::-1], options)[1].tobytes()


def background(width: int, height: int, seed: int) -> np.ndarray:
    """A picture that shows nothing: smooth blots of colour under a finer grain."""
    drawn = np.random.default_rng(seed)
    blots = cv2.resize(drawn.integers(40, 220, (12, 16, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    grain = drawn.integers(0, 60, (height // 8, width // 8), np.uint8)
    return cv2.add(blots, cv2.merge([cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)] * 3))


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    """An image made larger or smaller, by areas where smaller."""
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=kernel))


def rolled(image: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """An image rolled anticlockwise, its edges drawn on, and the (2, 3) matrix by which its points went along."""
    height, width = image.shape[:2]
    side = int(np.ceil(np.hypot(height, width)))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    matrix[:, 2] += ((side - width) / 2, (side - height) / 2)
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)), matrix


def turned_points(points: np.ndarray, quarters: int, size: tuple[int, int]) -> np.ndarray:
    """Where pixels (n, 2) of a picture (width, height) lie once it is turned anticlockwise by quarters."""
    width, height = size
    for _ in range(quarters):
        points = np.stack([points[:, 1], width - 1 - points[:, 0]], axis=1)
        width, height = height, width
    return points
