"""BMP: the header of a file, read before a decoder sees it, and its pixels."""

import io
import struct

from PIL import Image

from service.arrays import ImageArray
from service.errors import ImageUndecodable, UnsupportedImageType
from service.faces.pictures.colour import to_rgb
from service.faces.pictures.stored_picture import PictureFormat, StoredPicture

_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
"""Of the header behind the file's own 14 bytes, by which its kind is told."""

_OLDEST = 12
_PLAIN = (0, 3, 6)  # uncompressed: in channels of whole bytes, or in bit fields


def read_bmp(data: bytes) -> StoredPicture:
    """Return the picture of a BMP file.

    Raises:
        ImageUndecodable: if the header is not a BMP's.
        UnsupportedImageType: if it is compressed.
    """
    compression = 0
    if int.from_bytes(data[14:18], "little") == _OLDEST:
        if len(data) < 14 + _OLDEST:
            raise _damage()
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        if len(data) < 34:
            raise _damage()
        width, height, compression = struct.unpack_from("<ii4xI", data, 18)
    if compression not in _PLAIN:
        raise UnsupportedImageType("The file is a compressed BMP, which is not read. Save it as PNG.")
    if width <= 0 or height == 0:
        raise _damage()

    def decode(_: int) -> ImageArray:
        image = Image.open(io.BytesIO(data), formats=("BMP",))
        image.load()
        return to_rgb(image)

    return StoredPicture(
        width=width, height=abs(height), orientation=1, is_reducible=False, full_weight=1, decode=decode
    )


def _damage() -> ImageUndecodable:
    return ImageUndecodable("The file starts as a BMP image and its header is damaged or cut short. Send it again.")


BMP = PictureFormat(
    "BMP",
    (".bmp",),
    lambda data: data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _HEADER_SIZES,
    lambda data, _: read_bmp(data),
)
