"""HEIC and AVIF files: as programs write them, and put together by hand for what none writes."""

import io
import struct

import numpy as np
import pillow_heif
from PIL import Image

from service.faces.pictures.heif_boxes import read_items
from service.faces.pictures.heif_writer import AV1_KIND, HEVC_KIND


def heic(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    given = {"quality": 90, "chroma": 420, "enc_params": {"preset": "ultrafast"}, **options}
    pillow_heif.from_pillow(image).save(buffer, **given)
    return buffer.getvalue()


def avif(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "AVIF", **{"quality": 90, "speed": 10, "max_threads": 1, **options})
    return buffer.getvalue()


def flat(width: int, height: int, value: int = 90) -> Image.Image:
    return Image.new("RGB", (width, height), (value, 120, 150))


def coded(file: bytes) -> tuple[bytes, bytes]:
    """Return the decoder's parameters and the coded picture of a file of one."""
    items = read_items(file)
    item = items.item(items.primary)
    configuration = item.said(b"hvcC") or item.said(b"av1C")
    return configuration, b"".join(file[start:end] for start, end in item.extents)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return box(kind, bytes((version, 0, 0, 0)) + body)


def size_property(width: int, height: int) -> bytes:
    return full_box(b"ispe", struct.pack(">II", width, height))


def container(
    items: list[tuple[bytes, bytes, list[int]]],
    properties: list[bytes],
    *,
    references: list[tuple[bytes, int, list[int]]] = (),
    brand: bytes = b"heic",
    primary: int = 1,
    shared: bool = False,
    more: bytes = b"",
) -> bytes:
    """A file of items: the kind of each, its bytes, and which properties it has, by their numbers from 1; negative
    for one that a reader must know. With ``shared`` all items after the first have the same bytes of the file."""
    entries = b"".join(
        full_box(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", 2) for number, (kind, _, _) in numbered(items)
    )
    links = b"".join(
        struct.pack(">HB", number, len(places)) + bytes(abs(place) | 0x80 * (place < 0) for place in places)
        for number, (_, _, places) in numbered(items)
    )
    named = b"".join(box(kind, struct.pack(f">HH{len(to)}H", source, len(to), *to)) for kind, source, to in references)

    def meta(start: int) -> bytes:
        places = []
        for number, (_, data, _) in numbered(items):
            places.append(struct.pack(">HHHII", number, 0, 1, start, len(data)))
            start += 0 if shared and number > 1 else len(data)
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + full_box(b"pitm", struct.pack(">H", primary))
            + full_box(b"iinf", struct.pack(">H", len(items)) + entries)
            + box(
                b"iprp",
                box(b"ipco", b"".join(properties)) + full_box(b"ipma", struct.pack(">I", len(items)) + links),
            )
            + full_box(b"iref", named)
            + full_box(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)) + b"".join(places))
            + more,
        )

    head = box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    body = b"".join(data for _, data, _ in (items[:2] if shared else items))
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", body)


def numbered(items):
    return list(enumerate(items, 1))


def grid(
    tiles: list[bytes],
    columns: int,
    size: tuple[int, int],
    tile_size: tuple[int, int],
    *,
    is_avif: bool = False,
    turns: list[bytes] = (),
    **options: object,
) -> bytes:
    """A picture of tiles, each the file of one coded picture, row by row."""
    kind = AV1_KIND if is_avif else HEVC_KIND
    parts = [coded(tile) for tile in tiles]
    layout = struct.pack(">BBBBHH", 0, 0, len(tiles) // columns - 1, columns - 1, *size)
    properties = [box(kind.configuration, parts[0][0]), size_property(*tile_size), size_property(*size), *turns]
    shown = (b"grid", layout, [3, *(-place for place in range(4, 4 + len(turns)))])
    items = [shown, *((kind.item, data, [-1, 2]) for _, data in parts)]
    named = [(b"dimg", 1, list(range(2, 2 + len(tiles))))]
    return container(items, properties, references=named, brand=kind.brand, **options)


def single(file: bytes, size: tuple[int, int], *more: bytes, is_avif: bool = False, **options: object) -> bytes:
    """A coded picture whose container says what it likes of it: its size, and more properties that must be known."""
    kind = AV1_KIND if is_avif else HEVC_KIND
    configuration, data = coded(file)
    properties = [box(kind.configuration, configuration), size_property(*size), *more]
    places = [-1, 2, *(-place for place in range(3, 3 + len(more)))]
    return container([(kind.item, data, places)], properties, brand=kind.brand, **options)


def rotation(quarters: int) -> bytes:
    return box(b"irot", bytes((quarters,)))


def mirror(axis: int) -> bytes:
    return box(b"imir", bytes((axis,)))


def four_colours(width: int = 64, height: int = 128) -> Image.Image:
    stored = np.zeros((height, width, 3), np.uint8)
    stored[: height // 2, : width // 2], stored[: height // 2, width // 2 :] = (255, 0, 0), (0, 255, 0)
    stored[height // 2 :, : width // 2], stored[height // 2 :, width // 2 :] = (0, 0, 255), (255, 255, 255)
    return Image.fromarray(stored)


def deep_heic(width: int, height: int) -> bytes:
    """Noise of ten bits a channel in full colour."""
    values = np.random.default_rng(2).integers(0, 65536, (height, width, 3), dtype=np.uint16)
    buffer = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (width, height), values.tobytes()).save(
        buffer, quality=1, chroma=444, enc_params={"preset": "ultrafast"}
    )
    return buffer.getvalue()


def resized(configuration: bytes, width: int, height: int) -> bytes:
    """The decoder's parameters of another picture, of another size: those of HEVC without sub-layers."""
    at = 23
    pieces = [configuration[:at]]
    while at < len(configuration):
        kind, size = configuration[at] & 63, int.from_bytes(configuration[at + 3 : at + 5])
        unit = configuration[at + 5 : at + 5 + size]
        if kind == 33:
            unit = _resized_sequence(unit, width, height)
        pieces.append(configuration[at : at + 3] + len(unit).to_bytes(2) + unit)
        at += 5 + size
    return b"".join(pieces)


def _resized_sequence(unit: bytes, width: int, height: int) -> bytes:
    plain = unit[2:].replace(b"\0\0\3", b"\0\0")
    bits = f"{int.from_bytes(plain):0{8 * len(plain)}b}"

    def after(at: int) -> int:
        return at + 2 * (bits.index("1", at) - at) + 1

    start = after(after(8 + 96))  # behind the set's number and the kind of chroma
    end = after(after(start))
    bits = bits[:start] + _exponential(width) + _exponential(height) + "0" + _behind_window(bits, end)
    bits += "0" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8)
    return unit[:2] + _escaped(packed)


def _escaped(packed: bytes) -> bytes:
    """Two zero bytes and a small one more would begin a unit; a three is put between."""
    written = bytearray()
    for byte in packed:
        if byte < 4 and written[-2:] == b"\0\0":
            written.append(3)
        written.append(byte)
    return bytes(written)


def _behind_window(bits: str, at: int) -> str:
    if bits[at] == "0":
        return bits[at + 1 :]
    at += 1
    for _ in range(4):
        at += 2 * (bits.index("1", at) - at) + 1
    return bits[at:]


def _exponential(number: int) -> str:
    return f"{number + 1:b}".rjust(2 * (number + 1).bit_length() - 1, "0")
