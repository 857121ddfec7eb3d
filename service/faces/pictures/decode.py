"""From the bytes of an image file to upright RGB pixels; the limits are checked before a pixel is decoded."""

from service.arrays import ImageArray
from service.choices import DEFAULT_MAX_FULL_IMAGE_PIXELS, DEFAULT_MAX_IMAGE_SIDE, DamagedImages
from service.errors import ImageTooLarge, InvalidCrop
from service.faces.pictures.image_file import ImageFile
from service.faces.pictures.stored_picture import StoredPicture
from service.faces.types import CROP_SIZE


def open_image(
    data: bytes,
    *,
    max_bytes: int,
    max_pixels: int,
    max_full_pixels: int = DEFAULT_MAX_FULL_IMAGE_PIXELS,
    max_side: int = DEFAULT_MAX_IMAGE_SIDE,
    damaged: DamagedImages = "refuse",
) -> ImageFile:
    """Return a JPEG, PNG, WebP or BMP file, its structure read and within the limits.

    Its pixels come with the EXIF orientation applied; transparency is laid over white; 16-bit channels keep their
    high byte; CMYK is converted without a colour profile; of a file with several pictures the first is taken.

    Args:
        data: the whole file.
        max_bytes: most bytes that are looked at.
        max_pixels: most pixels (width times height) that are decoded.
        max_full_pixels: the same for pictures that are held whole while they are decoded: all but a JPEG of one scan
            that is not CMYK. Pixels of a PNG of 16-bit colours count twice.
        max_side: longest width or height, in pixels.
        damaged: what becomes of a JPEG with damaged data, of which libjpeg warns.

    Raises:
        ImageTooLarge: if a limit is passed; nothing was decoded.
        UnsupportedImageType: if the bytes are of no supported type, or of a kind of it that cameras do not write.
        ImageUndecodable: if they are, and are damaged or cut short.

    Safe to call from several threads.
    """
    _check_bytes(data, max_bytes)

    def within_limit(picture: StoredPicture) -> None:
        width, height = picture.width, picture.height
        if max(width, height) > max_side:
            raise ImageTooLarge(
                f"The image has {width}x{height} pixels, the limit of each side is {max_side}. Send a smaller one."
            )
        if width * height > max_pixels:
            raise ImageTooLarge(
                f"The image has {width}x{height} = {width * height} pixels, the limit is {max_pixels}. "
                "Send a smaller one."
            )
        if picture.full_weight * width * height > max_full_pixels:
            most = max_full_pixels // picture.full_weight
            raise ImageTooLarge(
                f"The image has {width}x{height} = {width * height} pixels, the limit for its kind is {most}. "
                "Send a smaller one, or a baseline JPEG."
            )

    return ImageFile(data, within_limit, damaged=damaged)


def decode_crop(data: bytes, *, max_bytes: int, damaged: DamagedImages = "refuse") -> ImageArray:
    """Return an already aligned crop from an image file.

    Args:
        data: the whole file.
        max_bytes: most bytes that are looked at.
        damaged: what becomes of a JPEG with damaged data, of which libjpeg warns.

    Returns:
        (112, 112, 3) uint8, RGB; read-only.

    Raises:
        InvalidCrop: if the image has another size; nothing was decoded.
        ImageTooLarge, UnsupportedImageType, ImageUndecodable: as for ``open_image``.

    Safe to call from several threads.
    """
    _check_bytes(data, max_bytes)

    def is_crop(picture: StoredPicture) -> None:
        if (picture.width, picture.height) != (CROP_SIZE, CROP_SIZE):
            raise InvalidCrop(
                f"An aligned crop is {CROP_SIZE}x{CROP_SIZE} pixels, this image is {picture.width}x{picture.height}. "
                "Send the photograph as an image instead, and it is aligned here."
            )

    return ImageFile(data, is_crop, damaged=damaged).pixels()


def _check_bytes(data: bytes, max_bytes: int) -> None:
    if len(data) > max_bytes:
        raise ImageTooLarge(f"The image has {len(data)} bytes, the limit is {max_bytes}. Send a smaller file.")
