"""The picture to show of a HEIC or AVIF file: its parts, how they lie together, which way up; all before decoding."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from service.arrays import ImageArray
from service.errors import ImageTooLarge, UnsupportedImageType
from service.faces.pictures.heif_boxes import HeifItem, HeifItems, damage, read_items
from service.faces.pictures.heif_turns import orientation_of
from service.faces.pictures.heif_writer import CodedKind, write_heif
from service.faces.pictures.hevc_stream import CodedPicture
from service.faces.pictures.stored_picture import StoredPicture

_SAVE = "Save it as a JPEG."
_GRID = b"grid"
# What a decoder makes room for beyond the picture: it works in blocks of up to 128 pixels.
_BLOCK = 128
# Tiles have 512 pixels a side as a rule, so that 50 megapixels are 200; a decoder begins anew with each.
_MOST_TILES = 1024
# A decoder takes up to 35 ns for a pixel each time that it passes it, twice as much for one of more than 8 bits or of
# full colour, and up to 180 ns for a byte. The 24 megapixels of a telephone in 3 MiB are 40 million.
_MOST_WORK = 44_000_000
_WORK_OF_A_BYTE = 4
_KNOWN = {b"ispe", b"colr", b"pixi", b"pasp", b"irot", b"imir", b"clap", b"auxC", b"clli", b"mdcv", b"rloc", b"rref"}

ReadCoded = Callable[[bytes, bytes], CodedPicture]
DecodeCoded = Callable[[bytes], ImageArray]


@dataclass(frozen=True, slots=True)
class _Grid:
    """Pictures of one size side by side, row by row, of which the upper left part is shown."""

    tiles: list[HeifItem]
    columns: int
    width: int
    height: int


def read_heif(
    data: bytes, kind: CodedKind, read_coded: ReadCoded, decode: DecodeCoded, full_weight: int
) -> StoredPicture:
    """Return the picture to show of a file.

    Each coded part is decoded from a file of its own that holds nothing else, so what is not shown (thumbnails, depth,
    gain maps, metadata, other pictures) reaches no decoder. Transparency is left out.

    Args:
        data: the whole file.
        kind: how its pictures are coded.
        read_coded: reads the headers of a coded picture from its parameters and its bytes.
        decode: gives the pixels of a file of one coded picture, (height, width, 3) uint8, RGB.
        full_weight: of a picture that is coded in one piece, see ``StoredPicture``.

    Raises:
        ImageUndecodable: if the file is not what its format says.
        ImageTooLarge: if it has more parts, or more of coded data, than any camera or program writes.
        UnsupportedImageType: if it has no picture to show, or one of an unusual kind.
    """
    items = read_items(data)
    if items is None or not items.primary:
        raise UnsupportedImageType("The file is of moving HEIF or AVIF pictures, without a still. Save one as a JPEG.")
    shown = items.item(items.primary)
    _check_known(shown, kind, (kind.item, _GRID))
    grid = _grid(data, items, shown)
    size = sum(tile.size for tile in grid.tiles)
    if size > len(data):
        raise damage("its parts have more bytes than the file")
    files, is_deep, work = [], False, _WORK_OF_A_BYTE * size
    sides = _sides(grid.tiles[0])
    for tile in grid.tiles:
        _check_known(tile, kind, (kind.item,))
        if _sides(tile) != sides:
            raise damage("its tiles differ in size")
        coded = read_coded(tile.said(kind.configuration) or b"", _content(data, tile))
        if coded.width > sides[0] + _BLOCK or coded.height > sides[1] + _BLOCK:
            raise damage("its coded pictures are larger than it says")
        is_deep |= coded.is_deep
        work += coded.width * coded.height * coded.passes * (1 + coded.is_deep)
        if work > _MOST_WORK:
            raise ImageTooLarge(
                f"The image takes longer to decode than is allowed: it has {grid.width}x{grid.height} pixels in {size} "
                f"bytes. Send a smaller one, or a JPEG."
            )
        colour = _colour(tile) or _colour(shown)
        files.append(write_heif(kind, coded.configuration, coded.data, width=sides[0], height=sides[1], colour=colour))
    turned = [(item.kind, item.body) for item in shown.properties if item.kind in (b"irot", b"imir")]

    def decoded(_: int) -> ImageArray:
        whole = _of_size(decode(files[0]), sides) if one else _put_together(files, grid, sides, decode)
        return whole[top : top + height, left : left + width]

    one = len(files) == 1
    left, top, width, height = _aperture(shown.said(b"clap"), grid.width, grid.height)
    return StoredPicture(
        width=width,
        height=height,
        orientation=orientation_of(turned),
        is_reducible=False,
        full_weight=full_weight * (1 + is_deep) if one else 1,
        decode=decoded,
    )


def _put_together(files: list[bytes], grid: _Grid, sides: tuple[int, int], decode: DecodeCoded) -> ImageArray:
    whole = np.empty((grid.height, grid.width, 3), np.uint8)
    for place, file in enumerate(files):
        row, column = divmod(place, grid.columns)
        part = whole[row * sides[1] : (row + 1) * sides[1], column * sides[0] : (column + 1) * sides[0]]
        part[:] = _of_size(decode(file), sides)[: part.shape[0], : part.shape[1]]
    return whole


def _of_size(pixels: ImageArray, sides: tuple[int, int]) -> ImageArray:
    if pixels.shape[1::-1] != sides:
        raise damage("its coded pictures are of another size than it says")
    return pixels


def _grid(data: bytes, items: HeifItems, shown: HeifItem) -> _Grid:
    """Return how a picture is put together; one that is coded in one piece is a grid of one (23008-12, 6.6.2.3)."""
    if shown.kind != _GRID:
        return _Grid([shown], 1, *_sides(shown))
    body = _content(data, shown)
    wide = len(body) > 1 and body[1] & 1
    if len(body) < (12 if wide else 8):
        raise damage("its grid is too short")
    rows, columns = body[2] + 1, body[3] + 1
    width, height = struct.unpack_from(">II" if wide else ">HH", body, 4)
    named = shown.references.get(b"dimg", [])
    if len(named) != rows * columns:
        raise damage("its grid has not as many tiles as it says")
    if rows * columns > _MOST_TILES:
        raise ImageTooLarge(f"The image has more than {_MOST_TILES} tiles. {_SAVE}")
    tiles = [items.item(number) for number in named]
    across, down = _sides(tiles[0])
    if not (across * (columns - 1) < width <= across * columns and down * (rows - 1) < height <= down * rows):
        raise damage("its tiles do not cover it")
    return _Grid(tiles, columns, width, height)


def _aperture(clean: bytes | None, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, width and height of what is shown of the pixels (ISO/IEC 14496-12, 12.1.4)."""
    if clean is None:
        return 0, 0, width, height
    if len(clean) < 32:
        raise damage("what it shows is cut short")
    found = []
    for whole, (above, below, off, off_below) in (
        (width, struct.unpack_from(">IIiI", clean[:8] + clean[16:24])),
        (height, struct.unpack_from(">IIiI", clean[8:16] + clean[24:32])),
    ):
        if not below or not off_below:
            raise damage("what it shows is divided by zero")
        size = above // below
        start = round((whole - size) / 2 + off / off_below)
        if not (0 < size <= whole and 0 <= start <= whole - size):
            raise damage("what it shows lies outside")
        found.append((start, size))
    (left, across), (top, down) = found
    return left, top, across, down


def _check_known(item: HeifItem, kind: CodedKind, allowed: tuple[bytes, ...]) -> None:
    if item.kind not in allowed:
        raise UnsupportedImageType(
            f"The file is a HEIF image of the kind {item.kind.decode('latin-1')!a}, which is not read. {_SAVE}"
        )
    for found in item.properties:
        if found.is_essential and found.kind not in (*_KNOWN, kind.configuration):
            raise UnsupportedImageType(
                f"The file is a HEIF or AVIF image that needs {found.kind.decode('latin-1')!a}, which is not "
                f"read. {_SAVE}"
            )


def _sides(item: HeifItem) -> tuple[int, int]:
    body = item.said(b"ispe")
    if body is None or len(body) < 12:
        raise damage("it does not say its size")
    width, height = struct.unpack_from(">II", body, 4)
    if not (width and height):
        raise damage("it has no pixels")
    return width, height


def _colour(item: HeifItem) -> bytes | None:
    return next(
        (found.body[:11] for found in item.properties if found.kind == b"colr" and found.body[:4] == b"nclx"), None
    )


def _content(data: bytes, item: HeifItem) -> bytes:
    if item.size > len(data):
        raise damage("an item has more bytes than the file")
    return b"".join(data[start:end] for start, end in item.extents)
