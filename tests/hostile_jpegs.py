"""JPEG files that cost a careless decoder most."""

import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

MEBIBYTE = 1 << 20
LARGEST_FILE = 16 * MEBIBYTE
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _frame(marker: int, width: int, height: int, components: int = 1, bits: int = 8) -> bytes:
    body = struct.pack(">BHHB", bits, height, width, components)
    return segment(marker, body + b"".join(bytes((number, 0x11, 0)) for number in range(1, components + 1)))


def _one_code(table: int, symbol: int) -> bytes:
    """A Huffman table of the one code ``0``."""
    return segment(0xC4, bytes((table, 1)) + bytes(15) + bytes((symbol,)))


_QUANTISATION = segment(0xDB, b"\0" + b"\1" * 64)


def _scan(first: int, last: int, high: int, low: int, data: bytes, component: int = 1) -> bytes:
    return segment(0xDA, bytes((1, component, 0, first, last, high << 4 | low))) + data


def _nothing(blocks: int) -> bytes:
    """The data of a scan of AC coefficients that are all zero: runs of 2^14 blocks, in 15 bits each, all of them 0."""
    return bytes(15 * -(-blocks // (1 << 14)) // 8 + 1)


def progressive(width: int, height: int, scans: int) -> bytes:
    """A grey progressive JPEG of empty scans, each of which the standard allows: every one refines the last."""
    blocks = -(-width // 8) * -(-height // 8)
    bits = bytes(-(-blocks // 8))
    parts = [_SOI, _QUANTISATION, _frame(0xC2, width, height), _one_code(0x00, 0), _one_code(0x10, 0xE0)]
    parts.append(_scan(0, 0, 0, 0, bits))
    empty = _nothing(blocks)
    steps = [(k, 0, 13) for k in range(1, 64)] + [(k, low + 1, low) for low in range(12, -1, -1) for k in range(1, 64)]
    parts += [_scan(k, k, high, low, empty) for k, high, low in steps[: scans - 1]]
    return b"".join((*parts, _EOI))


def wide_scans(width: int, height: int, rounds: int) -> bytes:
    """A progressive JPEG in full colour resolution of empty scans that look at every coefficient, as allowed."""
    blocks = -(-width // 8) * -(-height // 8)
    parts = [_SOI, _QUANTISATION, _frame(0xC2, width, height, 3), _one_code(0x00, 0), _one_code(0x10, 0xE0)]
    parts += [_scan(0, 0, 0, 0, bytes(-(-blocks // 8)), component) for component in (1, 2, 3)]
    for low in range(13, 13 - rounds, -1):
        high = 0 if low == 13 else low + 1
        parts += [_scan(1, 63, high, low, _nothing(blocks), component) for component in (1, 2, 3)]
    return b"".join((*parts, _EOI))


def repeated_scans(width: int, height: int, scans: int) -> bytes:
    """The same with one scan again and again, without data: libjpeg warns, and goes on."""
    head = [_SOI, _QUANTISATION, _frame(0xC2, width, height), _one_code(0x00, 0), _one_code(0x10, 0)]
    return b"".join((*head, _scan(1, 63, 0, 0, b"") * scans, _EOI))


def _small(**options: object) -> bytes:
    down, across = np.mgrid[:64, :64]
    picture = Image.fromarray(np.stack([across * 4, down * 4, (across + down) * 2], axis=-1).astype(np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


def damaged(jpeg: bytes) -> bytes:
    """A JPEG with a piece of its data lost."""
    start = jpeg.rindex(b"\xff\xda") + 40
    return jpeg[:start] + jpeg[start + 30 :]


def with_segments(segments: bytes) -> bytes:
    """A small picture with more between its start and its tables."""
    small = _small()
    return small[:2] + segments + small[2:]


def filled(piece: bytes, size: int = 4 * MEBIBYTE) -> bytes:
    return piece * (size // len(piece))


def exif_tables(size: int) -> bytes:
    """EXIF whose every entry has all of it as its value: read whole it takes the square of its size."""
    entries = (size - 18) // 12
    entry = [struct.pack("<HHII", 0xA000 + number, 7, size - 8, 8) for number in range(min(entries, 5000))]
    return (b"II*\0\x08\0\0\0" + struct.pack("<H", len(entry)) + b"".join(entry)).ljust(size, b"\0")


def _noise_strip(width: int, subsampling: int, quality: int) -> tuple[bytes, bytes]:
    """Header and entropy-coded data of eight rows of noisy blocks, each row ended by a restart marker but the last."""
    noise = np.random.default_rng(1).integers(0, 256, (8 * (8 if subsampling == 0 else 16), width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(
        buffer, "JPEG", quality=quality, subsampling=subsampling, restart_marker_rows=1, exif=_sideways()
    )
    data = buffer.getvalue()
    start = data.index(b"\xff\xda")
    start += 2 + struct.unpack(">H", data[start + 2 : start + 4])[0]
    return data[:start], data[start:-2]


def noise(width: int, height: int, subsampling: int, quality: int) -> bytes:
    """A baseline JPEG of noise, on its side."""
    head, strip = _noise_strip(width, subsampling, quality)
    rows = 64 if subsampling == 0 else 128
    place = head.rindex(b"\xff\xc0") + 5
    head = head[:place] + struct.pack(">H", height // rows * rows) + head[place + 2 :]
    return head + b"\xff\xd7".join([strip] * (height // rows)) + _EOI


def progressive_noise(width: int, height: int, quality: int) -> bytes:
    """A progressive JPEG in full colour resolution, of noise."""
    tile = np.random.default_rng(2).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    picture = np.tile(tile, (-(-height // 256), -(-width // 256), 1))[:height, :width]
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling=0, progressive=True)
    return buffer.getvalue()


def plain(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    """A JPEG of one colour."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height), 128 if mode == "L" else (128,) * len(mode)).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _other_process(marker: int, width: int, height: int, bits: int = 8) -> bytes:
    random = np.random.default_rng(3).integers(0, 255, 4 * MEBIBYTE, dtype=np.uint8).tobytes()
    head = [_SOI, _QUANTISATION, _frame(marker, width, height, bits=bits), _one_code(0, 0), _one_code(0x10, 0)]
    if marker == 0xC3:
        return b"".join((*head, _scan(1, 0, 0, 0, random), _EOI))
    return b"".join((*head, _scan(0, 63, 0, 0, random), _EOI))


def hostile_jpegs() -> dict[str, Callable[[], bytes]]:
    """Return what makes each of the files, by their names."""
    photoshop = b"Photoshop 3.0\0" + (b"8BIM" + struct.pack(">HHI", 1000, 0, 0)) * 5400
    mpo = b"MPF\0II*\0\x08\0\0\0" + struct.pack("<H", 3) + struct.pack("<HHII", 0xB000, 7, 4, 0x30303130)
    mpo += struct.pack("<HHII", 0xB001, 4, 1, 4000) + struct.pack("<HHII", 0xB002, 7, 64000, 50) + bytes(64004)
    return {
        "jpeg of repeated empty scans": lambda: repeated_scans(8000, 5000, 22_000),
        "jpeg of allowed empty scans": lambda: progressive(6000, 4000, 800),
        "jpeg of allowed empty scans, pixels at the limit": lambda: progressive(7168, 6848, 800),
        "jpeg of fifty allowed empty scans": lambda: progressive(5600, 4200, 50),
        "jpeg of twenty allowed empty scans": lambda: progressive(5600, 4200, 20),
        "jpeg of allowed empty scans of all coefficients": lambda: wide_scans(5600, 4200, 14),
        "jpeg of some allowed empty scans of all coefficients": lambda: wide_scans(5600, 4200, 6),
        "jpeg of scans of a small picture": lambda: progressive(512, 512, 880),
        "jpeg of stuffed bytes": _stuffed,
        "jpeg of comments": lambda: with_segments(filled(segment(0xFE, b""), LARGEST_FILE - 4096)),
        "jpeg of empty tables": lambda: with_segments(filled(segment(0xC4, b""))),
        "jpeg of tables": lambda: with_segments(filled(_one_code(0x00, 0))),
        "jpeg of fill bytes": lambda: with_segments(filled(b"\xff", LARGEST_FILE - 4096)),
        "jpeg of stray bytes": lambda: with_segments(filled(b"\0")),
        "jpeg of restart intervals": lambda: with_segments(filled(segment(0xDD, b"\0\0"))),
        "jpeg of Photoshop resources": lambda: with_segments(filled(segment(0xED, photoshop))),
        "jpeg of EXIF parts": lambda: with_segments(filled(segment(0xE1, b"Exif\0\0" + bytes(60_000)))),
        "jpeg of EXIF that is its own value": lambda: with_segments(segment(0xE1, b"Exif\0\0" + exif_tables(65_000))),
        "jpeg of colour profiles": lambda: with_segments(
            b"".join(segment(0xE2, b"ICC_PROFILE\0" + bytes((1 + n % 255, 255)) + bytes(65_000)) for n in range(255))
        ),
        "jpeg of many pictures": lambda: with_segments(segment(0xE2, mpo)),
        "jpeg of noise": lambda: noise(7168, 6656, 2, 35),
        "jpeg of noise in full colour": lambda: noise(4096, 4096, 0, 55),
        "jpeg of noise, pixels at the limit": lambda: noise(8160, 6080, 0, 10),
        "jpeg of progressive noise": lambda: progressive_noise(5632, 4224, 45),
        "jpeg of one colour, pixels at the limit": lambda: plain(8160, 6120, subsampling=0, exif=_sideways()),
        "jpeg of one colour, progressive": lambda: plain(5600, 4200, subsampling=0, progressive=True, exif=_sideways()),
        "jpeg of one colour in CMYK": lambda: plain(5600, 4200, "CMYK", subsampling=0, exif=_sideways()),
        "jpeg one pixel wide": lambda: plain(1, 65500),
        "jpeg one pixel high": lambda: plain(65500, 1),
        "jpeg of the longest sides": lambda: plain(65500, 600),
        "jpeg by arithmetic": lambda: _other_process(0xC9, 6000, 4000),
        "jpeg of twelve bits": lambda: _other_process(0xC1, 6000, 4000, bits=12),
        "jpeg without loss": lambda: _other_process(0xC3, 6000, 4000),
        "jpeg of thumbnails": lambda: with_segments(
            filled(segment(0xE1, b"Exif\0\0" + exif_tables(200) + _small() * 40))
        ),
        "jpeg of restart markers": _restarts,
        "jpeg without pixels": lambda: with_segments(b"")[:2] + _frame(0xC0, 0, 0) + _EOI,
        "jpeg with damaged data": lambda: damaged(_small()),
        "jpeg cut short": lambda: _small()[:-40],
        "jpeg of many frames": lambda: with_segments(filled(_frame(0xC0, 64, 64))),
    }


def _stuffed() -> bytes:
    """Two scans, so that the end of the first has to be looked for, in data that is full of what looks like it."""
    head = [_SOI, _QUANTISATION, _frame(0xC0, 64, 64, 3), _one_code(0, 0), _one_code(0x10, 0)]
    return b"".join((*head, _scan(0, 63, 0, 0, filled(b"\xff\0", LARGEST_FILE - 4096)), _EOI))


def _sideways() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def _restarts() -> bytes:
    """A restart marker after each block."""
    side = 8 * 1500
    head = [_SOI, _QUANTISATION, _frame(0xC0, side, side // 4), _one_code(0, 0), _one_code(0x10, 0)]
    blocks = (side // 8) * (side // 32)
    data = b"".join(b"\x3f\xff" + bytes((0xD0 + number % 8,)) for number in range(blocks - 1)) + b"\x3f"
    return b"".join((*head, segment(0xDD, b"\0\1"), _scan(0, 63, 0, 0, data), _EOI))
