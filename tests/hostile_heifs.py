"""HEIC and AVIF files that cost a careless decoder most."""

import struct
from collections.abc import Callable

import numpy as np
from heif_files import avif, box, coded, container, deep_heic, flat, full_box, grid, heic, resized, size_property
from hostile_jpegs import LARGEST_FILE, MEBIBYTE
from PIL import Image

_WIDTH, _HEIGHT = 5600, 4160


def _large(fill: bytes, width: int = _WIDTH, height: int = _HEIGHT, said: tuple[int, int] | None = None) -> bytes:
    """A picture whose parameters say a large one, and whose data goes on with something else."""
    configuration, data = coded(heic(flat(64, 64)))
    at = 0
    while (end := at + 4 + int.from_bytes(data[at : at + 4])) < len(data):
        at = end
    unit = data[at + 4 :][:24] + fill
    data = data[:at] + len(unit).to_bytes(4) + unit
    properties = [box(b"hvcC", resized(configuration, width, height)), size_property(*(said or (width, height)))]
    return container([(b"hvc1", data, [-1, 2])], properties)


def hostile_heifs() -> dict[str, Callable[[], bytes]]:
    """Return what makes each of the files, by their names."""
    random = np.random.default_rng(8)
    noise = Image.fromarray(random.integers(0, 256, (512, 512, 3), dtype=np.uint8))
    dense, deep, tiny = heic(noise, quality=10), deep_heic(256, 256), heic(flat(64, 64))
    columns, rows = 11, 8
    rest = random.integers(1, 256, 5_000_000, dtype=np.uint8).tobytes()
    still = heic(flat(64, 64))
    configuration, data = coded(still)
    properties = [box(b"hvcC", configuration), size_property(64, 64)]
    free = box(b"free", b"")
    many = [(b"hvc1", data, [-1, 2])]
    sheet = Image.fromarray(np.tile(np.asarray(noise), (4, 4, 1)))
    return {
        "heic of chance": lambda: _large(rest),
        "heic of a pattern": lambda: _large(b"\x55" * 5_000_000),
        "heic of no data": lambda: _large(b"\x80"),
        "heic larger than it says": lambda: _large(b"\x80", 16_000, 16_000, (64, 64)),
        "heic past every limit": lambda: _large(b"\x80", 65_000, 65_000),
        "heic of too much data": lambda: _large(rest * 2),
        "heic in tiles of noise": lambda: grid(
            [dense] * (columns * rows), columns, (5600, 4090), (512, 512), shared=False
        ),
        "heic in tiles that share their bytes": lambda: grid(
            [dense] * 800, 40, (20_000, 10_000), (512, 512), shared=True
        ),
        "heic in tiles of deep noise": lambda: grid([deep] * 360, 24, (6144, 3840), (256, 256)),
        "heic in tiles of some deep noise": lambda: grid([deep] * 180, 18, (4600, 2560), (256, 256)),
        "heic in tiny tiles": lambda: grid([tiny] * 1024, 32, (2048, 2048), (64, 64)),
        "heic in more tiles": lambda: grid([tiny] * 2025, 45, (2880, 2880), (64, 64)),
        "heic of boxes": lambda: box(b"ftyp", b"heic" + bytes(4) + b"mif1heic") + free * ((LARGEST_FILE - 64) // 8),
        "heic of boxes among the items": lambda: container(many, properties, more=free * (MEBIBYTE // 8)),
        "heic of some boxes among the items": lambda: container(many, properties, more=free * (120_000 // 8)),
        "heic of properties": lambda: container(many, [*properties, *([free] * 5000)]),
        "heic of items": lambda: container([*many, *([(b"mime", b"", [])] * 5000)], properties),
        "heic of itself": lambda: container(
            [(b"grid", struct.pack(">BBBBHH", 0, 0, 0, 0, 64, 64), [2])], properties, references=[(b"dimg", 1, [1])]
        ),
        "heic of pieces": lambda: container([(b"hvc1", data + b"\0\0\0\3\x50\1\0" * 500_000, [-1, 2])], properties),
        "heic of many pictures": lambda: container([(b"hvc1", data * 1000, [-1, 2])], properties),
        "heic with a huge thumbnail": lambda: container([*many, (b"hvc1", bytes(8 * MEBIBYTE), [-1, 2])], properties),
        "heic with an endless box": lambda: (
            box(b"ftyp", b"heic" + bytes(4) + b"mif1heic") + struct.pack(">I4s", 0, b"meta")
        ),
        "heic with a wide association": lambda: (
            box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
            + full_box(b"meta", box(b"iprp", full_box(b"ipma", struct.pack(">I", 1 << 31) + b"\0\1\xff" * 40_000)))
        ),
        "avif of one colour": lambda: avif(flat(3500, 3500)),
        "avif of noise": lambda: avif(sheet, quality=60),
        "avif of noise in full colour": lambda: avif(sheet, quality=40, subsampling="4:4:4"),
        "avif in tiles": lambda: grid([avif(noise, quality=35)] * 88, columns, (5600, 4090), (512, 512), is_avif=True),
        "avif in tiny tiles": lambda: grid([avif(flat(64, 64))] * 1024, 32, (2048, 2048), (64, 64), is_avif=True),
    }
