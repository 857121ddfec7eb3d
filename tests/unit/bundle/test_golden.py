"""The golden check and its synthetic crop."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from service.bundle.anchors_part import Anchors
from service.bundle.reader import read_bundle
from service.scoring.parameters import Parameters
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.snapshot.golden_check import check_golden, make_golden
from service.snapshot.snapshot import load_snapshot
from service.snapshot.synthetic_crop import synthetic_crop
from service.snapshot.term_sources import TermSources


@pytest.fixture
def snapshot(bundle, backbone_id):
    """Return the snapshot of the bundle at its own parameters."""
    return load_snapshot(bundle, backbone_id=backbone_id, device="cpu", generation=1)


def test_check_golden_of_an_unchanged_service_passes(snapshot, embed):
    report = check_golden(snapshot, embed)

    assert report.passed
    assert report.pairs == 16
    assert report.score_drift == pytest.approx(dict.fromkeys(snapshot.methods, 0.0), abs=1e-5)
    assert report.crop_similarity == pytest.approx(1.0)
    assert report.as_dict()["golden_pairs"] == 16


def test_check_golden_speaks_of_the_bundles_parameters_whatever_the_settings_are(bundle, backbone_id, embed):
    snapshot = load_snapshot(bundle, backbone_id=backbone_id, device="cpu", generation=1, k=9, tau=50.0, strength=1.0)

    assert check_golden(snapshot, embed).passed


def test_check_golden_with_a_backbone_that_drifted_fails(snapshot, embed):
    def drifted(crops):
        rows = embed(crops)
        rows[:, 0] += 0.1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    report = check_golden(snapshot, drifted)

    assert not report.passed
    assert report.crop_similarity < 0.999
    assert report.score_drift == pytest.approx(dict.fromkeys(snapshot.methods, 0.0), abs=1e-5)


def test_check_golden_with_anchors_that_drifted_fails(snapshot, embed, unit_rows):
    other = Anchors.from_stored(unit_rows(60), snapshot.manifest.backbone_id)
    sources = TermSources(TermFinder(other, FaissSearch(other)))

    report = check_golden(replace(snapshot, sources=sources), embed)

    assert not report.passed
    assert report.score_drift["ida-r"] > 1e-2
    assert report.score_drift["cosine"] == pytest.approx(0.0, abs=1e-6)


def test_make_golden_pairs_different_anchors_and_reaches_high_similarities(bundle, backbone_id, embed):
    anchors = read_bundle(bundle, backbone_id=backbone_id).anchors

    golden = make_golden(anchors, FaissSearch(anchors), embed, parameters=Parameters(k=5), seed=4)

    similarities = np.einsum("gd,gd->g", golden.probes, golden.references)
    assert similarities.max() < 1.0 - 1e-3
    assert np.mean(similarities[0::2]) > np.mean(similarities[1::2])
    assert golden.scores["cosine"] == pytest.approx(similarities, abs=1e-6)


@pytest.mark.parametrize(("anchors", "pairs"), [(2, 1), (3, 1), (31, 15), (60, 16)])
def test_make_golden_of_few_anchors_makes_fewer_pairs(unit_rows, embed, anchors, pairs):
    few = Anchors.from_stored(unit_rows(anchors), "backbone")

    golden = make_golden(few, FaissSearch(few), embed, parameters=Parameters(k=2), seed=0)

    assert golden.probes.shape == (pairs, 16)
    assert np.all(np.einsum("gd,gd->g", golden.probes, golden.references) < 1.0 - 1e-3)


def test_synthetic_crop_is_the_same_on_every_machine():
    crop = synthetic_crop()

    assert crop.shape == (112, 112, 3)
    assert crop.dtype == np.uint8
    # Stored embeddings in every bundle belong to exactly these bytes.
    assert hashlib.sha256(crop.tobytes()).hexdigest() == (
        "b20c7f716d8e8fe8a32d4b971e23974305b2b81f4a41efc2aaaf7cd7968fe06b"
    )


def test_synthetic_crop_tells_mirror_and_colour_order_apart():
    crop = synthetic_crop().astype(int)

    assert np.mean(np.abs(crop - crop[:, ::-1])) > 10
    assert np.mean(np.abs(crop - crop[..., ::-1])) > 10
