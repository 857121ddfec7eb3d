"""Base64 as its many writers write it: one text, whichever of them it comes from, names the same bytes."""

from binascii import a2b_base64

_SCHEME = "data:"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_LINE_BREAKS = b"\r\n"
_WHITE = b" \t\r\n"
# What percent-encoding makes of the characters of base64, in either case.
_ESCAPES = (
    (b"%2B", b"+"),
    (b"%2b", b"+"),
    (b"%2F", b"/"),
    (b"%2f", b"/"),
    (b"%3D", b"="),
    (b"%3d", b"="),
    (b"%0D", b"\r"),
    (b"%0d", b"\r"),
    (b"%0A", b"\n"),
    (b"%0a", b"\n"),
)


def decode_base64(text: str) -> bytes:
    """Return the bytes that a text names in base64 (RFC 4648), or in a data URI (RFC 2397) of it.

    Either alphabet is taken, with padding or without, in one line or in many (RFC 2045). What is as the standard says
    is decoded in one pass; no text takes more than some passes over it. Safe to call from several threads.

    Raises:
        ValueError: if it is no base64, saying why in words that may follow a colon.
    """
    text = text.strip()
    is_uri = text[: len(_SCHEME)].lower() == _SCHEME
    if is_uri:
        text = text.partition(",")[2]
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        return _decode_dialect(text, is_uri)


def _decode_dialect(text: str, is_uri: bool) -> bytes:
    if not text.isascii():
        raise ValueError("a character is not ASCII")
    written = text.encode()
    if is_uri and b"%" in written:
        for escape, character in _ESCAPES:
            written = written.replace(escape, character)
    if b" " in written and not any(bytes((end,)) in written for end in _LINE_BREAKS):
        # Forms write "+" as a space; left out, the spaces would make it another file.
        raise ValueError("it has spaces within a line, perhaps in place of '+'")
    written = written.translate(_TO_STANDARD, delete=_WHITE)
    characters = written.rstrip(b"=")
    if len(characters) % 4 == 1:
        raise ValueError("a character is missing")
    return a2b_base64(characters + b"=" * (-len(characters) % 4), strict_mode=True)
