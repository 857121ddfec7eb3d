"""Documents of a bundle that hold far too much are refused at once, and without memory in proportion."""

import json
import time
import tracemalloc

import pytest
from small_bundles import small_bundle

from service.bundle.bundle_manifest import parse_manifest
from service.bundle.calibration_part import parse_calibrations
from service.bundle.golden_pairs import parse_scores
from service.bundle.head_part import parse_card
from service.bundle.reader import read_bundle, read_manifest
from service.bundle.signature import parse_signature
from service.bundle.ssr_part import SsrCard
from service.errors import BundleInvalid, BundleNotTrusted

pytestmark = pytest.mark.slow

MEGABYTES = 7


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bounds") / "bundle"
    small_bundle(folder)
    return read_manifest(folder)


@pytest.fixture
def parsers(manifest, tmp_path):
    return {
        "manifest": lambda content: parse_manifest(content, tmp_path),
        "calibration": lambda content: parse_calibrations(content, manifest),
        "golden scores": lambda content: parse_scores(content, manifest),
        "card": lambda content: parse_card(SsrCard, content, manifest),
        "signature": parse_signature,
    }


def filled(start, piece, end):
    return (start + piece * (MEGABYTES * 1024 * 1024 // len(piece))).rstrip(b",") + end


def numbered(count, form):
    return b"{" + ",".join(form % number for number in range(count)).encode() + b"}"


# Made when they are asked for: that alone takes a second.
HOSTILE = {
    "empty objects": lambda: filled(b'{"methods": [', b"{},", b"]}"),
    "empty arrays": lambda: filled(b'{"methods": [', b"[],", b"]}"),
    "numbers": lambda: filled(b'{"scores": [', b"1,", b"]}"),
    "unknown keys": lambda: numbered(500_000, '"k%06d": 1'),
    "unknown keys within": lambda: b'{"parts": ' + numbered(500_000, '"k%06d": 1') + b"}",
    "deep": lambda: b"[" * (MEGABYTES * 1024 * 1024),
    "deep objects": lambda: b'{"a":' * (MEGABYTES * 1024 * 200),
}
# Within what is parsed: as many faults as there may be values.
WITHIN = {
    "unknown keys": lambda: numbered(90_000, '"k%06d": 1'),
    "unknown keys within": lambda: b'{"parts": ' + numbered(90_000, '"k%06d": 1') + b"}",
    "wrong points": lambda: b'{"format": 1, "methods": [' + b",".join([b"1"] * 90_000) + b"]}",
    "wrong scores": lambda: (
        b'{"format": 1, "methods": [{"curve": {"scores": [' + b",".join([b'""'] * 90_000) + b"]}}]}"
    ),
    "deep": lambda: b'{"provenance": ' + b"[" * 5000 + b"]" * 5000 + b"}",
}


def seconds_of(parse, content):
    """Return the least time of three refusals, this thread's own: what runs beside it does not count."""
    taken = []
    for _ in range(3):
        began = time.thread_time()
        with pytest.raises((BundleInvalid, BundleNotTrusted)) as failure:
            parse(content)
        taken.append(time.thread_time() - began)
        assert len(failure.value.message) < 2000
    return min(taken)


@pytest.mark.parametrize("kind", ["manifest", "calibration", "golden scores", "card", "signature"])
@pytest.mark.parametrize("content", HOSTILE)
def test_document_of_many_megabytes_is_refused_at_once(parsers, kind, content):
    parse, document = parsers[kind], HOSTILE[content]()
    assert seconds_of(parse, document) < 0.05
    tracemalloc.start()
    try:
        with pytest.raises((BundleInvalid, BundleNotTrusted)):
            parse(document)
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["manifest", "calibration", "golden scores", "card", "signature"])
@pytest.mark.parametrize("content", WITHIN)
def test_document_of_as_many_faults_as_are_parsed_gets_one_of_them_told(parsers, kind, content):
    assert seconds_of(parsers[kind], WITHIN[content]()) < 0.15


def test_provenance_may_count_the_images_of_thousands_of_folders(tmp_path):
    small_bundle(tmp_path / "bundle")
    document = json.loads((tmp_path / "bundle" / "manifest.json").read_bytes())
    document["provenance"]["sources"] = [
        {"folder": f"f{n}", "images": 1, "anchors": 1, "rejected": {}} for n in range(20_000)
    ]
    assert len(parse_manifest(json.dumps(document).encode(), tmp_path).provenance["sources"]) == 20_000


@pytest.mark.parametrize("name", ["manifest.json", "signature.json"])
def test_no_part_may_take_the_name_of_what_lies_beside_the_parts(tmp_path, name):
    small_bundle(tmp_path / "bundle")
    document = json.loads((tmp_path / "bundle" / "manifest.json").read_bytes())
    document["parts"]["extra"] = {**document["parts"]["embeddings"], "file": name}
    with pytest.raises(BundleInvalid, match="no part may be called"):
        parse_manifest(json.dumps(document).encode(), tmp_path)


def test_part_that_is_larger_than_any_document_is_not_read(tmp_path):
    small_bundle(tmp_path / "bundle")
    path = tmp_path / "bundle" / "manifest.json"
    document = json.loads(path.read_bytes())
    document["parts"]["golden_scores"]["bytes"] = 10**12
    path.write_text(json.dumps(document))
    with pytest.raises(BundleInvalid, match=r"golden_scores\.json .* at most"):
        read_bundle(tmp_path / "bundle", backbone_id="b" * 16)
