"""HEIC: photographs in HEVC as iPhones write them, decoded by libheif and libde265."""

import numpy as np
import pi_heif

from service.arrays import ImageArray
from service.faces.pictures.heif_boxes import brands
from service.faces.pictures.heif_picture import read_heif
from service.faces.pictures.heif_writer import HEVC_KIND
from service.faces.pictures.hevc_stream import read_hevc
from service.faces.pictures.stored_picture import PictureFormat, StoredPicture

_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"))
_OTHERS = frozenset((b"avif", b"avis", b"crx "))


def read_heic(data: bytes) -> StoredPicture:
    """Return the picture of a HEIC file; of one with several, the one that all viewers show.

    Raises:
        ImageUndecodable, ImageTooLarge, UnsupportedImageType: as ``read_heif`` says.
    """
    return read_heif(data, HEVC_KIND, read_hevc, _decode, full_weight=1)


def _decode(file: bytes) -> ImageArray:
    image = pi_heif.open_heif(file)
    pixels = np.array(image, dtype=np.uint8)  # copied, since the memory is the decoder's and goes with it
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


HEIC = PictureFormat(
    "HEIC",
    (".heic", ".heif", ".hif"),
    lambda data: bool(_BRANDS & (found := brands(data))) and not _OTHERS & found,
    lambda data, _: read_heic(data),
)
