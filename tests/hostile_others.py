"""PNG, WebP and BMP files that cost a careless decoder most."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
from hostile_jpegs import LARGEST_FILE, MEBIBYTE, exif_tables
from PIL import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _header(width: int, height: int, bits: int, colour: int, interlaced: bool = False) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))


def _rows(width: int, height: int, bits: int, colour: int, row_filter: int = 0, value: int = 0) -> bytes:
    """Compressed rows of one byte, deflated in pieces so that making them takes no memory."""
    row = bytes((row_filter,)) + bytes((value,)) * -(-width * bits * _CHANNELS[colour] // 8)
    pieces, packer = [], zlib.compressobj(1)
    many, rest = divmod(height, 64)
    pieces += [packer.compress(row * 64) for _ in range(many)]
    pieces += [packer.compress(row * rest), packer.flush()]
    return b"".join(pieces)


def png(width: int, height: int, bits: int = 8, colour: int = 2, *, before: bytes = b"", row_filter: int = 0) -> bytes:
    """A PNG of one colour."""
    data = _rows(width, height, bits, colour, row_filter, 1)
    return b"".join((_PNG, _header(width, height, bits, colour), before, chunk(b"IDAT", data), chunk(b"IEND")))


def _interlaced(width: int, height: int, bits: int, colour: int) -> bytes:
    packer, pieces = zlib.compressobj(1), []
    starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    for left, top, across, down in starts:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        row = b"\4" + b"\1" * -(-columns * bits * _CHANNELS[colour] // 8)
        pieces += [packer.compress(row) for _ in range(rows)]
    pieces.append(packer.flush())
    head = _header(width, height, bits, colour, interlaced=True)
    return b"".join((_PNG, head, chunk(b"IDAT", b"".join(pieces)), chunk(b"IEND")))


def noise_png(width: int, height: int) -> bytes:
    """A PNG of noise that does not shrink, in 16 bits, with each row predicted from its neighbours."""
    random = np.random.default_rng(4).integers(0, 256, (height, 8 * width + 1), dtype=np.uint8)
    random[:, 0] = 4
    data = zlib.compress(random.tobytes(), 1)
    return b"".join((_PNG, _header(width, height, 16, 6), chunk(b"IDAT", data), chunk(b"IEND")))


def around(before: bytes, behind: bytes = b"") -> bytes:
    """A small PNG with more before or behind its pixels."""
    data = chunk(b"IDAT", _rows(64, 64, 8, 2))
    return b"".join((_PNG, _header(64, 64, 8, 2), before, data, behind, chunk(b"IEND")))


def slowly_unpacked_png(width: int, height: int, values: int = 256) -> bytes:
    """A PNG of 16 bits whose rows are noise of two pixels, in many short matches, each row predicted from the last."""
    random = np.random.default_rng(6)
    pixels = random.integers(0, values, (2, 8), dtype=np.uint8)[random.integers(0, 2, width)]
    row = b"\4" + pixels.tobytes()
    packer = zlib.compressobj(1)
    packed = packer.compress(row) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(row) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(height):
        checksum = zlib.adler32(row, checksum)
    end = b"\1\0\0\xff\xff" + struct.pack(">I", checksum)  # an empty last block, and the checksum
    data = packed + again * (height - 1) + end
    return b"".join((_PNG, _header(width, height, 16, 6), chunk(b"IDAT", data), chunk(b"IEND")))


def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join([packer.compress(bytes(MEBIBYTE)) for _ in range(size // MEBIBYTE)]) + packer.flush()


def _split(data: bytes, size: int) -> bytes:
    return b"".join(chunk(b"IDAT", data[start : start + size]) for start in range(0, len(data), size))


def _frames(count: int) -> bytes:
    """Controls of an animation, without its pictures."""
    frame = [chunk(b"fcTL", struct.pack(">IIIIIHHBB", n, 64, 64, 0, 0, 1, 1, 0, 0)) for n in range(count)]
    return chunk(b"acTL", struct.pack(">II", count, 0)) + b"".join(frame)


def hostile_pngs() -> dict[str, Callable[[], bytes]]:
    """Return what makes each of the files, by their names."""
    room = LARGEST_FILE - 65_536
    some = 4 * MEBIBYTE
    bomb = cache(lambda: _bomb(256 * MEBIBYTE))
    head = _PNG + _header(64, 64, 8, 2)
    infinite = b"II*\0\x08\0\0\0" + struct.pack("<HHHIf", 1, 0x0112, 11, 1, float("inf")) + bytes(4)
    return {
        "png one pixel wide": lambda: png(1, 40_000_000, 1, 0),
        "png one pixel high": lambda: png(40_000_000, 1, 1, 0),
        "png in 16 bits": lambda: png(4000, 3120, 16, 6, row_filter=4),
        "png in 16 bits of grey": lambda: png(6000, 4000, 16, 0, row_filter=4),
        "png in 16 bits, interlaced": lambda: _interlaced(4000, 3120, 16, 6),
        "png with alpha": lambda: png(5600, 4200, 8, 6, row_filter=4),
        "png with alpha, sideways": lambda: png(5600, 4200, 8, 6, before=chunk(b"eXIf", _sideways()), row_filter=3),
        "png of grey with alpha": lambda: png(5600, 4200, 16, 4, row_filter=4),
        "png of one bit": lambda: png(5600, 4200, 1, 0),
        "png with a palette and alpha": lambda: png(
            5600, 4200, 8, 3, before=chunk(b"PLTE", bytes(768)) + chunk(b"tRNS", bytes(range(256)))
        ),
        "png with a colour key": lambda: png(5600, 4200, 8, 2, before=chunk(b"tRNS", bytes(6))),
        "png, interlaced": lambda: _interlaced(5600, 4200, 8, 6),
        "png of noise": lambda: noise_png(1400, 1450),
        "png in 16 bits that unpacks slowly": lambda: slowly_unpacked_png(4000, 3120),
        "png in 16 bits of few that unpacks slowly": lambda: slowly_unpacked_png(2440, 2440, 1),
        "png in 16 bits of few": lambda: png(2440, 2440, 16, 6, row_filter=4),
        "png of tiny chunks": lambda: around(chunk(b"abCd") * (room // 12)),
        "png of empty data chunks": lambda: around(chunk(b"IDAT") * (some // 12)),
        "png of data in single bytes": lambda: head + _split(zlib.compress(bytes(193 * 64), 0), 1) + chunk(b"IEND"),
        "png with chunks behind": lambda: around(b"", chunk(b"abCd") * (some // 12)),
        "png with texts": lambda: around(chunk(b"tEXt", b"k\0v") * (some // 15)),
        "png with a text that unpacks": lambda: around(chunk(b"zTXt", b"bomb\0\0" + bomb()) * 8),
        "png with an international text that unpacks": lambda: around(chunk(b"iTXt", b"bomb\0\1\0\0\0" + bomb()) * 8),
        "png with a profile that unpacks": lambda: around(chunk(b"iCCP", b"bomb\0\0" + bomb()) * 8),
        "png with EXIF that is its own value": lambda: around(chunk(b"eXIf", exif_tables(MEBIBYTE))),
        "png with an infinite orientation": lambda: around(chunk(b"eXIf", infinite)),
        "png of frames": lambda: around(_frames(some // 38)),
        "png with data that goes on": lambda: head + chunk(b"IDAT", bomb()) + chunk(b"IEND"),
        "png without a palette": lambda: png(64, 64, 8, 3),
        "png with damaged data": lambda: around(b"").replace(b"IDAT", b"IDAT" + b"\x55" * 8, 1),
        "png without pixels": lambda: png(0, 0),
    }


def _sideways() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()[6:]


def _saved(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", method=0, **options)
    return buffer.getvalue()


def _wide(tile: np.ndarray) -> np.ndarray:
    return np.tile(tile, (2, 3, 1))[:, :6100]


def _clear(pixels: np.ndarray) -> Image.Image:
    """A picture of these pixels, as clear as they are red, in four steps."""
    picture = Image.fromarray(pixels)
    picture.putalpha(Image.fromarray(pixels[:, :, 0] // 64 * 64))
    return picture


def webp(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    """A WebP of one colour."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height), (9, 9, 9, 128)[: len(mode)]).save(buffer, "WEBP", method=0, **options)
    return buffer.getvalue()


def riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _canvas(width: int, height: int, flags: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + sides)


def _animation(width: int, height: int, frames: int) -> bytes:
    """A canvas with frames of one pixel."""
    still = webp(1, 1, lossless=True)[12:]
    frame = riff_chunk(b"ANMF", bytes(12) + (1).to_bytes(3, "little") + b"\0" + still)
    return riff(_canvas(width, height, 2), riff_chunk(b"ANIM", bytes(6)), frame * frames)


def hostile_webps() -> dict[str, Callable[[], bytes]]:
    """Return what makes each of the files, by their names."""
    room = LARGEST_FILE - 65_536
    small = webp(64, 64)[12:]
    tile = np.random.default_rng(5).integers(0, 256, (2048, 2048, 3), dtype=np.uint8)
    return {
        "webp of noise with alpha": lambda: _saved(_clear(_wide(tile)), quality=1, alpha_quality=100),
        "webp of noise of eight colours without loss": lambda: _saved(
            Image.fromarray(_wide(tile) // 128 * 255), lossless=True, quality=0
        ),
        "webp of the longest side": lambda: webp(16383, 2441),
        "webp of one colour": lambda: webp(5600, 4200),
        "webp of one colour without loss": lambda: webp(5600, 4200, lossless=True),
        "webp with alpha": lambda: webp(5600, 4200, "RGBA", exif=b"Exif\0\0" + _sideways()),
        "webp with alpha, without loss": lambda: webp(5600, 4200, "RGBA", lossless=True),
        "webp of noise without loss": lambda: _saved(Image.fromarray(tile), lossless=True, quality=0),
        "webp of noise": lambda: _saved(Image.fromarray(np.tile(tile, (2, 2, 1))), quality=15),
        "webp of a huge canvas": lambda: _animation(5600, 4200, 2),
        "webp of a canvas past every limit": lambda: _animation(1 << 24, 1 << 8, 2),
        "webp of many frames": lambda: _animation(64, 64, 300_000),
        "webp of many unknown chunks": lambda: riff(_canvas(64, 64, 0), small, riff_chunk(b"abcd", b"") * (room // 8)),
        "webp cut short": lambda: riff(riff_chunk(b"VP8 ", webp(64, 64)[20:60])),
        "webp with a huge profile": lambda: riff(_canvas(64, 64, 32), riff_chunk(b"ICCP", bytes(room)), small),
        "webp with EXIF that is its own value": lambda: riff(
            _canvas(64, 64, 8), small, riff_chunk(b"EXIF", exif_tables(MEBIBYTE))
        ),
    }


def bmp(width: int, height: int, bits: int, data: bytes, *, compression: int = 0, palette: bytes = b"") -> bytes:
    """A BMP with the header of Windows."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, len(palette) // 4, 0)
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + palette + data


def _os2_bmp(width: int, height: int) -> bytes:
    data = bytes(-(-width // 32) * 4 * height)
    head = struct.pack("<IHHHH", 12, width, height, 1, 1) + bytes(6)
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(data), 0, 0, 14 + len(head)) + head + data


def hostile_bmps() -> dict[str, Callable[[], bytes]]:
    """Return what makes each of the files, by their names."""
    palette = bytes(1024)
    bitfields = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
    return {
        "bmp of runs": lambda: bmp(6000, 4000, 8, b"\1\7\0\0" * 4000 + b"\0\1", compression=1, palette=palette),
        "bmp of runs of one pixel": lambda: bmp(
            2800, 2800, 8, b"\1\7" * (7 * MEBIBYTE), compression=1, palette=palette
        ),
        "bmp of runs in four bits": lambda: bmp(6000, 4000, 4, b"\xff\x11" * 4000, compression=2, palette=bytes(64)),
        "bmp of one bit": lambda: bmp(5600, 4200, 1, bytes(700 * 4200), palette=bytes(8)),
        "bmp of one bit, top first": lambda: bmp(5600, -4200, 1, bytes(700 * 4200), palette=bytes(8)),
        "bmp of eight bits": lambda: bmp(3900, 4200, 8, bytes(3900 * 4200), palette=palette),
        "bmp of bit fields": lambda: bmp(2000, 2000, 32, bitfields + bytes(4 * 2000 * 2000 + 4), compression=3),
        "bmp of the oldest header": lambda: _os2_bmp(5600, 4200),
        "bmp one pixel wide": lambda: bmp(1, 4_000_000, 1, bytes(4 * 4_000_000 - 64), palette=bytes(8)),
        "bmp of the greatest sides": lambda: bmp(0x7FFFFFFF, 0x7FFFFFFF, 1, b""),
        "bmp of negative width": lambda: bmp(-5600, 4200, 1, bytes(700), palette=bytes(8)),
        "bmp of an endless palette": lambda: bmp(64, 64, 8, bytes(64 * 64), palette=bytes(4 * 4_000_000)),
    }
