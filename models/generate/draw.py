"""What is drawn for each image: its latent, class and noise follow from the seed and its number alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from models.generate.generator_inputs import Input, InputRole
from models.tool_errors import GeneratorInvalid

# A third number, so that no image's stream is the one of the noise that all share.
_SHARED = 1

Feed = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Draw:
    """What all images of one run have in common.

    Attributes:
        seed: together with an image's number it gives the image.
        psi: truncation, for generators that take it.
        label: class of every image; None draws one for each.
    """

    seed: int = 0
    psi: float = 1.0
    label: int | None = None


def feed(inputs: Sequence[Input], numbers: Sequence[int], draw: Draw, *, classes: int | None = None) -> Feed:
    """Return the inputs of the images of these numbers.

    Args:
        inputs: the generator's.
        numbers: numbers of the images of one batch.
        draw: seed, psi and class.
        classes: how many classes there are, where the label's shape does not say it.

    Returns:
        By name, an array with one row an image, or without rows where the input has no axis for them.

    Raises:
        GeneratorInvalid: if the class does not exist, or nobody says how many there are.
    """
    streams = [np.random.default_rng([draw.seed, number]) for number in numbers]
    # The latent first, then by name: another order of the file's inputs must not change the images.
    ordered = sorted(inputs, key=lambda item: (item.role is not InputRole.LATENT, item.name))
    return {item.name: _values(item, streams, draw, classes) for item in ordered}


def _values(item: Input, streams: list[np.random.Generator], draw: Draw, classes: int | None) -> NDArray[Any]:
    if item.role is InputRole.PSI:
        shape = tuple(len(streams) if size is None else size for size in item.shape)
        return np.full(shape, draw.psi, item.dtype)
    if item.role is InputRole.LABEL:
        return _labels(item, streams, draw, classes)
    row = tuple(size for size in item.shape if size is not None)
    if None not in item.shape:
        # Noise without a batch axis is shared by the images, so it may not follow from any of their numbers.
        shared = np.random.default_rng([draw.seed, crc32(item.name.encode()), _SHARED])
        return shared.standard_normal(row, np.float32).astype(item.dtype)
    return np.stack([stream.standard_normal(row, np.float32) for stream in streams]).astype(item.dtype)


def _labels(item: Input, streams: list[np.random.Generator], draw: Draw, classes: int | None) -> NDArray[Any]:
    one_hot = len(item.shape) > 1
    count = item.shape[-1] if one_hot else classes
    if count == 0:  # how unconditional StyleGAN generators keep their label input
        return np.zeros((len(streams), 0), item.dtype)
    if count is None:
        raise GeneratorInvalid(f"The label {item.name} is a number: say how many classes there are (--classes).")
    if draw.label is not None and not 0 <= draw.label < count:
        raise GeneratorInvalid(f"There is no class {draw.label}: the generator has the classes 0 to {count - 1}.")
    chosen = np.array([int(stream.integers(count)) if draw.label is None else draw.label for stream in streams])
    if not one_hot:
        return chosen.astype(item.dtype)
    one_hot_rows: NDArray[Any] = np.eye(count, dtype=item.dtype)[chosen]
    return one_hot_rows
