"""What a file is that no reader here takes, told from its first bytes, and what its sender can do about it."""

from dataclasses import dataclass

_LOOKED_AT = 4096
_MOST_BRANDS = 64

_CONVERT = "Save it as a JPEG or PNG"
_FRAME = "Save the frame that shows the face as a JPEG"
_PAGE = "Save the picture in it, or the page that shows it, as a JPEG"
_UNPACK = "Unpack it, and send the picture in it"
_DEVELOP = "Develop it to a JPEG, or take the one that the camera saved beside it"
_ITSELF = "Send the bytes of the picture itself"
_AS_BYTES = "Read the file as bytes, not as text, and send them unchanged"


@dataclass(frozen=True, slots=True)
class Unread:
    """A type of file that is known and not read.

    Attributes:
        name: with its article, as it stands after "The file is".
        advice: a sentence without its full stop.
    """

    name: str
    advice: str


_TIFF = Unread("a TIFF image", _CONVERT)
_VIDEO = Unread("an MP4 or QuickTime video", _FRAME)
_ZEROS = Unread("a row of zeros, as a broken download leaves", "Send it again")
_PLAIN_TEXT = Unread("plain text", _ITSELF)
_BASE64 = Unread("base64 as text", "Send the bytes that it stands for as the file, or the text in a JSON document")

_BY_START: tuple[tuple[bytes, Unread], ...] = (
    (b"\xff\x0a", Unread("a JPEG XL image", _CONVERT)),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Unread("a JPEG XL image", _CONVERT)),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Unread("a JPEG 2000 image", _CONVERT)),
    (b"\xff\x4f\xff\x51", Unread("a JPEG 2000 image", _CONVERT)),
    (b"\xff\xd8", Unread("a JPEG image that is cut short or damaged at its start", "Send it again")),
    (b"\x89PNG", Unread("a PNG image that was changed on its way, as a transfer of text does", _AS_BYTES)),
    (b"\xef\xbf\xbd", Unread("a file that was read as text, which lost its bytes", _AS_BYTES)),
    (b"\xc3\xbf\xc3\x98\xc3\xbf", Unread("a JPEG image that was written as text", _AS_BYTES)),
    (b"\xc2\x89PNG", Unread("a PNG image that was written as text", _AS_BYTES)),
    (b"GIF8", Unread("a GIF image", _CONVERT)),
    (b"FUJIFILMCCD-RAW", Unread("a camera's raw picture (RAF)", _DEVELOP)),
    (b"IIU\0", Unread("a camera's raw picture (RW2)", _DEVELOP)),
    (b"IIRO", Unread("a camera's raw picture (ORF)", _DEVELOP)),
    (b"FOVb", Unread("a camera's raw picture (X3F)", _DEVELOP)),
    (b"II*\0\x10\0\0\0CR", Unread("a camera's raw picture (CR2)", _DEVELOP)),
    (b"II*\0", _TIFF),
    (b"MM\0*", _TIFF),
    (b"II+\0", _TIFF),
    (b"MM\0+", _TIFF),
    (b"8BPS", Unread("a Photoshop document", _CONVERT)),
    (b"gimp xcf", Unread("a GIMP document", _CONVERT)),
    (b"\0\0\1\0", Unread("an icon (ICO)", _CONVERT)),
    (b"\0\0\2\0", Unread("a cursor (CUR)", _CONVERT)),
    (b"icns", Unread("an icon (ICNS)", _CONVERT)),
    (b"v/1\1", Unread("an OpenEXR image", _CONVERT)),
    (b"#?RADIANCE", Unread("a Radiance HDR image", _CONVERT)),
    (b"qoif", Unread("a QOI image", _CONVERT)),
    (b"BPG\xfb", Unread("a BPG image", _CONVERT)),
    (b"FLIF", Unread("a FLIF image", _CONVERT)),
    (b"DDS ", Unread("a DDS texture", _CONVERT)),
    (b"\x93NUMPY", Unread("a NumPy array", _CONVERT)),
    (b"SIMPLE  =", Unread("a FITS image", _CONVERT)),
    (b"%PDF-", Unread("a PDF document", _PAGE)),
    (b"%!PS", Unread("a PostScript document", _PAGE)),
    (b"{\\rtf", Unread("an RTF document", _PAGE)),
    (b"\xd0\xcf\x11\xe0", Unread("an old Microsoft Office document", _PAGE)),
    (b"PK\3\4", Unread("a ZIP archive, or a document such as DOCX that is one", _UNPACK)),
    (b"PK\5\6", Unread("an empty ZIP archive", _ITSELF)),
    (b"\x1f\x8b", Unread("a gzip archive", _UNPACK)),
    (b"BZh", Unread("a bzip2 archive", _UNPACK)),
    (b"\xfd7zXZ\0", Unread("an XZ archive", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Unread("a 7-Zip archive", _UNPACK)),
    (b"Rar!", Unread("a RAR archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Unread("a Zstandard archive", _UNPACK)),
    (b"\x1aE\xdf\xa3", Unread("a WebM or Matroska video", _FRAME)),
    (b"FLV\1", Unread("an FLV video", _FRAME)),
    (b"\0\0\1\xba", Unread("an MPEG video", _FRAME)),
    (b"\0\0\1\xb3", Unread("an MPEG video", _FRAME)),
    (b"0&\xb2u", Unread("a Windows Media file", _FRAME)),
    (b"OggS", Unread("an Ogg file", _ITSELF)),
    (b"ID3", Unread("an MP3 recording", _ITSELF)),
    (b"fLaC", Unread("a FLAC recording", _ITSELF)),
    (b"\x7fELF", Unread("a program", _ITSELF)),
    (b"MZ\x90\0", Unread("a program", _ITSELF)),
    (b"SQLite format 3\0", Unread("a SQLite database", _ITSELF)),
    (b"bplist00", Unread("a property list", _ITSELF)),
)

_BY_PLACE: tuple[tuple[int, bytes, Unread], ...] = (
    (128, b"DICM", Unread("a DICOM image", _CONVERT)),
    (257, b"ustar", Unread("a TAR archive", _UNPACK)),
)

_BY_BRAND: tuple[tuple[frozenset[bytes], Unread], ...] = (
    (frozenset((b"crx ",)), Unread("a camera's raw picture (CR3)", _DEVELOP)),
    (frozenset((b"mif1", b"mif2", b"msf1", b"mif3")), Unread("a HEIF image", _CONVERT)),
)
_NETPBM = tuple(bytes((kind,)) for kind in b"1234567fF")
_BOXES_OF_VIDEOS = (b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"pnot")

_BY_RIFF = {
    b"AVI ": Unread("an AVI video", _FRAME),
    b"WAVE": Unread("a WAV recording", _ITSELF),
}

_BY_TEXT: tuple[tuple[tuple[str, ...], Unread], ...] = (
    (
        ("<!doctype html", "<html", "<head", "<body"),
        Unread("an HTML page", "Perhaps a page of an error or a login came in place of the picture: look at it"),
    ),
    (("<svg", "<!doctype svg"), Unread("an SVG drawing", "Draw it to pixels, and save these as a PNG")),
    (("<?xml",), Unread("an XML document", _ITSELF)),
    (("{", "["), Unread("a JSON document", _ITSELF)),
    (("data:",), Unread("a data URI as text", _BASE64.advice)),
)
_BASE64_STARTS = ("/9j/", "_9j_", "iVBORw0KGgo", "UklGR", "R0lGOD", "Qk0")  # of JPEG, PNG, WebP, GIF and BMP


def recognise(data: bytes) -> Unread | None:
    """Return what a file is that no reader takes; None where its first bytes are of no type that is known.

    Some kilobytes of the file are looked at. Safe to call from several threads.
    """
    head = data[:_LOOKED_AT]
    return _of_start(head) or _of_boxes(head) or _of_text(head)


def _of_start(head: bytes) -> Unread | None:
    if not head.strip(b"\0"):
        return _ZEROS
    if head.startswith(b"P") and head[1:2] in _NETPBM and head[2:3].isspace():
        return Unread("a Netpbm image", _CONVERT)
    by_place = (found for at, magic, found in _BY_PLACE if head.startswith(magic, at))
    return next(by_place, None) or next((found for magic, found in _BY_START if head.startswith(magic)), None)


def _of_boxes(head: bytes) -> Unread | None:
    if head.startswith(b"RIFF"):
        return _BY_RIFF.get(head[8:12])
    return _of_brands(head) if head[4:8] in _BOXES_OF_VIDEOS else None


def _of_brands(head: bytes) -> Unread:
    if head[4:8] != b"ftyp":
        return _VIDEO
    end = min(int.from_bytes(head[:4]), len(head), 16 + 4 * _MOST_BRANDS)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    return next((found for wanted, found in _BY_BRAND if wanted & brands), _VIDEO)


def _of_text(head: bytes) -> Unread | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _PLAIN_TEXT
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        # A character may be cut where the head ends.
        if error.start < len(head) - 4:
            return None
        text = head[: error.start].decode()
    text = text.lstrip("\ufeff \t\r\n")
    if any(ord(character) < 32 and character not in "\t\r\n\f\x1b" for character in text):
        return None
    if text.startswith(_BASE64_STARTS):
        return _BASE64
    begin = text.lower()
    named = next((found for starts, found in _BY_TEXT if begin.startswith(starts)), None)
    if begin.startswith(("<?xml", "<!--")) and "<svg" in begin:
        named = next(found for starts, found in _BY_TEXT if "<svg" in starts)
    return named or _PLAIN_TEXT
