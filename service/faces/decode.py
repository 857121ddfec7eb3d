"""From the bytes of an image file to upright RGB pixels; the limits are checked before a pixel is decoded."""

from service.errors import ImageTooLarge, InvalidCrop
from service.faces.image_file import ImageFile
from service.faces.types import CROP_SIZE, ImageArray


def open_image(data: bytes, *, max_bytes: int, max_pixels: int) -> ImageFile:
    """Return a JPEG, PNG, WebP or BMP file, its header read and within the limits.

    Its pixels come with the EXIF orientation applied; transparency is laid over white; 16-bit channels keep their
    high byte; CMYK is converted without a colour profile; of a file with several pictures the first is taken.

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
    _check_bytes(data, max_bytes)

    def within_limit(width: int, height: int) -> None:
        if width * height > max_pixels:
            raise ImageTooLarge(
                f"The image has {width}x{height} = {width * height} pixels, the limit is {max_pixels}. "
                "Send a smaller one."
            )

    return ImageFile(data, within_limit)


def decode_crop(data: bytes, *, max_bytes: int) -> ImageArray:
    """Return an already aligned crop from an image file.

    Args:
        data: the whole file.
        max_bytes: most bytes that are looked at.

    Returns:
        (112, 112, 3) uint8, RGB; read-only.

    Raises:
        InvalidCrop: if the image has another size; nothing was decoded.
        ImageTooLarge, UnsupportedImageType, ImageUndecodable: as for ``open_image``.

    Safe to call from several threads.
    """
    _check_bytes(data, max_bytes)

    def is_crop(width: int, height: int) -> None:
        if (width, height) != (CROP_SIZE, CROP_SIZE):
            raise InvalidCrop(
                f"An aligned crop is {CROP_SIZE}x{CROP_SIZE} pixels, this image is {width}x{height}. "
                "Send the photograph as an image instead, and it is aligned here."
            )

    return ImageFile(data, is_crop).pixels()


def _check_bytes(data: bytes, max_bytes: int) -> None:
    if len(data) > max_bytes:
        raise ImageTooLarge(f"The image has {len(data)} bytes, the limit is {max_bytes}. Send a smaller file.")
