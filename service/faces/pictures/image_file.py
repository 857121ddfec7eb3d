"""An image file whose structure was read: what it says of the picture, and the pixels, in full or reduced."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from service.arrays import ImageArray
from service.choices import DamagedImages
from service.errors import IdaError, ImageUndecodable, UnsupportedImageType
from service.faces.pictures.formats import IN_WORDS, format_of
from service.faces.pictures.stored_picture import StoredPicture
from service.faces.pictures.unread import recognise

REDUCTIONS = (8, 4, 2, 1)
"""By what a JPEG picture can be reduced while it is decoded, which skips most of the work."""

# Of one that is decoded in rows, and of one that is held whole.
_LARGE_PIXELS = 20_000_000
_LARGE_FULL_PIXELS = 9_000_000

# EXIF 2.3, tag 0x0112: what turns the stored picture upright.
_UPRIGHT: dict[int, Callable[[ImageArray], cv2.typing.MatLike]] = {
    2: lambda stored: cv2.flip(stored, 1),
    3: lambda stored: cv2.rotate(stored, cv2.ROTATE_180),
    4: lambda stored: cv2.flip(stored, 0),
    5: cv2.transpose,
    6: lambda stored: cv2.rotate(stored, cv2.ROTATE_90_CLOCKWISE),
    7: lambda stored: cv2.transpose(cv2.rotate(stored, cv2.ROTATE_180)),
    8: lambda stored: cv2.rotate(stored, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
_ON_ITS_SIDE = (5, 6, 7, 8)


class ImageFile:
    """An image file; of one with several pictures, the first. Not safe to use from two threads.

    Attributes:
        width: of the upright picture, in pixels.
        height: likewise.
        exif_rotated: whether the EXIF orientation turns or mirrors the stored picture.
        is_reducible: whether it can be decoded reduced.
    """

    def __init__(
        self, data: bytes, check_size: Callable[[StoredPicture], None], *, damaged: DamagedImages = "refuse"
    ) -> None:
        """Read the structure, in which no pixel is decoded.

        Args:
            data: the whole file.
            check_size: called with the stored picture before anything is decoded; may raise.
            damaged: whether a JPEG with damaged data is refused.

        Raises:
            UnsupportedImageType: if the bytes are of no supported type.
            ImageUndecodable: if they are, and the structure is damaged.
            ImageTooLarge: if the file has more parts than any camera or program writes.
        """
        kind = format_of(data)
        if kind is None:
            raise UnsupportedImageType(_what_it_is(data))
        self._kind = kind
        with self._damage():
            self._stored = kind.read(data, damaged)
        check_size(self._stored)
        self.is_reducible = self._stored.is_reducible
        self.exif_rotated = self._stored.orientation in _UPRIGHT
        size = self._stored.width, self._stored.height
        self.width, self.height = size[::-1] if self._stored.orientation in _ON_ITS_SIDE else size

    @property
    def is_large(self) -> bool:
        """Whether decoding it may take the better part of a second, as no photograph of 12 megapixels does."""
        pixels = self._stored.width * self._stored.height
        return pixels > _LARGE_PIXELS or pixels * self._stored.full_weight > _LARGE_FULL_PIXELS

    def pixels(self, reduction: int = 1) -> ImageArray:
        """Decode the upright picture.

        Args:
            reduction: one of ``REDUCTIONS``; other than 1 only where the file is reducible.

        Returns:
            (rows, columns, 3) uint8, RGB, read-only: height and width over the reduction, rounded up.

        Raises:
            ImageUndecodable: if the file is damaged or cut short.
        """
        with self._damage():
            upright = self._stored.decode(reduction)
            turn = _UPRIGHT.get(self._stored.orientation)
            if turn is not None:
                upright = np.asarray(turn(upright), dtype=np.uint8)
        upright.setflags(write=False)
        return upright

    @contextmanager
    def _damage(self) -> Iterator[None]:
        """Make whatever a decoder raises the fault of this file alone: decoders have no list of what they raise."""
        try:
            yield
        except IdaError:
            raise
        except Exception as error:
            raise ImageUndecodable(
                f"The file starts as {self._kind.name} and cannot be decoded: it is damaged or cut short. "
                "Send it again."
            ) from error


def _what_it_is(data: bytes) -> str:
    """Say what a file is that no reader takes, and what to do."""
    if not data:
        return f"The file is empty: it has no bytes. Send a {IN_WORDS} image."
    found = recognise(data)
    if found is None:
        return f"The file is of no type that is known here. Send a {IN_WORDS} image."
    return f"The file is {found.name}, not a {IN_WORDS} image. {found.advice}."
