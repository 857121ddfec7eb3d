"""A file that no reader takes is called by its name, and its sender told what to do."""

import gzip
import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.choices import Gates
from service.errors import UnsupportedImageType
from service.faces.pictures.decode import open_image
from service.faces.pictures.unread import recognise


def written(kind, mode="RGB", **options):
    buffer = io.BytesIO()
    Image.new(mode, (32, 32)).save(buffer, kind, **options)
    return buffer.getvalue()


def archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("photo.jpg", b"")
    return buffer.getvalue()


def tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("photo.jpg"))
    return buffer.getvalue()


def array():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((4, 4)))
    return buffer.getvalue()


def branded(major, *compatible):
    body = major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 8 + len(body)) + b"ftyp" + body + struct.pack(">I", 16) + b"free" + bytes(8)


FILES = {
    "TIFF": (written("TIFF"), "a TIFF image"),
    "TIFF of the other order": (b"MM\0*" + bytes(40), "a TIFF image"),
    "BigTIFF": (b"II+\0\x08\0\0\0" + bytes(40), "a TIFF image"),
    "CR2": (b"II*\0\x10\0\0\0CR\2\0" + bytes(40), r"raw picture \(CR2\)"),
    "CR3": (branded(b"crx ", b"crx ", b"isom"), r"raw picture \(CR3\)"),
    "JPEG XL": (b"\xff\x0a\xfa\x7f", "a JPEG XL image"),
    "JPEG XL in boxes": (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    "JPEG 2000": (written("JPEG2000"), "a JPEG 2000 image"),
    "ICO": (written("ICO"), "an icon"),
    "Netpbm": (written("PPM"), "a Netpbm image"),
    "Netpbm in text": (b"P2 2 2 255 0 1 2 3", "a Netpbm image"),
    "PSD": (b"8BPS\0\1" + bytes(20), "a Photoshop document"),
    "PDF": (written("PDF"), "a PDF document"),
    "PostScript": (written("EPS"), "a PostScript document"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', "an SVG drawing"),
    "SVG as XML": (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- made -->\n<svg></svg>', "an SVG drawing"),
    "XML": (b'<?xml version="1.0"?><photo/>', "an XML document"),
    "HTML": (b"\n<!DOCTYPE html><html><title>404</title>", "an HTML page"),
    "JSON": (b'{"error": "not found"}', "a JSON document"),
    "text": (b"This is photo.jpg, says its name.", "plain text"),
    "text of other letters": (("stra\u00dfe " * 2000).encode(), "plain text"),
    "text of UTF-16": ("photo".encode("utf-16"), "plain text"),
    "base64": (b"/9j/4AAQSkZJRgABAQAAAQABAAD", "base64 as text"),
    "data URI": (b"data:image/png;base64,iVBORw0KGgo", "a data URI as text"),
    "JPEG read as text": (b"\xff\xd8\xff\xe0".decode("utf-8", "replace").encode(), "read as text"),
    "JPEG written as text": (b"\xff\xd8\xff\xe0".decode("latin-1").encode(), "written as text"),
    "PNG with other line ends": (written("PNG").replace(b"\r\n", b"\n", 1), "changed on its way"),
    "start of a JPEG": (b"\xff\xd8", "cut short"),
    "zeros": (bytes(5000), "a row of zeros"),
    "ZIP": (archive(), "a ZIP archive"),
    "gzip": (gzip.compress(b"photo"), "a gzip archive"),
    "TAR": (tar(), "a TAR archive"),
    "MP4": (branded(b"isom", b"isom", b"mp42"), "an MP4 or QuickTime video"),
    "QuickTime": (branded(b"qt  ", b"qt  "), "an MP4 or QuickTime video"),
    "old QuickTime": (struct.pack(">I", 64) + b"moov" + bytes(56), "an MP4 or QuickTime video"),
    "WebM": (b"\x1aE\xdf\xa3" + bytes(20), "a WebM or Matroska video"),
    "AVI": (b"RIFF\0\1\0\0AVI LIST", "an AVI video"),
    "NumPy": (array(), "a NumPy array"),
    "DICOM": (bytes(128) + b"DICM" + bytes(8), "a DICOM image"),
}


@pytest.mark.parametrize(("data", "name"), FILES.values(), ids=FILES)
def test_file_that_is_not_read_is_called_by_its_name_with_advice(data, name):
    with pytest.raises(UnsupportedImageType, match=name) as refused:
        open_image(data, Gates())
    said = refused.value.message
    assert said.startswith("The file is ")
    assert "JPEG, PNG, WebP" in said
    assert said.endswith(".")
    assert said.count(". ") >= 1


def test_empty_file_is_called_empty():
    with pytest.raises(UnsupportedImageType, match="The file is empty"):
        open_image(b"", Gates())


def test_file_of_no_known_type_is_said_to_be_of_none():
    with pytest.raises(UnsupportedImageType, match="of no type that is known here"):
        open_image(b"\x9f\x01\x02\x9e" * 10, Gates())


@given(st.binary(max_size=64))
def test_any_bytes_are_told_apart_without_a_fault(data):
    recognise(data)


@pytest.mark.parametrize("data", [b"\0\0\0\x08ftyp", b"\0\0\0\0ftypheic", b"\xff\xff\xff\xffftyp" + b"mp42" * 5000])
def test_box_of_any_stated_length_is_looked_at_no_further_than_it_goes(data):
    assert recognise(data) is not None
