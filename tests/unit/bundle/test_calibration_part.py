"""The part of a bundle that says what its scores mean, and bundles made from other bundles."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from models.bundles.derive import Change, derive_bundle
from service.bundle.calibration_part import calibration_content, parse_calibrations
from service.bundle.reader import read_bundle, read_manifest
from service.errors import BundleExists, BundleInvalid, UnknownMethod
from service.scoring.calibration import (
    Calibrations,
    MethodCalibration,
    OperatingPoint,
    TemplateCalibration,
)
from service.scoring.fmr_curve import FmrCurve
from service.scoring.llr_interval import LlrLine
from service.scoring.methods import methods_of
from service.scoring.parameters import Parameters
from service.scoring.population import MeasureLimit, PopulationLimits
from service.scoring.strata import Strata, Stratum, pairs_of_bands
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.snapshot.golden_check import check_golden
from service.snapshot.snapshot import load_snapshot

CHOSEN = Parameters(k=7, tau=20.0, strength=0.3)
PIPELINE_ID = "0a0b0c0d0e0f0a0b"


def calibrations():
    curve = FmrCurve(
        scores=np.array([0.1, 0.30000000000000004, 2 / 3]),
        log10_fmr=np.array([0.0, -2.1, -9.0]),
        log10_low=np.array([0.0, -2.5, -10.0]),
        log10_high=np.array([0.0, -1.5, -8.0]),
        shown_down_to=3e-6,
    )
    point = OperatingPoint("fmr_1e-2", 1e-2, 1 / 3, "measured", 1e-3, 2e-2, 0.1, 0.0, 0.2, 100, 10_000, 300, 30, 435)
    methods = tuple(
        MethodCalibration(name, CHOSEN, "photo", curve, (point,)) for name in methods_of(TermFinder.provides)
    )
    return Calibrations(
        "people made up",
        methods,
        PIPELINE_ID,
        templates=tuple(TemplateCalibration(size, method) for size in (2, 8) for method in methods),
        limits={
            "photo": PopulationLimits(
                7,
                20.0,
                None,
                {
                    "norm": MeasureLimit(2.25, 0.01, {"0.01": 2.25, "0.5": 3.5}, 420),
                    "crowding": MeasureLimit(None, 0.0, {"0.5": 0.25}, 420),
                },
            )
        },
    )


@pytest.fixture
def derived(tmp_path, bundle, backbone_id):
    """Return a bundle derived from another with new parameters and calibrations."""
    source = read_bundle(bundle, backbone_id=backbone_id)
    finder = TermFinder(source.anchors, FaissSearch(source.anchors))
    content = calibration_content(calibrations(), source.manifest)
    change = Change(CHOSEN, "cosine", {"calibration": content}, "a test")
    derive_bundle(tmp_path / "derived", bundle, source, finder, change)
    return tmp_path / "derived"


def test_calibrations_are_read_as_they_were_written(derived, backbone_id):
    read = read_bundle(derived, backbone_id=backbone_id).calibrations

    assert read is not None
    assert (read.population, read.pipeline_id) == ("people made up", PIPELINE_ID)
    for found, written in zip(read.methods, calibrations().methods, strict=True):
        assert (found.method, found.parameters, found.input_form, found.points) == (
            written.method,
            written.parameters,
            written.input_form,
            written.points,
        )
        for name in ("scores", "log10_fmr", "log10_low", "log10_high"):
            assert np.array_equal(getattr(found.curve, name), getattr(written.curve, name))


def written(found, manifest):
    """The bytes of a part with calibrations."""
    part = io.BytesIO()
    calibration_content(found, manifest).write(part)
    return part.getvalue()


LLR = LlrLine(0.1, 0.9, 0.01, 0.0004, -0.0002, 0.3)


def conditional():
    """Calibrations with two bands of norms, and a spread between sets."""
    whole = calibrations()
    strata = {
        bands: Stratum(
            bands, replace(whole.methods[0].curve, between_sets=0.25), 1000 + number, 50, LLR if number else None
        )
        for number, bands in enumerate(pairs_of_bands(2))
    }
    return replace(
        whole, methods=tuple(replace(found, strata=Strata((9.5,), strata), llr=LLR) for found in whole.methods)
    )


def test_strata_are_read_as_they_were_written(bundle):
    manifest = read_manifest(bundle)

    read = parse_calibrations(written(conditional(), manifest), manifest)

    for found, expected_of in zip(read.methods, conditional().methods, strict=True):
        assert found.strata.cuts == (9.5,)
        assert found.llr == LLR
        assert [stratum.llr for stratum in found.strata.strata.values()] == [None, LLR, LLR]
        assert list(found.strata.strata) == list(expected_of.strata.strata)
        for bands, stratum in found.strata.strata.items():
            expected = expected_of.strata.strata[bands]
            assert (stratum.pairs, stratum.people, stratum.curve.between_sets) == (expected.pairs, 50, 0.25)
            assert np.array_equal(stratum.curve.scores, expected.curve.scores)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda strata: strata["strata"].pop(),
        lambda strata: strata["strata"].reverse(),
        lambda strata: strata["cuts"].append(9.0),
        lambda strata: strata["strata"][0]["curve"].update(between_sets=-1.0),
    ],
)
def test_strata_that_cannot_hold_are_refused(bundle, spoil):
    manifest = read_manifest(bundle)
    document = json.loads(written(conditional(), manifest))
    spoil(document["methods"][0]["strata"])

    with pytest.raises(BundleInvalid, match="strata"):
        parse_calibrations(json.dumps(document).encode(), manifest)


def test_calibration_of_a_version_without_strata_is_read_as_one_stratum(bundle):
    manifest = read_manifest(bundle)
    document = json.loads(written(calibrations(), manifest))
    for found in document["methods"]:
        del found["strata"], found["curve"]["between_sets"]

    read = parse_calibrations(json.dumps(document).encode(), manifest)

    found = read.methods[0]
    assert found.strata is None
    assert found.fmr_at_score(0.5, (9.0, 12.0)) == found.fmr_at_score(0.5)
    assert found.fmr_at_score(0.5).between_sets is None


def test_calibrations_of_several_pictures_are_read_as_they_were_written(derived, backbone_id):
    read = read_bundle(derived, backbone_id=backbone_id).calibrations
    written = calibrations()
    assert [found.pictures for found in read.templates] == [found.pictures for found in written.templates]
    for found, made in zip(read.templates, written.templates, strict=True):
        assert (found.calibration.method, found.calibration.points) == (
            made.calibration.method,
            made.calibration.points,
        )
        assert np.array_equal(found.calibration.curve.scores, made.calibration.curve.scores)


def test_calibration_of_a_version_without_templates_is_read_and_has_none(derived, backbone_id, replace_part):
    content = json.loads((derived / "calibration.json").read_text())
    del content["templates"]
    replace_part(derived, "calibration", json.dumps(content).encode())
    read = read_bundle(derived, backbone_id=backbone_id).calibrations
    assert read.templates == ()
    assert read.template_size(2) is None


def test_limits_are_read_as_they_were_written(derived, backbone_id):
    read = read_bundle(derived, backbone_id=backbone_id).calibrations

    assert dict(read.limits) == dict(calibrations().limits)
    in_force = read.limits_in_force("photo", CHOSEN, PIPELINE_ID)
    assert in_force.limits == {"norm": 2.25}
    assert in_force.missing == {
        **dict.fromkeys(("detection_score", "evenness_of_detail", "eye_light"), "the calibration has no limit of it"),
        "crowding": "it was calibrated without a limit of it",
    }
    assert "not for crops" in read.limits_in_force("crop", CHOSEN).missing["norm"]
    assert "pipeline" in read.limits_in_force("photo", CHOSEN, "f" * 16).missing["norm"]


def test_calibration_of_a_version_without_limits_is_read_and_has_none(derived, backbone_id, replace_part):
    document = json.loads((derived / "calibration.json").read_bytes())
    del document["limits"]
    replace_part(derived, "calibration", json.dumps(document).encode())

    read = read_bundle(derived, backbone_id=backbone_id).calibrations

    assert read.limits == {}
    assert "ida-verify calibrate" in read.limits_in_force("photo", CHOSEN).missing["norm"]


def test_derived_bundle_shares_the_unchanged_parts_and_leaves_the_other_alone(bundle, derived):
    before, after = read_manifest(bundle), read_manifest(derived)

    assert after.parameters == CHOSEN
    assert (after.default_method, after.created_by) == ("cosine", "a test")
    for name in ("embeddings", "golden_pairs", "golden_crop"):
        assert after.parts[name] == before.parts[name]
    assert after.parts["golden_scores"] != before.parts["golden_scores"]
    assert set(after.parts) - set(before.parts) == {"calibration"}
    assert after.provenance == before.provenance
    assert read_manifest(bundle).parameters == before.parameters


def test_derived_bundle_passes_the_golden_check_at_its_new_parameters(derived, backbone_id, embed):
    snapshot = load_snapshot(derived, backbone_id=backbone_id, device="cpu", generation=1)

    assert snapshot.parameters == CHOSEN
    assert check_golden(snapshot, embed).passed


def test_snapshot_tells_the_calibration_in_force_or_why_there_is_none(bundle, derived, backbone_id):
    calibrated = load_snapshot(derived, backbone_id=backbone_id, device="cpu", generation=1)
    changed = load_snapshot(derived, backbone_id=backbone_id, device="cpu", generation=1, tau=3.0)
    never = load_snapshot(bundle, backbone_id=backbone_id, device="cpu", generation=1)

    assert isinstance(calibrated.calibration("ida-r", ("photo", "photo"), PIPELINE_ID), MethodCalibration)
    assert "parameters" in changed.calibration("ida-r", ("photo", "photo"), PIPELINE_ID)
    assert "pipeline" in calibrated.calibration("ida-r", ("photo", "photo"), "f" * 16)
    assert "not calibrated" in never.calibration("ida-r", ("photo", "photo"), PIPELINE_ID)


def test_deriving_over_something_or_with_an_unknown_method_is_refused(tmp_path, bundle, backbone_id):
    source = read_bundle(bundle, backbone_id=backbone_id)
    finder = TermFinder(source.anchors, FaissSearch(source.anchors))

    with pytest.raises(BundleExists):
        derive_bundle(bundle, bundle, source, finder, Change(CHOSEN, "cosine", {}, "a test"))
    with pytest.raises(UnknownMethod):
        derive_bundle(tmp_path / "x", bundle, source, finder, Change(CHOSEN, "euclid", {}, "a test"))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda document: document.update(anchors_digest="f" * 16), "other anchors"),
        (lambda document: document.update(format=2), "format"),
        (lambda document: document["methods"][0].update(method="euclid"), "does not know: euclid"),
        (lambda document: document["methods"][0]["curve"]["scores"].reverse(), "must increase"),
        (lambda document: document["methods"][0]["curve"].update(log10_fmr=[0.0, -2.0]), "both ends"),
        (lambda document: document["methods"][0]["curve"].update(log10_fmr=[0.0, -2.0, -2.0]), "rates decrease"),
        (lambda document: document["methods"][0]["points"][0].update(fmr=0.0), "fmr"),
        (lambda document: document["methods"][0]["points"][0].pop("threshold"), "threshold"),
        (lambda document: document.update(methods=[]), "methods"),
        (lambda document: document["limits"]["photo"]["measures"].update(hair={}), "limits.photo.measures.hair"),
        (
            lambda document: document["limits"]["photo"].update(
                measures={"hair": document["limits"]["photo"]["measures"]["norm"]}
            ),
            "measures that this version does not know: hair",
        ),
        (lambda document: document["limits"].update(video=document["limits"]["photo"]), "limits.video"),
        (lambda document: document["limits"]["photo"]["measures"]["norm"].update(limit="2"), "norm.limit"),
    ],
)
def test_calibrations_that_cannot_hold_are_refused(derived, backbone_id, replace_part, spoil, reason):
    document = json.loads((derived / "calibration.json").read_bytes())
    spoil(document)
    replace_part(derived, "calibration", json.dumps(document).encode())

    with pytest.raises(BundleInvalid, match=reason):
        read_bundle(derived, backbone_id=backbone_id)


def test_guarded_bundle_keeps_its_guard(tmp_path, bundle, backbone_id):
    source = read_bundle(bundle, backbone_id=backbone_id)
    finder = TermFinder(source.anchors, FaissSearch(source.anchors))
    guarded = CHOSEN.changed(guard=0.95, cohort=20)

    derive_bundle(tmp_path / "g", bundle, source, finder, Change(guarded, "ida-r", {}, "a test"))

    assert load_snapshot(tmp_path / "g", backbone_id=backbone_id, device="cpu", generation=1).parameters == guarded
