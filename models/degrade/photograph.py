"""What the operations of a recipe change: a photograph and where its face is."""

from dataclasses import dataclass, replace
from typing import Self

from service.arrays import ImageArray
from service.faces.types import Box


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """A photograph of a face on its way through a recipe.

    Attributes:
        pixels: (height, width, 3) uint8, RGB.
        box: the face, in pixels of this image.
        size: (width, height) that the photograph had at first.
    """

    pixels: ImageArray
    box: Box
    size: tuple[int, int]

    @classmethod
    def of(cls, pixels: ImageArray, box: Box) -> Self:
        """Return a photograph that nothing was done to yet."""
        return cls(pixels, box, (pixels.shape[1], pixels.shape[0]))

    @property
    def side(self) -> float:
        """The longer side of the face's box, in pixels: what every size in a recipe is relative to."""
        return max(self.box.width, self.box.height)

    def with_pixels(self, pixels: ImageArray) -> Self:
        """Return it with other pixels, the box moved along where the image has another size."""
        across, down = pixels.shape[1] / self.pixels.shape[1], pixels.shape[0] / self.pixels.shape[0]
        box = self.box
        moved = Box(box.left * across, box.top * down, box.right * across, box.bottom * down)
        return replace(self, pixels=pixels, box=moved)

    def with_box(self, box: Box) -> Self:
        """Return it with another box for its face."""
        return replace(self, box=box)
