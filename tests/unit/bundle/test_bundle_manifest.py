"""The manifest: what it accepts, and its bytes."""

import json
from pathlib import Path

import pytest

from service.bundle.bundle_manifest import MANIFEST_NAME, bundle_id_of, canonical_json, parse_manifest
from service.errors import BundleInvalid
from service.scoring.parameters import Parameters

WHERE = Path("some/manifest.json")


@pytest.fixture
def document(bundle):
    """Return the manifest of a good bundle as plain JSON."""
    return json.loads((bundle / MANIFEST_NAME).read_bytes())


def test_manifest_of_a_good_bundle_is_read(document):
    manifest = parse_manifest(canonical_json(document), WHERE)

    assert manifest.count == 60
    assert manifest.dimension == 16
    assert manifest.parameters == Parameters(k=5, tau=2.0, strength=0.5)
    assert set(manifest.parts) == {"embeddings", "golden_pairs", "golden_scores", "golden_crop"}
    assert manifest.provenance["sources"] == [{"folder": "made up", "anchors": 60}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("anchors_digest", "short"),
        ("backbone_id", "NOT-HEXADECIMAL!"),
        ("count", 0),
        ("count", "60"),
        ("dimension", 1),
        ("k", 0),
        ("k", 61),
        ("k", 5.5),
        ("tau", 0.0),
        ("tau", 101.0),
        ("strength", -0.1),
        ("parts", []),
        ("surprise", True),
    ],
)
def test_manifest_with_a_wrong_field_is_refused_by_its_name(document, field, value):
    document[field] = value

    with pytest.raises(BundleInvalid, match=rf"some/manifest\.json is not the manifest.*\b{field}\b"):
        parse_manifest(canonical_json(document), WHERE)


@pytest.mark.parametrize("file", ["../outside.npy", "/etc/passwd", "folder/embeddings.npy", "", ".hidden", "a\\b"])
def test_manifest_with_a_part_outside_the_bundle_is_refused(document, file):
    document["parts"]["embeddings"]["file"] = file

    with pytest.raises(BundleInvalid, match=r"parts\.embeddings\.file"):
        parse_manifest(canonical_json(document), WHERE)


@pytest.mark.parametrize("name", ["embeddings", "golden_pairs", "golden_scores", "golden_crop"])
def test_manifest_without_a_needed_part_is_refused(document, name):
    del document["parts"][name]

    with pytest.raises(BundleInvalid, match=f"no part called {name}"):
        parse_manifest(canonical_json(document), WHERE)


def test_manifest_with_a_part_of_a_later_version_is_read(document):
    document["parts"]["operating_points"] = {**document["parts"]["golden_scores"], "file": "points.json"}

    assert "operating_points" in parse_manifest(canonical_json(document), WHERE).parts


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": 1}', b"null"])
def test_manifest_that_is_none_is_refused(content):
    with pytest.raises(BundleInvalid, match="is not the manifest of a bundle"):
        parse_manifest(content, WHERE)


def test_canonical_json_does_not_depend_on_the_order_of_keys():
    assert canonical_json({"b": 1, "a": [1.5, "ä"]}) == canonical_json({"a": [1.5, "ä"], "b": 1})
    assert canonical_json({"a": "ä"}).decode("utf-8") == '{\n  "a": "ä"\n}\n'


def test_canonical_json_of_a_value_that_json_lacks_is_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"a": float("nan")})


def test_bundle_id_of_known_bytes_never_changes():
    # The first 16 digits of sha256("abc"), as FIPS 180-2 gives it.
    assert bundle_id_of(b"abc") == "ba7816bf8f01cfea"
