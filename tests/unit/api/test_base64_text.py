import base64
import json
import textwrap
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.base64_text import decode_base64

# Every character of both alphabets, and each length of the last group.
FILES = [bytes(range(256)) * 3 + b"\xfb\xff\xbf" + bytes(extra) for extra in range(3)]

DIALECTS = {
    "standard": lambda text: text,
    "unpadded": lambda text: text.rstrip("="),
    "url-safe": lambda text: text.replace("+", "-").replace("/", "_"),
    "url-safe, unpadded": lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
    "MIME lines": lambda text: "\r\n".join(textwrap.wrap(text, 76)) + "\r\n",
    "PEM lines": lambda text: "\n".join(textwrap.wrap(text, 64)),
    "lines of an old Mac": lambda text: "\r".join(textwrap.wrap(text, 76)),
    "indented lines": lambda text: textwrap.indent("\n".join(textwrap.wrap(text, 76)), "    "),
    "lines, url-safe, unpadded": lambda text: "\n".join(textwrap.wrap(text, 60)).replace("/", "_").rstrip("="),
    "white space around": lambda text: f" \n{text}\t \n",
    "data URI": lambda text: "data:image/jpeg;base64," + text,
    "data URI in capitals": lambda text: "DATA:IMAGE/JPEG;BASE64," + text,
    "data URI with parameters": lambda text: "data:image/jpeg;name=a.jpg;base64," + text,
    "data URI without a type": lambda text: "Data:;base64," + text,
    "data URI, url-safe, unpadded": lambda text: "data:image/jpeg;base64," + text.replace("+", "-").rstrip("="),
    "data URI in lines": lambda text: "data:image/jpeg;base64,\n" + "\n".join(textwrap.wrap(text, 76)),
    "data URI with escapes": lambda text: (
        "data:image/jpeg;base64," + text.replace("+", "%2B").replace("/", "%2f").replace("=", "%3D")
    ),
}


@pytest.mark.parametrize("write", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("file", FILES, ids=["whole groups", "one byte more", "two bytes more"])
def test_every_dialect_names_the_same_bytes(write, file):
    assert decode_base64(write(base64.b64encode(file).decode())) == file


@given(st.binary(max_size=200), st.sampled_from(list(DIALECTS)))
def test_what_is_written_is_read(file, dialect):
    assert decode_base64(DIALECTS[dialect](base64.b64encode(file).decode())) == file


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("@@@@", "alphabet|base64"),
        ("éééé", "ASCII"),
        ("QUJDR", "a character is missing"),
        ("QQ==QQ==", "(?i)padding"),
        ("AA BB CC", "spaces within a line"),
        ("%2B%2B%2B%2B", "base64"),
        ("data:image/png;base64,????", "base64"),
    ],
)
def test_what_is_no_base64_is_refused_and_the_reason_said(text, says):
    with pytest.raises(ValueError, match=says):
        decode_base64(text)


@pytest.mark.parametrize("text", ["", "  ", "data:,", "data:image/png;base64,", "\r\n"])
def test_empty_text_names_no_bytes(text):
    assert decode_base64(text) == b""


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["\n", " \n", "%", "%2B", "=", "data:", "A\n", "- "])
def test_long_text_costs_some_passes_and_copies_at_most(unit):
    text = "data:;base64," + unit * (8_000_000 // len(unit))
    tracemalloc.start()
    began = time.process_time()
    try:
        decode_base64(text)
    except ValueError:
        pass
    finally:
        seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert seconds < 2
    assert peak < 5 * len(text)


def test_json_escapes_of_a_slash_are_its_slash():
    text = base64.b64encode(b"\xff" * 6).decode()
    assert decode_base64(json.loads('"' + text.replace("/", "\\/") + '"')) == b"\xff" * 6
