"""A format of picture files, and what its reader gives: what a file says of its picture, and how it is decoded."""

from collections.abc import Callable
from dataclasses import dataclass

from service.arrays import ImageArray
from service.choices import DamagedImages


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture as its file stores it, its structure read and its pixels not.

    Attributes:
        width: in pixels, as stored.
        height: likewise.
        orientation: of EXIF, 1 to 8 where it means something.
        is_reducible: whether it can be decoded reduced.
        full_weight: how often its pixels count against the limit for pictures of which a decoder holds all beside what
            it returns: 0 for one of which it holds a few rows, 2 for one that has twice as many bytes as usual.
        decode: gives the stored pixels (height, width, 3) uint8, RGB, their sides divided by one of ``REDUCTIONS`` and
            rounded up; other than by 1 only where the picture is reducible. Raises what the file's decoder raises.
    """

    width: int
    height: int
    orientation: int
    is_reducible: bool
    full_weight: int
    decode: Callable[[int], ImageArray]


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """A format of picture files.

    Attributes:
        name: as messages write it, such as "WebP".
        suffixes: of its files' names, in small letters with the dot.
        is_of: whether a file's first bytes are of this format.
        read: reads the structure of a file of this format, in which no pixel is decoded. The second argument is what
            becomes of damaged data; raises ImageUndecodable, ImageTooLarge or UnsupportedImageType.
    """

    name: str
    suffixes: tuple[str, ...]
    is_of: Callable[[bytes], bool]
    read: Callable[[bytes, DamagedImages], StoredPicture]
