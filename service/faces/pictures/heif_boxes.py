"""The container of HEIC and AVIF (ISO/IEC 14496-12, 23008-12): its items, their properties, where their bytes lie."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from service.errors import ImageTooLarge, ImageUndecodable

# Of the file's own level; an animation has some more, and none has many before the box of items.
_MOST_BOXES = 256
# A photograph in 200 tiles takes some 20 KiB.
_MOST_META_BYTES = 1 << 17
_MOST_ITEMS = 4096
_MOST_PROPERTIES = 1024
_FROM_FILE, _FROM_ITEM_DATA = 0, 1


@dataclass(frozen=True, slots=True)
class HeifProperty:
    """A property of an item: its kind, what it says, and whether who does not know it may read the item."""

    kind: bytes
    body: bytes
    is_essential: bool


@dataclass(slots=True)
class HeifItem:
    """An item: a coded picture, one that is put together of others, or metadata.

    Attributes:
        kind: four letters, such as ``hvc1``; empty if none is stated.
        properties: in the order in which they apply.
        extents: where its bytes start and end in the file.
        references: the items that it names, by the kind of reference.
    """

    kind: bytes = b""
    properties: list[HeifProperty] = field(default_factory=list)
    extents: list[tuple[int, int]] = field(default_factory=list)
    references: dict[bytes, list[int]] = field(default_factory=dict)

    def said(self, kind: bytes) -> bytes | None:
        """Return what the first property of a kind says; None without one."""
        return next((found.body for found in self.properties if found.kind == kind), None)

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return sum(end - start for start, end in self.extents)


@dataclass(slots=True)
class HeifItems:
    """The items of a file by their ids, and which one is the picture to show; 0 if none is stated."""

    by_id: dict[int, HeifItem]
    primary: int

    def item(self, number: int) -> HeifItem:
        """Return an item that another names.

        Raises:
            ImageUndecodable: if there is none of this id.
        """
        if number not in self.by_id:
            raise damage("it names an item that it does not have")
        return self.by_id[number]


def damage(what: str) -> ImageUndecodable:
    """Return the failure of a file that is not what its format says."""
    return ImageUndecodable(f"The file starts as HEIC or AVIF and is damaged or cut short: {what}. Send it again.")


def brands(data: bytes) -> frozenset[bytes]:
    """Return the brands that a file states in its first box, the major one among them; none if it is no such file."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4]), len(data), 512)
    return frozenset((data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))))


def read_items(data: bytes) -> HeifItems | None:
    """Return the items of a file; None if it has none, as a video has none.

    Nothing is decoded, and no more is looked at than the box of items.

    Raises:
        ImageUndecodable: if a box does not hold what it should.
        ImageTooLarge: if there are more boxes, items or properties than any camera or program writes.
    """
    for count, (kind, start, end) in enumerate(_boxes(data, 0, len(data))):
        if count >= _MOST_BOXES:
            raise _too_many("boxes")
        if kind == b"meta":
            if end - start > _MOST_META_BYTES:
                raise _too_many("bytes of items")
            try:
                return _read_meta(data, start + 4, end)
            except (struct.error, IndexError) as error:
                raise damage("a box is too short") from error
    return None


def _read_meta(data: bytes, start: int, end: int) -> HeifItems:
    boxes: dict[bytes, tuple[int, int]] = {}
    for kind, at, stop in _boxes(data, start, end):
        boxes.setdefault(kind, (at, stop))
    found = HeifItems({}, 0)
    if b"pitm" in boxes:
        fields = _Fields(data, *boxes[b"pitm"])
        found.primary = fields.number(2 if fields.version == 0 else 4)
    if b"iinf" in boxes:
        _read_kinds(found, data, *boxes[b"iinf"])
    if b"iprp" in boxes:
        _read_properties(found, data, *boxes[b"iprp"])
    if b"iloc" in boxes:
        _read_places(found, _Fields(data, *boxes[b"iloc"]), len(data), boxes.get(b"idat", (0, 0)))
    if b"iref" in boxes:
        _read_references(found, data, *boxes[b"iref"])
    return found


class _Fields:
    """Numbers of a box, one after the other; behind its end there are none."""

    def __init__(self, data: bytes, start: int, end: int, *, is_full: bool = True) -> None:
        self._data, self.at, self._end = data, start, end
        self.version, self.flags = 0, 0
        if is_full:
            self.version, self.flags = self.number(1), self.number(3)

    def number(self, size: int) -> int:
        if self.at + size > self._end:
            raise damage("a box is too short")
        self.at += size
        return int.from_bytes(self._data[self.at - size : self.at])


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Give the kind of each box and where its content starts and ends."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        stop = end if size == 0 else at + size
        if stop > end or stop < at + head:
            raise damage("a box reaches past its end")
        yield kind, at + head, stop
        at = stop


def _read_kinds(found: HeifItems, data: bytes, start: int, end: int) -> None:
    fields = _Fields(data, start, end)
    fields.number(2 if fields.version == 0 else 4)
    for kind, at, stop in _boxes(data, fields.at, end):
        if kind != b"infe":
            continue
        if len(found.by_id) >= _MOST_ITEMS:
            raise _too_many("items")
        entry = _Fields(data, at, stop)
        if entry.version not in (2, 3):
            continue
        number = entry.number(2 if entry.version == 2 else 4)
        entry.number(2)  # of the protection
        found.by_id.setdefault(number, HeifItem()).kind = data[entry.at : entry.at + 4]


def _read_properties(found: HeifItems, data: bytes, start: int, end: int) -> None:
    known: list[tuple[bytes, bytes]] = []
    for kind, at, stop in _boxes(data, start, end):
        if kind == b"ipco":
            for name, first, last in _boxes(data, at, stop):
                known.append((name, data[first:last]))
                if len(known) > _MOST_PROPERTIES:
                    raise _too_many("properties")
        elif kind == b"ipma":
            fields = _Fields(data, at, stop)
            wide = bool(fields.flags & 1)
            for _ in range(fields.number(4)):
                item = found.by_id.get(fields.number(2 if fields.version == 0 else 4))
                for _ in range(fields.number(1)):
                    entry = fields.number(2 if wide else 1)
                    essential, place = divmod(entry, 1 << 15 if wide else 1 << 7)
                    if item is not None and 0 < place <= len(known):
                        item.properties.append(HeifProperty(*known[place - 1], bool(essential)))


def _read_places(found: HeifItems, fields: _Fields, size: int, item_data: tuple[int, int]) -> None:
    sizes = fields.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    count = fields.number(2 if fields.version < 2 else 4)
    for _ in range(count):
        number = fields.number(2 if fields.version < 2 else 4)
        method = fields.number(2) & 15 if fields.version else _FROM_FILE
        elsewhere = fields.number(2)
        base = fields.number(base_size)
        extents = []
        for _ in range(fields.number(2)):
            if fields.version:
                fields.number(index_size)
            start = base + fields.number(offset_size)
            extents.append((start, start + fields.number(length_size)))
        item = found.by_id.get(number)
        if item is None or elsewhere or method not in (_FROM_FILE, _FROM_ITEM_DATA) or item.extents:
            continue
        first, last = (0, size) if method == _FROM_FILE else item_data
        item.extents = [(first + start, first + end) for start, end in extents]
        if any(end > last for _, end in item.extents):
            raise damage("an item reaches past its end")


def _read_references(found: HeifItems, data: bytes, start: int, end: int) -> None:
    wide = 2 if _Fields(data, start, end).version == 0 else 4
    for kind, at, stop in _boxes(data, start + 4, end):
        fields = _Fields(data, at, stop, is_full=False)
        item = found.by_id.get(fields.number(wide))
        named = [fields.number(wide) for _ in range(fields.number(2))]
        if item is not None:
            item.references.setdefault(kind, named)


def _too_many(what: str) -> ImageTooLarge:
    return ImageTooLarge(
        f"The file is a HEIC or AVIF image of more {what} than any camera or program writes. Save it as a JPEG."
    )
