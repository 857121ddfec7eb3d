"""The formats of pictures that are read; the one place where one is added.

Messages, the suffixes of the tools' folders, ``/info`` and the interface's descriptions follow from it.
"""

from service.faces.pictures.avif_file import AVIF
from service.faces.pictures.bmp_file import BMP
from service.faces.pictures.heic_file import HEIC
from service.faces.pictures.jpeg_file import JPEG
from service.faces.pictures.png_file import PNG
from service.faces.pictures.stored_picture import PictureFormat
from service.faces.pictures.webp_file import WEBP

FORMATS: tuple[PictureFormat, ...] = (JPEG, PNG, WEBP, BMP, HEIC, AVIF)

*_FIRST, _LAST = (kind.name for kind in FORMATS)
IN_WORDS = f"{', '.join(_FIRST)} or {_LAST}"
"""As a sentence names them: ``JPEG, PNG, ...``."""

SUFFIXES = tuple(sorted(suffix for kind in FORMATS for suffix in kind.suffixes))
"""Of their files, in small letters with the dot."""


def format_of(data: bytes) -> PictureFormat | None:
    """Return the format of a file, from its first bytes: names and media types may lie. None for no supported one."""
    return next((kind for kind in FORMATS if kind.is_of(data)), None)
