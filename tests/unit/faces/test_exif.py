import struct

import pytest
from PIL import Image

from service.faces.pictures.exif import orientation


def block(order, kind, value, *, tag=0x0112, count=1, start=8):
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HI", 42, start)
    return head + struct.pack(f"{order}HHHI", 1, tag, kind, count) + value.ljust(4, b"\0") + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "form"), [(1, "B"), (3, "H"), (4, "I")])
def test_orientation_of_either_byte_order_and_every_whole_type_is_read(order, kind, form):
    assert orientation(block(order, kind, struct.pack(order + form, 6))) == 6


def test_orientation_among_other_tags_is_the_one_pillow_reads():
    exif = Image.Exif()
    exif[0x010E], exif[0x0112], exif[0x0132] = "a description", 8, "2020:01:01 00:00:00"

    assert orientation(exif.tobytes()) == 8
    assert orientation(exif.tobytes()[6:]) == 8


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II",
        b"Exif\0\0",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        block("<", 11, struct.pack("<f", float("inf"))),
        block("<", 5, b"\x08\0\0\0"),
        block("<", 3, b"\6\0", count=2),
        block("<", 3, b"\6\0", tag=0x0113),
    ],
)
def test_metadata_that_tells_no_orientation_means_as_stored(exif):
    assert orientation(exif) == 1
