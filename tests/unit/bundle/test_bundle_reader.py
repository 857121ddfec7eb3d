"""Reading a bundle: a good one, and one broken in each way."""

import io
import json

import numpy as np
import pytest

from models.bundles.create import create_bundle
from service.bundle.bundle_manifest import MANIFEST_NAME
from service.bundle.reader import read_bundle
from service.errors import BundleInvalid, BundleMismatch
from service.scoring.methods import METHODS


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_read_bundle_gives_back_what_was_written(tmp_path, unit_rows, facts, embed, backbone_id, dtype):
    embeddings = unit_rows(40)
    create_bundle(tmp_path / "b", embeddings.astype(dtype), facts, embed)

    read = read_bundle(tmp_path / "b", backbone_id=backbone_id)

    assert read.anchors.embeddings.dtype == np.float32
    assert np.max(np.abs(read.anchors.embeddings - embeddings)) < 1e-3
    assert np.linalg.norm(read.anchors.embeddings, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert read.anchors.anchors_digest == read.manifest.anchors_digest
    assert read.golden.probes.shape == read.golden.references.shape == (16, 16)
    assert set(read.golden.scores) == set(METHODS) - {"ida-l", "pfe", "pfe+ida-r", "ida-q", "ida-ql"}


def test_read_bundle_made_for_another_backbone_is_refused(bundle, backbone_id):
    with pytest.raises(BundleMismatch, match=f"{backbone_id}.*0123456789abcdef.*anchors build"):
        read_bundle(bundle, backbone_id="0123456789abcdef")


def test_read_bundle_that_is_not_there_says_what_to_do(tmp_path, backbone_id):
    with pytest.raises(BundleInvalid, match=r"no bundle in.*anchors build.*IDA_BUNDLE"):
        read_bundle(tmp_path / "nowhere", backbone_id=backbone_id)


@pytest.mark.parametrize("file", ["embeddings.npy", "golden_pairs.npy", "golden_scores.json", "golden_crop.npy"])
@pytest.mark.parametrize("damage", ["missing", "one bit", "cut short", "longer"])
def test_read_bundle_with_a_damaged_part_is_refused_by_its_name(bundle, backbone_id, file, damage):
    path = bundle / file
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "one bit":
        content[-2] ^= 1
        path.write_bytes(content)
    elif damage == "cut short":
        path.write_bytes(content[:-2])
    elif damage == "longer":
        path.write_bytes(content + b"\0")

    with pytest.raises(BundleInvalid, match=rf"^{file} of the bundle"):
        read_bundle(bundle, backbone_id=backbone_id)


def with_nan(stored):
    stored[7, 2] = np.nan
    return stored


def with_a_long_row(stored):
    stored[7] *= 1.01
    return stored


def with_a_zero_row(stored):
    stored[7] = 0
    return stored


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_nan, "not finite"),
        (with_a_long_row, "not of unit norm"),
        (with_a_zero_row, "not of unit norm"),
        (lambda stored: stored[:-1], r"float16 \(59, 16\), not \(60, 16\)"),
        (lambda stored: stored.reshape(30, 32), r"not \(60, 16\)"),
        (lambda stored: stored.astype(np.float64), "float64"),
        (np.asfortranarray, "memory layout"),
        (lambda stored: stored.astype(">f2"), "memory layout"),
        (lambda stored: np.array([["a"]], dtype=object), r"is no \.npy array|not"),
        (lambda stored: np.ascontiguousarray(stored[::-1]), "have the digest"),
    ],
    ids=["nan", "long", "zero", "fewer", "reshaped", "float64", "fortran", "big-endian", "object", "reordered"],
)
def test_read_bundle_with_wrong_embeddings_is_refused(bundle, backbone_id, stored, replace_part, change, reason):
    replace_part(bundle, "embeddings", npy(change(stored.copy())))

    with pytest.raises(BundleInvalid, match=reason):
        read_bundle(bundle, backbone_id=backbone_id)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 an archive", b"\x93NUMPY\x01\x00\xff\xff{"])
def test_read_bundle_with_a_part_that_is_no_array_is_refused(bundle, backbone_id, replace_part, content):
    replace_part(bundle, "embeddings", content)

    with pytest.raises(BundleInvalid, match=r"is no \.npy array"):
        read_bundle(bundle, backbone_id=backbone_id)


def test_read_bundle_whose_array_claims_more_than_the_file_has_is_refused(
    bundle, backbone_id, stored, replace_part, rewrite_manifest
):
    # A header of 4 TiB over 60 rows: refused by arithmetic, before any memory is asked for.
    huge = 1 << 37
    content = npy(stored).replace(b"'shape': (60, 16), }          ", f"'shape': ({huge}, 16), }}".encode().ljust(30))
    replace_part(bundle, "embeddings", content)
    rewrite_manifest(bundle, lambda document: document.update(count=huge))

    with pytest.raises(BundleInvalid, match="cut short"):
        read_bundle(bundle, backbone_id=backbone_id)


def test_read_bundle_with_an_unknown_default_method_is_refused(bundle, backbone_id, rewrite_manifest):
    rewrite_manifest(bundle, lambda document: document.update(default_method="euclid"))

    with pytest.raises(BundleInvalid, match=r"default_method.*euclid.*cosine, ida-r"):
        read_bundle(bundle, backbone_id=backbone_id)


def test_read_bundle_with_parameters_other_than_its_golden_scores_is_refused(bundle, backbone_id, rewrite_manifest):
    rewrite_manifest(bundle, lambda document: document.update(tau=3.0))

    with pytest.raises(BundleInvalid, match="other anchors or parameters"):
        read_bundle(bundle, backbone_id=backbone_id)


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ({}, "scores"),
        ({"cosine": [0.1], "ida-r": [0.1, 0.2]}, "same pairs"),
        ({"cosine": []}, "same pairs"),
        ({"cosine": ["much"]}, "scores.cosine"),
        ({"euclid": [0.5] * 16}, "does not know: euclid"),
    ],
)
def test_read_bundle_with_wrong_golden_scores_is_refused(bundle, backbone_id, replace_part, scores, reason):
    document = json.loads((bundle / "golden_scores.json").read_bytes())
    document["scores"] = scores
    replace_part(bundle, "golden_scores", json.dumps(document).encode())

    with pytest.raises(BundleInvalid, match=reason):
        read_bundle(bundle, backbone_id=backbone_id)


def test_read_bundle_with_an_endless_manifest_is_refused(bundle, backbone_id):
    with (bundle / MANIFEST_NAME).open("r+b") as stream:
        stream.truncate(17 * 1024 * 1024)

    with pytest.raises(BundleInvalid, match="more than"):
        read_bundle(bundle, backbone_id=backbone_id)
