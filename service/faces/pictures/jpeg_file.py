"""JPEG: the structure of a file, read before a decoder sees it, and its pixels, in full or reduced."""

import re
import struct
from dataclasses import dataclass, field

import numpy as np
import simplejpeg
from PIL import Image

from service.arrays import ImageArray
from service.choices import DamagedImages
from service.errors import ImageTooLarge, ImageUndecodable, UnsupportedImageType
from service.faces.pictures.colour import bands
from service.faces.pictures.exif import orientation
from service.faces.pictures.stored_picture import PictureFormat, StoredPicture

# Photographs have a dozen segments; an embedded colour profile or depth map may add some hundreds.
_MOST_SEGMENTS = 4096
# A scan visits the blocks of its components even where it changes none of them, in some 60 ns each, and a photograph
# may be decoded twice. The usual ten scans of 25 megapixels in full colour resolution are 5 million visits.
_MOST_VISITS = 8_000_000

_SOF_BASELINE, _SOF_EXTENDED, _SOF_PROGRESSIVE = 0xC0, 0xC1, 0xC2
_SOFS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SOI, _EOI, _SOS, _APP0, _APP1, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MARKER_BEHIND_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")

# What TurboJPEG has no name for, such as channels of colour that differ in size, or 4:1:0.
_UNUSUAL_SAMPLING = "subsampling level"

_SAVE = "Save it as an ordinary JPEG, baseline or progressive with 8 bits a channel, and send that."


@dataclass(slots=True)
class _Structure:
    """What a walk over the segments has found so far."""

    frame: int = 0
    width: int = 0
    height: int = 0
    blocks: dict[int, int] = field(default_factory=dict)  # of each component
    exif: bytes = b""
    scans: int = 0
    visits: int = 0
    is_odd: bool = False  # whether libjpeg warns of something before the first scan's data that loses no pixel
    head: list[bytes] = field(default_factory=list)  # the segments up to there, without the oddities
    data_at: int = 0  # where the first scan's data begins

    @property
    def has_all_in_one_scan(self) -> bool:
        return self.frame != _SOF_PROGRESSIVE and self.visits == sum(self.blocks.values())


def read_jpeg(data: bytes, damaged: DamagedImages) -> StoredPicture:
    """Return the picture of a JPEG file; of one with several, the first.

    Args:
        data: the whole file.
        damaged: whether a file with damaged data, of which libjpeg warns, is refused when it is decoded.

    Raises:
        ImageUndecodable: if the segments are not a JPEG's.
        UnsupportedImageType: if it is of a process that cameras do not use: arithmetic coding, more than 8 bits,
            lossless, hierarchical.
        ImageTooLarge: if it has too many segments or scans.
    """
    found = _walk(data)
    if found.is_odd:
        data = b"".join((b"\xff\xd8", *found.head, memoryview(data)[found.data_at :]))
    components = len(found.blocks)

    def decode(reduction: int) -> ImageArray:
        if components == 4:
            return _from_cmyk(_decoded(data, "CMYK", 0, 0, damaged))
        # The least picture of at least so many pixels is the one reduced by as much.
        return _decoded(data, "RGB", -(-found.width // reduction), -(-found.height // reduction), damaged)

    return StoredPicture(
        width=found.width,
        height=found.height,
        orientation=orientation(found.exif),
        is_reducible=components in (1, 3),
        full_weight=1 if components == 4 or not found.has_all_in_one_scan else 0,
        decode=decode,
    )


def _decoded(data: bytes, colours: str, width: int, height: int, damaged: DamagedImages) -> ImageArray:
    try:
        decoded = simplejpeg.decode_jpeg(data, colours, min_width=width, min_height=height, strict=damaged == "refuse")
    except ValueError as error:
        if _UNUSUAL_SAMPLING in str(error):
            raise UnsupportedImageType(
                f"The file is a JPEG whose channels are sampled as in no photograph, which is not read. {_SAVE}"
            ) from error
        raise
    return np.asarray(decoded, np.uint8)


def _from_cmyk(stored: ImageArray) -> ImageArray:
    """Return RGB without a colour profile, of CMYK as Adobe stores it: inverted."""
    rgb = np.empty((*stored.shape[:2], 3), np.uint8)
    for band in bands(*stored.shape[:2]):
        rgb[band] = np.asarray(Image.fromarray(255 - stored[band], "CMYK").convert("RGB"))
    return rgb


def _walk(data: bytes) -> _Structure:
    """Read the segments up to the last scan that a decoder needs; entropy-coded data is skipped."""
    found = _Structure()
    at = 2
    for _ in range(_MOST_SEGMENTS):
        pattern = _MARKER_BEHIND_SCAN if found.scans else _MARKER
        match = pattern.search(data, at)
        if match is None:
            break
        if not found.scans and data[at : match.start()].strip(b"\xff"):
            found.is_odd = True
        marker, body_at = data[match.start() + 1], match.end()
        if marker == _EOI:
            break
        if marker in _WITHOUT_LENGTH or marker == _SOI:
            at = body_at
            continue
        end = body_at + int.from_bytes(data[body_at : body_at + 2])
        if end < body_at + 2 or end > len(data):
            raise _damage("a segment reaches past its end")
        _read_segment(found, marker, data, match.start(), end)
        at = end
        if found.scans and found.has_all_in_one_scan:
            return found
    else:
        raise ImageTooLarge(f"The JPEG has more than {_MOST_SEGMENTS} segments, which no camera writes. {_SAVE}")
    if not found.scans:
        raise _damage("it has no scan")
    return found


def _read_segment(found: _Structure, marker: int, data: bytes, start: int, end: int) -> None:
    body = data[start + 4 : end] if marker in _SOFS or marker in (_SOS, _APP0, _APP1, _APP14) else b""
    if not found.scans:
        plain = _without_oddity(marker, body, found.frame)
        found.is_odd |= plain != body
        found.head.append(data[start : start + 4] + plain if plain != body else data[start:end])
    if marker in _SOFS:
        _read_frame(found, marker, body)
    elif marker == _SOS:
        _read_scan(found, body)
        found.data_at = found.data_at or end
    elif marker == _APP1 and not found.exif and body.startswith(b"Exif\0\0"):
        found.exif = body


def _without_oddity(marker: int, body: bytes, frame: int) -> bytes:
    """Return a segment's content without what some programs fill in wrongly: libjpeg reads on, and warns of it."""
    if marker == _APP0 and body.startswith(b"JFIF\0") and len(body) > 5:
        return body[:5] + b"\1" + body[6:]  # the major version
    if marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12 and body[11] > 2:
        return body[:11] + b"\1" + body[12:]  # the transform, which libjpeg then takes for that to luma and chroma
    if marker == _SOS and frame != _SOF_PROGRESSIVE and len(body) > 3:
        return body[:-3] + b"\0\x3f\0"  # the coefficients: all of them
    return body


def _read_frame(found: _Structure, marker: int, body: bytes) -> None:
    if found.frame:
        raise _damage("it has two frames")
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise _damage("its frame header is too short")
    bits, found.height, found.width, components = struct.unpack_from(">BHHB", body)
    if marker not in (_SOF_BASELINE, _SOF_EXTENDED, _SOF_PROGRESSIVE):
        how = "arithmetic coding" if marker >= 0xC9 else "lossless or hierarchical coding"
        raise UnsupportedImageType(f"The file is a JPEG by {how}, which is not read. {_SAVE}")
    if bits != 8:
        raise UnsupportedImageType(f"The file is a JPEG of {bits} bits a channel, 8 are read. {_SAVE}")
    if components not in (1, 3, 4):
        raise UnsupportedImageType(f"The file is a JPEG of {components} channels; 1, 3 and 4 are read. {_SAVE}")
    found.frame = marker
    sampling = [(body[at], body[at + 1] >> 4, body[at + 1] & 15) for at in range(6, 6 + 3 * components, 3)]
    across, down = max(one[1] for one in sampling), max(one[2] for one in sampling)
    if not (found.width and found.height and all(1 <= x <= 4 and 1 <= y <= 4 for _, x, y in sampling)):
        raise _damage("its frame header has a zero where none can be")
    units = -(-found.width // (8 * across)) * -(-found.height // (8 * down))
    found.blocks = {number: units * x * y for number, x, y in sampling}


def _read_scan(found: _Structure, body: bytes) -> None:
    if not found.frame:
        raise _damage("a scan comes before the frame header")
    components = body[1 : 1 + 2 * body[0] : 2] if body else b""
    if not components or any(number not in found.blocks for number in components):
        raise _damage("a scan is of components that it does not have")
    found.scans += 1
    found.visits += sum(found.blocks[number] for number in components)
    if found.visits > _MOST_VISITS:
        raise ImageTooLarge(
            f"The JPEG has {found.width}x{found.height} pixels in more scans than any camera or program writes. {_SAVE}"
        )


def _damage(what: str) -> ImageUndecodable:
    return ImageUndecodable(f"The file starts as a JPEG image and is damaged or cut short: {what}. Send it again.")


JPEG = PictureFormat("JPEG", (".jpe", ".jpeg", ".jpg"), lambda data: data.startswith(b"\xff\xd8\xff"), read_jpeg)
