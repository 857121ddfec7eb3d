"""From the bytes of an image file to upright RGB pixels; the limits are checked before a pixel is decoded."""

from service.arrays import ImageArray
from service.choices import Gates
from service.errors import ImageTooLarge, InvalidCrop
from service.faces.pictures.image_file import ImageFile
from service.faces.pictures.stored_picture import StoredPicture
from service.faces.types import CROP_SIZE


def open_image(data: bytes, gates: Gates) -> ImageFile:
    """Return an image file of a supported format, its structure read and within the limits.

    Its pixels come with the EXIF orientation applied; transparency is laid over white; 16-bit channels are scaled from
    the range that they use; CMYK is converted without a colour profile; of a file with several pictures the first is
    taken.

    Args:
        data: the whole file.
        gates: the limits, and what becomes of a JPEG with damaged data.

    Raises:
        ImageTooLarge: if a limit is passed; nothing was decoded.
        UnsupportedImageType: if the bytes are of no supported type, or of a kind of it that cameras do not write.
        ImageUndecodable: if they are, and are damaged or cut short.

    Safe to call from several threads.
    """
    _check_bytes(data, gates)

    def within_limit(picture: StoredPicture) -> None:
        width, height = picture.width, picture.height
        if max(width, height) > gates.max_image_side:
            raise ImageTooLarge(
                f"The image has {width}x{height} pixels, the limit of each side is {gates.max_image_side}. "
                "Send a smaller one."
            )
        if width * height > gates.max_image_pixels:
            raise ImageTooLarge(
                f"The image has {width}x{height} = {width * height} pixels, the limit is {gates.max_image_pixels}. "
                "Send a smaller one."
            )
        if picture.full_weight * width * height > gates.max_full_image_pixels:
            most = gates.max_full_image_pixels // picture.full_weight
            raise ImageTooLarge(
                f"The image has {width}x{height} = {width * height} pixels, the limit for its kind is {most}. "
                "Send a smaller one, or a baseline JPEG."
            )

    return ImageFile(data, within_limit, damaged=gates.damaged_images)


def decode_crop(data: bytes, gates: Gates) -> ImageArray:
    """Return an already aligned crop from an image file.

    Args:
        data: the whole file.
        gates: how many bytes are looked at, and what becomes of a JPEG with damaged data.

    Returns:
        (112, 112, 3) uint8, RGB; read-only.

    Raises:
        InvalidCrop: if the image has another size; nothing was decoded.
        ImageTooLarge, UnsupportedImageType, ImageUndecodable: as for ``open_image``.

    Safe to call from several threads.
    """
    _check_bytes(data, gates)

    def is_crop(picture: StoredPicture) -> None:
        if (picture.width, picture.height) != (CROP_SIZE, CROP_SIZE):
            raise InvalidCrop(
                f"An aligned crop is {CROP_SIZE}x{CROP_SIZE} pixels, this image is {picture.width}x{picture.height}. "
                "Send the photograph as an image instead, and it is aligned here."
            )

    return ImageFile(data, is_crop, damaged=gates.damaged_images).pixels()


def _check_bytes(data: bytes, gates: Gates) -> None:
    if len(data) > gates.max_image_bytes:
        raise ImageTooLarge(
            f"The image has {len(data)} bytes, the limit is {gates.max_image_bytes}. Send a smaller file."
        )
