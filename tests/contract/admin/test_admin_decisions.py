"""Activation keeps what requests get: sound thresholds, decisions, methods; unless an administrator allows it."""

import logging
import re

import pytest
from administering import ALICE, activate, history, roll_back, upload
from calibrated_bundles import CURVE, SOUND, calibrated, point
from fakes import fake_pipeline, picture, serving
from tiny_heads import with_head

from service.bundle.reader import read_bundle_id
from service.errors import CalibrationInconsistent
from service.scoring.population import MeasureLimit, PopulationLimits
from service.store.archive import pack_bundle
from service.store.bundle_store import open_store
from service.store.records import Activation

FORBIDDEN = {"allow_uncalibrated": False}


@pytest.fixture
def bundle(tmp_path, bundle):
    """What is served at first: calibrated for the cosine at two operating points."""
    calibrated(tmp_path / "calibrated", bundle)
    return tmp_path / "calibrated"


@pytest.fixture
def send(client, tmp_path, made, settings):
    """Upload a bundle with some calibration: send(seed, ...) -> bundle_id."""
    pipeline = fake_pipeline(settings)

    def make(seed, **options):
        made(seed, pipeline_id=pipeline.pipeline_id)
        folder, archive = tmp_path / f"calibrated-{seed}", tmp_path / f"calibrated-{seed}.tar"
        bundle_id = calibrated(folder, tmp_path / f"made-{seed}", **options)
        pack_bundle(folder, archive)
        assert upload(client, bundle_id, archive.read_bytes()).status_code == 201
        return bundle_id

    return make


def verify(client, **form):
    files = {"probe": picture(seed=1), "reference": picture(seed=2)}
    return client.post("/verify", files=files, data={"method": "cosine", "operating_point": "fmr_1e-2", **form}).json()


def refused(client, bundle_id, code, **document):
    answer = activate(client, bundle_id, **document)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert client.get("/readyz").json()["generation"] == 0
    assert history(client) == []
    return answer.json()["detail"]


def test_sound_calibration_is_activated_and_decides(client, send):
    answer = activate(client, send(1), **FORBIDDEN)
    assert answer.status_code == 200, answer.text
    details = {check["name"]: check["detail"] for check in answer.json()["checks"]}
    assert details["thresholds"].startswith("2 operating points")
    assert verify(client)["decision"] is not None


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize(
    ("points", "words"),
    [
        ((point("fmr_1e-2", 1e-2, -1000.0), point("fmr_1e-3", 1e-3, -1000.0)), "-1000, where the curve has 1"),
        ((point("fmr_1e-2", 1e-2, CURVE.score_of(1e-2) - 0.01), SOUND[1]), "fmr_1e-2"),
        ((SOUND[0], point("fmr_1e-3", 1.0)), "fmr_1e-3 .* states a false-match rate of 1"),
        ((SOUND[0], SOUND[0]), "there twice"),
    ],
)
def test_thresholds_that_contradict_their_curve_are_refused_whatever_is_allowed(
    client, send, dry_run, allow, points, words
):
    detail = refused(
        client, send(1, points=points), "calibration_inconsistent", dry_run=dry_run, allow_uncalibrated=allow
    )
    assert re.search(words, detail), detail


@pytest.mark.parametrize("dry_run", [False, True])
def test_bundle_without_a_calibration_is_refused_unless_it_is_allowed(client, made, dry_run):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    assert "was not calibrated" in refused(client, bundle_id, "bundle_uncalibrated", dry_run=dry_run, **FORBIDDEN)
    answer = activate(client, bundle_id, allow_uncalibrated=True)
    assert answer.status_code == 200
    assert "was not calibrated" in next(c["detail"] for c in answer.json()["checks"] if c["name"] == "decisions")
    assert verify(client, operating_point="")["decision"] is None


def test_bundle_that_was_calibrated_for_another_pipeline_is_refused_unless_it_is_allowed(client, send):
    bundle_id = send(1, pipeline_id="0a0b0c0d0e0f0a0b")
    detail = refused(client, bundle_id, "bundle_uncalibrated", **FORBIDDEN)
    assert "0a0b0c0d0e0f0a0b" in detail
    assert activate(client, bundle_id).status_code == 200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"points": SOUND[:1]}, "cosine decides on two photos at fmr_1e-3"),
        ({"form": "crop"}, "cosine decides on two photos at fmr_1e-2, fmr_1e-3"),
        ({"default_method": "ida-r"}, "requests that name no method would get ida-r, without decisions on two photos"),
    ],
)
def test_bundle_by_which_requests_would_lose_decisions_is_refused_unless_it_is_allowed(client, send, options, words):
    bundle_id = send(1, **options)
    assert words in refused(client, bundle_id, "bundle_uncalibrated", **FORBIDDEN)
    assert activate(client, bundle_id).status_code == 200


def test_what_is_active_may_be_asked_for_again_as_it_was_allowed_before(client, made):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    assert activate(client, bundle_id).status_code == 200
    answer = activate(client, bundle_id, **FORBIDDEN)
    assert (answer.status_code, answer.json()["changed"]) == (200, False)


def test_rollback_goes_to_what_was_allowed_and_asks_where_it_was_not(client, send, made, tmp_path):
    bare, content = made(5)
    upload(client, bare, content)
    sound, fewer = send(1), send(2, points=SOUND[:1])
    assert activate(client, fewer).status_code == 200
    assert activate(client, bare).status_code == 200
    assert activate(client, sound, **FORBIDDEN).status_code == 200
    assert roll_back(client).json()["current"] == bare
    # As of a version that did not ask, or of a replica with another pipeline.
    record = open_store(str(tmp_path / "store")).activation(4)
    open_store(str(tmp_path / "store")).append(
        record.model_copy(update={"generation": 5, "bundle_id": sound, "action": "activate", "restores": None})
    )
    (tmp_path / "store" / "activations" / "2.json").write_bytes(
        Activation(generation=2, bundle_id=bare, who="a", previous=fewer, allow_uncalibrated=False)
        .model_dump_json()
        .encode()
    )
    client.app_state["service"].follower.look()
    answer = roll_back(client, to_generation=2)
    assert (answer.status_code, answer.json()["code"]) == (422, "bundle_uncalibrated")
    assert roll_back(client, to_generation=2, allow_uncalibrated=True).status_code == 200


def test_head_of_another_pipeline_is_refused(client, made, tmp_path, settings):
    made(1, pipeline_id="0a0b0c0d0e0f0a0b")
    with_head(tmp_path / "with-head", tmp_path / "made-1")
    pack_bundle(tmp_path / "with-head", tmp_path / "with-head.tar")
    bundle_id = read_bundle_id(tmp_path / "with-head")
    assert upload(client, bundle_id, (tmp_path / "with-head.tar").read_bytes()).status_code == 201
    assert "0a0b0c0d0e0f0a0b" in refused(client, bundle_id, "head_mismatch")


def test_start_with_contradicting_thresholds_is_refused(tmp_path, settings, bundle, backbone_session):
    calibrated(tmp_path / "wrong", bundle, points=(point("fmr_1e-2", 1e-2, -1000.0),))
    with (
        pytest.raises(CalibrationInconsistent, match="fmr_1e-2"),
        serving(settings, tmp_path / "wrong", backbone_session),
    ):
        pass


def test_start_without_decisions_is_warned_of_and_serves(made, settings, tmp_path, backbone_session, caplog):
    made(1)
    with caplog.at_level(logging.WARNING), serving(settings, tmp_path / "made-1", backbone_session) as client:
        assert client.get("/readyz").status_code == 200
    assert "no request gets a decision" in caplog.text


def test_listing_and_history_say_what_was_allowed(client, made):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    activate(client, bundle_id)
    (record,) = client.get("/admin/activations", headers=ALICE).json()["activations"]
    assert (record["allow_uncalibrated"], record["restores"]) == (True, None)


LIMITS = PopulationLimits(10, 1.0, None, {"norm": MeasureLimit(limit=1.0, share=0.01, quantiles={}, faces=9)})


def test_anchor_set_that_judges_no_quality_any_more_is_refused_unless_it_may(client, send):
    with_limits, without = send(1, limits=LIMITS), send(2)
    assert activate(client, with_limits, **FORBIDDEN).status_code == 200

    answer = activate(client, without, **FORBIDDEN)

    assert (answer.status_code, answer.json()["code"]) == (422, "bundle_uncalibrated")
    assert "the norm of photos is judged, and would not be" in answer.json()["detail"]
    assert activate(client, without, allow_uncalibrated=True).status_code == 200


def test_start_with_an_anchor_set_that_judges_no_quality_says_so(client, caplog):
    assert "quality is not judged" in caplog.text or any(
        "quality is not judged" in record.getMessage() for record in caplog.get_records("setup")
    )
