"""The operations of a recipe on the photograph, each with its ranges; a new one is a class here, and in the last line.

Each is given a random stream of its own, so that changing one operation leaves the draws of the others as they were.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from models.degrade import pixels
from models.degrade.photograph import Photograph
from models.degrade.ranges import Range, within
from service.faces.types import Box

Probability = Annotated[float, Field(ge=0, le=1)]
VariantName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
CoverKind = Literal["mouth", "eyes", "side", "rectangle", "ellipse"]


class Operation(BaseModel):
    """What every operation has.

    Attributes:
        probability: how often it is applied.
        variants: the recipe's kinds of copies that it is for; all where none is named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    probability: Probability = 1.0
    variants: tuple[VariantName, ...] = ()


class Turn(Operation):
    """Turns the head, as a surrogate of pose: the picture is painted on an ellipsoid.

    Attributes:
        yaw: degrees to either side.
        pitch: degrees up or down.
    """

    kind: Literal["turn"]
    yaw: Annotated[Range, within(0, 85)]
    pitch: Annotated[Range, within(0, 85)]

    def apply(self, photograph: Photograph, generator: np.random.Generator) -> Photograph:
        """Return the photograph with its head turned."""
        yaw = self.yaw.draw(generator) * generator.choice((-1, 1))
        pitch = self.pitch.draw(generator) * generator.choice((-1, 1))
        return photograph.with_pixels(pixels.turn(photograph.pixels, photograph.box, yaw, pitch))


class Cover(Operation):
    """Covers a part of the face with one colour, flat or noisy.

    Attributes:
        parts: the kinds, one drawn evenly: a band over the mouth or the eyes, one side, a rectangle or an ellipse.
        depth: how far a band or a side reaches, as a share of the box.
        extent: sides of a rectangle or an ellipse, as shares of the box.
        noise: greatest standard deviation of the colour's noise, in levels of 0..255.
    """

    kind: Literal["cover"]
    parts: Annotated[tuple[CoverKind, ...], Field(min_length=1)]
    depth: Annotated[Range, within(0, 1)]
    extent: Annotated[Range, within(0, 2)]
    noise: float = Field(ge=0, le=255)

    def apply(self, photograph: Photograph, generator: np.random.Generator) -> Photograph:
        """Return the photograph with a part of its face covered."""
        part = self.parts[generator.integers(len(self.parts))]
        area = self._area(part, photograph.box, generator)
        colour = generator.integers(0, 256, 3).astype(np.float32)
        grain = generator.standard_normal(photograph.pixels.shape, np.float32) * np.float32(
            self.noise * generator.random()
        )
        covered = pixels.cover(photograph.pixels, area, colour + grain, round_shape=part == "ellipse")
        return photograph.with_pixels(covered)

    def _area(self, part: CoverKind, box: Box, generator: np.random.Generator) -> Box:
        depth = self.depth.draw(generator)
        wide, tall = box.width, box.height
        if part == "mouth":
            return Box(
                box.left - 0.1 * wide, box.bottom - depth * tall, box.right + 0.1 * wide, box.bottom + 0.2 * tall
            )
        if part == "eyes":
            top = box.top + 0.15 * tall
            return Box(box.left - 0.1 * wide, top, box.right + 0.1 * wide, top + 0.8 * depth * tall)
        if part == "side":
            top, bottom = box.top - 0.2 * tall, box.bottom + 0.2 * tall
            if generator.random() < 0.5:
                return Box(box.left - 0.2 * wide, top, box.left + depth * wide, bottom)
            return Box(box.right - depth * wide, top, box.right + 0.2 * wide, bottom)
        x, y = box.left + generator.random() * wide, box.top + generator.random() * tall
        half_width, half_height = self.extent.draw(generator) * wide / 2, self.extent.draw(generator) * tall / 2
        return Box(x - half_width, y - half_height, x + half_width, y + half_height)


class Light(Operation):
    """Changes exposure, contrast and colour, and lets a shadow fall across the photograph.

    Attributes:
        gamma: exponent on values in [0, 1].
        contrast: factor about mid-grey.
        shade: what the shadow takes at its dark end.
        cast: greatest log-gain of a channel, up or down.
    """

    kind: Literal["light"]
    gamma: Annotated[Range, within(0.05, 20)]
    contrast: Annotated[Range, within(0, 10)]
    shade: Annotated[Range, within(0, 1)]
    cast: Annotated[Range, within(0, 2)]

    def apply(self, photograph: Photograph, generator: np.random.Generator) -> Photograph:
        """Return the photograph under another light."""
        relit = pixels.relight(
            photograph.pixels,
            gamma=self.gamma.draw(generator),
            contrast=self.contrast.draw(generator),
            shade=self.shade.draw(generator),
            direction=2 * np.pi * generator.random(),
            gains=np.exp(self.cast.draw(generator) * generator.uniform(-1, 1, 3)),
        )
        return photograph.with_pixels(relit)


class Grey(Operation):
    """Takes the colours away."""

    kind: Literal["grey"]

    def apply(self, photograph: Photograph, generator: np.random.Generator) -> Photograph:  # noqa: ARG002 - every operation has this signature
        """Return the photograph in grey."""
        return photograph.with_pixels(pixels.grey(photograph.pixels))


class Blur(Operation):
    """Puts the photograph out of focus.

    Attributes:
        sigma: of the Gaussian, as a share of the face's longer side.
    """

    kind: Literal["blur"]
    sigma: Annotated[Range, within(0.001, 1)]

    def apply(self, photograph: Photograph, generator: np.random.Generator) -> Photograph:
        """Return the photograph out of focus."""
        return photograph.with_pixels(pixels.blur(photograph.pixels, self.sigma.draw(generator) * photograph.side))


class Shrink(Operation):
    """Makes the photograph smaller, where it is larger.

    Attributes:
        face_pixels: what is left of the face's longer side.
    """

    kind: Literal["shrink"]
    face_pixels: Annotated[Range, within(4, 10_000)]

    def apply(self, photograph: Photograph, generator: np.random.Generator) -> Photograph:
        """Return the photograph made smaller."""
        factor = self.face_pixels.draw(generator) / photograph.side
        return photograph.with_pixels(pixels.shrink(photograph.pixels, factor))


class Jpeg(Operation):
    """Stores the photograph as a JPEG file and reads it again.

    Attributes:
        quality: of the file, from 1 to 100.
    """

    kind: Literal["jpeg"]
    quality: Annotated[Range, within(1, 100)]

    def apply(self, photograph: Photograph, generator: np.random.Generator) -> Photograph:
        """Return the photograph as its JPEG file gives it back."""
        return photograph.with_pixels(pixels.jpeg(photograph.pixels, round(self.quality.draw(generator))))


class Enlarge(Operation):
    """Gives the photograph the size again that it had at first.

    Attributes:
        kernels: how it is interpolated, one drawn evenly.
    """

    kind: Literal["enlarge"]
    kernels: Annotated[tuple[Literal["linear", "cubic"], ...], Field(min_length=1)]

    def apply(self, photograph: Photograph, generator: np.random.Generator) -> Photograph:
        """Return the photograph in its first size."""
        kernel = self.kernels[generator.integers(len(self.kernels))]
        if photograph.pixels.shape[1::-1] == photograph.size:
            return photograph
        return photograph.with_pixels(pixels.enlarge(photograph.pixels, photograph.size, cubic=kernel == "cubic"))


ImageOperation = Turn | Cover | Light | Grey | Blur | Shrink | Jpeg | Enlarge
