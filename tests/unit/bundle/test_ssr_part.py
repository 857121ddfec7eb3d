"""The SSR head of a bundle: what it is bound to, and what is refused."""

import gc
import json
from dataclasses import replace

import numpy as np
import pytest
from tiny_heads import head, log_density, with_head

from models.bundles.create import create_bundle
from models.bundles.derive import Change, derive_bundle
from service.bundle.anchors_part import Anchors
from service.bundle.bundle_manifest import CALIBRATION
from service.bundle.calibration_part import calibration_content
from service.bundle.head_part import head_contents
from service.bundle.reader import read_bundle, read_manifest
from service.bundle.ssr_part import SsrCard
from service.bundle.writer import array_content
from service.errors import BundleInvalid, HeadMismatch, MethodNotServed
from service.scoring.calibration import Calibrations, FmrCurve, MethodCalibration
from service.scoring.terms import PREDICTION
from service.snapshot.golden_check import check_golden
from service.snapshot.snapshot import load_snapshot
from service.snapshot.term_sources import open_sources


@pytest.fixture
def headed(tmp_path, bundle):
    """Return the folder of a bundle with a tiny head."""
    return with_head(tmp_path / "headed", bundle)


@pytest.fixture
def read(backbone_id):
    """Return a function that reads a bundle."""
    return lambda folder: read_bundle(folder, backbone_id=backbone_id)


@pytest.fixture
def load(backbone_id):
    """Return a function that loads a bundle's snapshot."""
    return lambda folder, **changes: load_snapshot(
        folder, backbone_id=backbone_id, device="cpu", generation=1, **changes
    )


def test_head_is_read_as_it_was_written(headed, read):
    found = read(headed)

    assert found.head.path.read_bytes() == head(16)
    assert (found.head.card.k, found.head.card.tau, found.head.card.guard) == (5, 2.0, None)
    assert found.head.card.anchors_digest == found.manifest.anchors_digest
    assert found.head.card.head_sha256 == found.manifest.parts["ssr"].sha256


def test_bundle_without_a_head_has_none(bundle, read):
    assert read(bundle).head is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"anchors_digest": "f" * 16}, "anchors_digest f{16}, not "),
        ({"backbone_id": "f" * 16}, "backbone_id f{16}, not "),
        ({"pipeline_id": "f" * 16}, "pipeline_id f{16}, not "),
        ({"k": 6}, "k 6, not 5"),
        ({"tau": 1.0}, r"tau 1\.0, not 2\.0"),
        ({"guard": 0.9}, r"guard 0\.9, not None"),
        ({"k": 6, "tau": 1.0}, r"k 6, not 5; tau 1\.0"),
    ],
)
def test_head_trained_for_something_else_is_refused_naming_what_differs(tmp_path, bundle, read, changed, told):
    folder = with_head(tmp_path / "other", bundle, **changed)

    with pytest.raises(HeadMismatch, match=rf"another bundle: .*{told}.*ssr train"):
        read(folder)


def test_head_that_its_card_does_not_name_is_refused(headed, read, replace_part):
    replace_part(headed, "ssr", head(16, bias=-1.0))

    with pytest.raises(HeadMismatch, match="sha256"):
        read(headed)


def test_writing_a_head_with_the_card_of_another_is_refused(bundle):
    card = SsrCard.of(head(16), read_manifest(bundle), target="f", report={})

    with pytest.raises(HeadMismatch):
        head_contents(head(16, bias=-1.0), card)


@pytest.mark.parametrize("part", ["ssr", "ssr_card"])
def test_head_and_card_come_together(headed, read, rewrite_manifest, part):
    rewrite_manifest(headed, lambda document: document["parts"].pop(part))

    with pytest.raises(BundleInvalid, match="only one of the parts"):
        read(headed)


def test_card_that_cannot_be_read_is_refused_by_its_field(headed, read, replace_part):
    card = json.loads((headed / "ssr.json").read_bytes())
    replace_part(headed, "ssr_card", json.dumps({**card, "k": "five"}).encode())

    with pytest.raises(BundleInvalid, match="k: "):
        read(headed)


def test_damaged_training_embeddings_are_refused(tmp_path, bundle, read):
    source = read(bundle)
    change = Change(
        source.manifest.parameters, "ida-r", {"training": array_content("training.npy", np.zeros((3, 16)))}, "a test"
    )
    derive_bundle(tmp_path / "t", bundle, source, open_sources(source, device="cpu", threads=1), change)
    read(tmp_path / "t")
    path = tmp_path / "t" / "training.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(BundleInvalid, match=r"training\.npy"):
        read(tmp_path / "t")


def test_head_of_another_shape_is_found_when_the_bundle_is_loaded(tmp_path, bundle, load):
    folder = with_head(tmp_path / "narrow", bundle, head(8))

    with pytest.raises(BundleInvalid, match="SSR head does not give what it should"):
        load(folder)


def test_head_that_is_no_network_is_found_when_the_bundle_is_loaded(tmp_path, bundle, load):
    folder = with_head(tmp_path / "text", bundle, b"not a network")

    with pytest.raises(BundleInvalid, match="head cannot be loaded"):
        load(folder)


def test_terms_of_a_prediction_are_the_heads_densities(headed, load, unit_rows):
    faces = unit_rows(9)

    assert load(headed).terms(faces, (PREDICTION,))["log_density"] == pytest.approx(log_density(faces), abs=1e-6)


@pytest.mark.parametrize("search", [True, False])
def test_golden_check_covers_the_head(headed, load, embed, search):
    snapshot = load(headed, search=search)

    report = check_golden(snapshot, embed)

    assert report.passed
    assert report.score_drift["ida-l"] == pytest.approx(0.0, abs=1e-6)
    assert set(report.score_drift) == set(snapshot.methods)


@pytest.mark.slow
@pytest.mark.parametrize("search", [True, False])
def test_loaded_snapshot_keeps_no_anchors_beside_an_index(headed, load, search):
    snapshot = load(headed, search=search)

    gc.collect()
    own = [
        kept
        for kept in gc.get_objects()
        if isinstance(kept, Anchors) and kept.anchors_digest == snapshot.manifest.anchors_digest
    ]
    assert own == []


def test_golden_check_of_a_head_that_drifted_fails(tmp_path, headed, load, embed, replace_part):
    other = head(16, bias=-2.0)
    replace_part(headed, "ssr", other)
    card = json.loads((headed / "ssr.json").read_bytes())
    drifted = SsrCard.of(other, read_manifest(headed), target="log-f", report={})
    replace_part(headed, "ssr_card", json.dumps({**card, "head_sha256": drifted.head_sha256}).encode())

    report = check_golden(load(headed), embed)

    assert not report.passed
    assert report.score_drift["ida-r"] < 1e-3 < report.score_drift["ida-l"]
    assert "ida-l" in report.drifted
    assert "ida-r" not in report.drifted
    # Where the settings keep ida-l from being served, its scores are nobody's.
    elsewhere = load(headed, k=9)
    assert "ida-l" in elsewhere.not_served
    assert check_golden(elsewhere, embed).passed


def test_golden_check_speaks_of_the_bundles_parameters_with_a_head_too(headed, load, embed):
    snapshot = load(headed, k=9)

    assert "ida-l" in snapshot.not_served
    assert check_golden(snapshot, embed).passed


def test_deriving_with_parameters_of_no_head_is_refused_and_leaving_it_out_is_not(tmp_path, headed, read):
    source = read(headed)
    changed = source.manifest.parameters.changed(tau=3.0)
    bare = replace(source, head=None)

    with pytest.raises(HeadMismatch, match="trained for k = 5, tau = 2 without a guard"):
        derive_bundle(
            tmp_path / "no",
            headed,
            source,
            open_sources(source, device="cpu", threads=1),
            Change(changed, "ida-r", {}, "a test"),
        )
    derive_bundle(
        tmp_path / "yes",
        headed,
        bare,
        open_sources(bare, device="cpu", threads=1),
        Change(changed, "ida-r", {}, "a test", frozenset({"ssr", "ssr_card"})),
    )

    assert not (tmp_path / "no").exists()
    assert read(tmp_path / "yes").head is None
    assert not (tmp_path / "yes" / "ssr.onnx").exists()


def test_strength_may_change_with_the_head_kept(tmp_path, headed, read):
    source = read(headed)
    changed = source.manifest.parameters.changed(strength=0.25)

    derive_bundle(
        tmp_path / "d",
        headed,
        source,
        open_sources(source, device="cpu", threads=1),
        Change(changed, "ida-l", {}, "a test"),
    )

    assert read(tmp_path / "d").manifest.parts["ssr"] == source.manifest.parts["ssr"]
    assert read(tmp_path / "d").manifest.default_method == "ida-l"


def test_default_method_whose_head_is_missing_is_the_bundles_fault_though_another_head_is_there(tmp_path, bundle, load):
    with pytest.raises(BundleInvalid, match=r"default_method is pfe, and .*no PFE head"):
        load(with_head(tmp_path / "by pfe", bundle, default_method="pfe"))


def test_new_bundle_with_ida_l_as_default_is_refused(tmp_path, stored, facts, embed):
    with pytest.raises(MethodNotServed, match="train a head"):
        create_bundle(tmp_path / "b", stored, replace(facts, default_method="ida-l"), embed)


def test_asking_sources_for_what_they_lack_is_refused(bundle, read, unit_rows):
    searched = open_sources(read(bundle), device="cpu", threads=1)
    parameters = read(bundle).manifest.parameters

    with pytest.raises(MethodNotServed, match="ssr train"):
        searched.terms(unit_rows(2), (PREDICTION,), parameters)
    with pytest.raises(MethodNotServed, match="ida-l cannot be computed: the anchor set has no SSR head"):
        searched.require(["ida-r", "ida-l"])
    unsearched = open_sources(read(bundle), device="cpu", threads=1, search=False)
    with pytest.raises(MethodNotServed, match="IDA_ANCHOR_SEARCH=off"):
        unsearched.support(unit_rows(2), 5, None)
    with pytest.raises(MethodNotServed, match="ida-r cannot be computed"):
        unsearched.require(["ida-r"])


def calibrations(parameters):
    curve = FmrCurve(
        np.array([-3.0, 1.0]), np.array([0.0, -5.0]), np.array([0.0, -6.0]), np.array([0.0, -4.0]), shown_down_to=1e-3
    )
    return Calibrations(
        "people", tuple(MethodCalibration(name, parameters, "photo", curve, ()) for name in ("ida-r", "ida-l"))
    )


def test_calibration_of_ida_l_holds_for_its_head_alone(tmp_path, headed, read, load):
    source = read(headed)
    parameters = source.manifest.parameters
    content = calibration_content(calibrations(parameters), source.manifest)
    sources = open_sources(source, device="cpu", threads=1)
    derive_bundle(
        tmp_path / "c", headed, source, sources, Change(parameters, "ida-r", {CALIBRATION: content}, "a test")
    )
    other = with_head(tmp_path / "other head", tmp_path / "c", head(16, bias=-1.0))

    same, changed = load(tmp_path / "c"), load(other)

    photos = ("photo", "photo")
    assert isinstance(same.calibration("ida-l", photos), MethodCalibration)
    assert "another head" in changed.calibration("ida-l", photos)
    assert isinstance(changed.calibration("ida-r", photos), MethodCalibration)
