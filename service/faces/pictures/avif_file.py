"""AVIF: pictures in AV1 in the container of HEIC, decoded by Pillow's libavif."""

import io

import numpy as np
from PIL import Image

from service.arrays import ImageArray
from service.faces.pictures.av1_stream import read_av1
from service.faces.pictures.heif_boxes import brands
from service.faces.pictures.heif_picture import read_heif
from service.faces.pictures.heif_writer import AV1_KIND
from service.faces.pictures.stored_picture import PictureFormat, StoredPicture

_BRANDS = frozenset((b"avif", b"avis"))


def read_avif(data: bytes) -> StoredPicture:
    """Return the picture of an AVIF file; of an animated one, the one that is shown where nothing moves.

    Raises:
        ImageUndecodable, ImageTooLarge, UnsupportedImageType: as ``read_heif`` says.
    """
    return read_heif(data, AV1_KIND, read_av1, _decode, full_weight=2)


def _decode(file: bytes) -> ImageArray:
    with Image.open(io.BytesIO(file), formats=("AVIF",)) as image:
        return np.asarray(image.convert("RGB"))


AVIF = PictureFormat("AVIF", (".avif",), lambda data: bool(_BRANDS & brands(data)), lambda data, _: read_avif(data))
