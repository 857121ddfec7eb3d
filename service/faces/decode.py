"""From the bytes of an image file to upright RGB pixels; the limits are checked before a pixel is decoded."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from service.errors import ImageTooLarge, ImageUndecodable, InvalidCrop, UnsupportedImageType
from service.faces.types import CROP_SIZE, ImageArray

_EXIF_ORIENTATION = 0x0112
# EXIF 2.3, tag 0x0112: what turns the stored picture upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What Pillow raises on damaged files, apart from its own classes (which are OSErrors or SyntaxErrors).
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)

_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An upright image.

    Attributes:
        pixels: (height, width, 3) uint8, RGB; read-only.
        exif_rotated: whether the EXIF orientation turned or mirrored the stored picture.
    """

    pixels: ImageArray
    exif_rotated: bool


def decode(data: bytes, *, max_bytes: int, max_pixels: int) -> DecodedImage:
    """Return the upright RGB picture of a JPEG, PNG, WebP or BMP file.

    The EXIF orientation is applied; transparency is laid over white; 16-bit channels keep their high byte; CMYK is
    converted without a colour profile; of a file with several pictures the first is taken.

    Args:
        data: the whole file.
        max_bytes: most bytes that are looked at.
        max_pixels: most pixels (width times height) that are decoded.

    Raises:
        ImageTooLarge: if a limit is passed; nothing was decoded.
        UnsupportedImageType: if the bytes are of no supported type.
        ImageUndecodable: if they are, and are damaged or cut short.

    Safe to call from several threads.
    """

    def within_limit(width: int, height: int) -> None:
        if width * height > max_pixels:
            raise ImageTooLarge(
                f"The image has {width}x{height} = {width * height} pixels, the limit is {max_pixels}. "
                "Send a smaller one."
            )

    return _decode(data, max_bytes, within_limit)


def decode_crop(data: bytes, *, max_bytes: int) -> ImageArray:
    """Return an already aligned crop from an image file.

    Args:
        data: the whole file.
        max_bytes: most bytes that are looked at.

    Returns:
        (112, 112, 3) uint8, RGB; read-only.

    Raises:
        InvalidCrop: if the image has another size; nothing was decoded.
        ImageTooLarge, UnsupportedImageType, ImageUndecodable: as for ``decode``.

    Safe to call from several threads.
    """

    def is_crop(width: int, height: int) -> None:
        if (width, height) != (CROP_SIZE, CROP_SIZE):
            raise InvalidCrop(
                f"An aligned crop is {CROP_SIZE}x{CROP_SIZE} pixels, this image is {width}x{height}. "
                "Send the photograph as an image instead, and it is aligned here."
            )

    return _decode(data, max_bytes, is_crop).pixels


def _decode(data: bytes, max_bytes: int, check_size: Callable[[int, int], None]) -> DecodedImage:
    if len(data) > max_bytes:
        raise ImageTooLarge(f"The image has {len(data)} bytes, the limit is {max_bytes}. Send a smaller file.")
    kind = _file_type(data)
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            check_size(image.width, image.height)
            image.load()
            turn = _UPRIGHT.get(_orientation(image))
            upright = _to_rgb(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge("The image has far too many pixels to be decoded safely. Send a smaller one.") from error
    except _DAMAGE as error:
        raise ImageUndecodable(
            f"The file starts as a {kind} image and cannot be decoded: it is damaged or cut short. Send it again."
        ) from error
    if turn is not None:
        upright = upright.transpose(turn)
    return DecodedImage(pixels=np.asarray(upright), exif_rotated=turn is not None)


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
