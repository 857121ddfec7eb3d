"""Images by their number: whole batches of fixed bounds, so that resuming gives the pixels of an uninterrupted run."""

import hashlib
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from models.generate.draw import Draw, feed
from models.generate.generator_inputs import Axes
from models.generate.network import Generator, load_generator
from models.tool_errors import GeneratorInvalid
from service.arrays import ImageArray
from service.choices import Device
from service.pack import file_sha256

# How far beyond -1 and 1 a generator's values may go: StyleGAN's do, by tenths, and are clipped.
_SLACK = 4.0
# A whole batch without a value below this is in [0, 1].
_NEGATIVE = -0.01


def image_name(number: int) -> str:
    """Return the file name of an image; names sort as numbers do."""
    return f"{number:08d}.png"


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """One generated image.

    Attributes:
        number: which one.
        pixels: (height, width, 3) uint8, RGB.
    """

    number: int
    pixels: ImageArray


class ImageRun:
    """All images of a generator, seed, psi and class; each follows from its number and the batch size."""

    def __init__(self, generator: Generator, draw: Draw, *, batch: int, classes: int | None = None) -> None:
        """Describe a run.

        Args:
            generator: makes the images.
            draw: seed, psi and class.
            batch: images of one run of the network; a file that fixes it decides itself.
            classes: number of classes, where the file does not say it.
        """
        self._generator = generator
        self._draw = draw
        self._classes = classes
        self.batch = generator.batch or batch

    def images(self, count: int, *, skip: Container[int] = ()) -> Iterator[GeneratedImage]:
        """Yield the images of the numbers 0 to count - 1, but those to be skipped, in order.

        Raises:
            GeneratorInvalid: if what the generator gives is no image in [-1, 1].
            InferenceFailed: if the engine fails.
        """
        for first in range(0, count, self.batch):
            # The batch is run whole even where a part of it is wanted: the last digits of an image depend on its batch.
            numbers = range(first, first + self.batch)
            wanted = [number for number in numbers if number < count and number not in skip]
            if not wanted:
                continue
            values = feed(self._generator.inputs, numbers, self._draw, classes=self._classes)
            pixels = to_pixels(self._generator.run(values, seed=_batch_seed(self._draw.seed, first)), len(numbers))
            for number in wanted:
                yield GeneratedImage(number, pixels[number - first])


@dataclass(frozen=True, slots=True)
class GeneratorFile:
    """A generator's file and how it is run.

    Attributes:
        path: the ONNX or TorchScript file.
        draw: seed, psi and class.
        batch: images of one run of the network.
        axes: sizes that the file leaves open.
    """

    path: Path
    draw: Draw = field(default_factory=Draw)
    batch: int = 16
    axes: Axes = field(default_factory=Axes)

    def load(self, *, device: Device, threads: int) -> ImageRun:
        """Return the run; raises as ``load_generator`` does."""
        generator = load_generator(self.path, self.axes, device=device, threads=threads)
        return ImageRun(generator, self.draw, batch=self.batch, classes=self.axes.classes)

    def facts(self) -> dict[str, JsonValue]:
        """Return what the images follow from, for a record of them; no path of this machine."""
        return {
            "generator": self.path.name,
            "sha256": file_sha256(self.path),
            "seed": self.draw.seed,
            "psi": self.draw.psi,
            "label": self.draw.label,
            "batch": self.batch,
            "latent": self.axes.latent,
            "classes": self.axes.classes,
        }


def to_pixels(images: NDArray[Any], count: int) -> NDArray[np.uint8]:
    """Return a generator's output as pixels.

    Args:
        images: (n, 3, height, width) or (n, 1, height, width), in [-1, 1]; what lies beyond is clipped.
        count: n, as asked.

    Returns:
        (n, height, width, 3) uint8, RGB.

    Raises:
        GeneratorInvalid: if the shape or the values are others.
    """
    if images.ndim != 4 or images.shape[0] != count or images.shape[1] not in {1, 3}:
        raise GeneratorInvalid(
            f"The generator gave the shape {images.shape} for {count} images; it must be ({count}, 3, height, width)."
        )
    low, high = float(np.min(images)), float(np.max(images))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise GeneratorInvalid("The generator gave values that are not finite.")
    if low > _NEGATIVE or high > _SLACK or low < -_SLACK:
        raise GeneratorInvalid(
            f"The generator gave values from {low:.3g} to {high:.3g}; images must be in [-1, 1]. Export it with its "
            "output scaled so."
        )
    pixels = np.clip(np.rint((images.astype(np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)
    colour = pixels if pixels.shape[1] == 3 else np.repeat(pixels, 3, axis=1)
    return np.ascontiguousarray(colour.transpose(0, 2, 3, 1))


def _batch_seed(seed: int, first: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{first}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")
