"""An image file whose header was read: what it says of the picture, and the pixels, in full or reduced."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from PIL import Image

from service.errors import ImageTooLarge, ImageUndecodable, UnsupportedImageType
from service.faces.types import ImageArray

REDUCTIONS = (8, 4, 2, 1)
"""By what a JPEG picture can be reduced while it is decoded, which skips most of the work."""

_EXIF_ORIENTATION = 0x0112
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

# What Pillow raises on damaged files, apart from its own classes (which are OSErrors or SyntaxErrors).
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)

_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)

_FLAGS = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


class ImageFile:
    """A JPEG, PNG, WebP or BMP file; of one with several pictures, the first. Not safe to use from two threads.

    Attributes:
        width: of the upright picture, in pixels.
        height: likewise.
        exif_rotated: whether the EXIF orientation turns or mirrors the stored picture.
        is_reducible: whether it can be decoded reduced.
    """

    def __init__(self, data: bytes, check_size: Callable[[int, int], None]) -> None:
        """Read the header.

        Args:
            data: the whole file.
            check_size: called with the stored picture's width and height before anything is decoded; may raise.

        Raises:
            UnsupportedImageType: if the bytes are of no supported type.
            ImageUndecodable: if they are, and the header is damaged.
            ImageTooLarge: if it has so many pixels that Pillow refuses them.
        """
        self._data = data
        self._kind = _file_type(data)
        with self._damage():
            self._image = Image.open(io.BytesIO(data), formats=(self._kind,))
            check_size(self._image.width, self._image.height)
        # libjpeg's own pictures; CMYK needs a conversion that OpenCV does otherwise.
        self.is_reducible = self._kind == "JPEG" and self._image.mode in ("RGB", "L")
        # Of PNG and WebP the metadata may lie behind the pixels.
        with self._damage():
            if not self.is_reducible:
                self._image.load()
        self._orientation = _orientation(self._image)
        self.exif_rotated = self._orientation in _UPRIGHT
        size = self._image.size
        self.width, self.height = size[::-1] if self._orientation in _ON_ITS_SIDE else size

    def pixels(self, reduction: int = 1) -> ImageArray:
        """Decode the upright picture.

        Args:
            reduction: one of ``REDUCTIONS``; other than 1 only where the file is reducible.

        Returns:
            (rows, columns, 3) uint8, RGB, read-only: height and width over the reduction, rounded up.

        Raises:
            ImageUndecodable: if the file is damaged or cut short.
            ImageTooLarge: if it has so many pixels that Pillow refuses them.
        """
        stored = self._by_opencv(reduction) if self.is_reducible else None
        if stored is None:
            stored = self._by_pillow(reduction)
        turn = _UPRIGHT.get(self._orientation)
        upright = stored if turn is None else np.asarray(turn(stored), dtype=np.uint8)
        upright.setflags(write=False)
        return upright

    def _by_opencv(self, reduction: int) -> ImageArray | None:
        """Return what Pillow gives, to the bit, in half the time; None for a file that Pillow must judge."""
        content = np.frombuffer(self._data, np.uint8)
        try:
            decoded = cv2.imdecode(content, _FLAGS[reduction] | cv2.IMREAD_IGNORE_ORIENTATION)
        except cv2.error:
            return None
        if decoded is None:
            return None
        # OpenCV gives reduced pictures as BGR alone.
        ordered = decoded if reduction == 1 else cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
        return np.asarray(ordered, dtype=np.uint8)

    def _by_pillow(self, reduction: int) -> ImageArray:
        with self._damage():
            if reduction > 1:
                self._image.draft(None, (self._image.width // reduction, self._image.height // reduction))
            self._image.load()
            return np.array(_to_rgb(self._image))

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ImageTooLarge(
                "The image has far too many pixels to be decoded safely. Send a smaller one."
            ) from error
        except _DAMAGE as error:
            raise ImageUndecodable(
                f"The file starts as a {self._kind} image and cannot be decoded: it is damaged or cut short. "
                "Send it again."
            ) from error


def _file_type(data: bytes) -> str:
    """Return Pillow's name of the file's type, from its first bytes: names and media types may lie."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    raise UnsupportedImageType("The bytes are not a JPEG, PNG, WebP or BMP image. Convert the image to one of these.")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except _DAMAGE:
        # Unreadable metadata beside sound pixels says nothing about the orientation; viewers show such files as stored.
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling; of 16-bit colour it takes the high byte, as here.
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return image.convert("RGB")
