"""The audit log over HTTP: who was told what of which inputs; no answer without a line; no pixel and no embedding."""

import base64
import hashlib
import hmac
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from fakes import picture, serving

from models.calibration.pair_lines import read_pairs_logged
from service.api import audit
from service.api.access.key_file import digest_of
from service.app import create_app
from service.errors import SettingsInvalid
from service.scoring.calibration import Calibrations, FmrCurve, MethodCalibration
from service.scoring.parameters import Parameters
from service.scoring.population import population_limits
from service.telemetry.audit_sink import TurnedFile

SECRET = "a-secret-of-the-operators-0123456789"
ONE, TWO = picture(seed=1), picture(seed=2)
FILES = {"probe": ("a.png", ONE), "reference": ("b.png", TWO)}


@pytest.fixture
def settings(settings, tmp_path):
    return settings.model_copy(update={"audit_log": str(tmp_path / "audit.log")})


@pytest.fixture
def with_digests(settings, bundle, backbone_session, tmp_path):
    (tmp_path / "secret").write_text(SECRET + "\n")
    settings = settings.model_copy(update={"audit_digest_key_file": tmp_path / "secret"})
    with serving(settings, bundle, backbone_session) as client:
        yield client


def lines(tmp_path):
    return [json.loads(text) for text in (tmp_path / "audit.log").read_text().splitlines()]


def keyed(content):
    return hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()


def in_base64(content):
    return base64.b64encode(content).decode()


def test_pair_has_a_line_that_says_what_its_answer_says(client, tmp_path):
    answer = client.post("/verify", files=FILES, headers={"X-Request-ID": "order-17"}).json()
    (line,) = lines(tmp_path)
    assert (line["event"], line["request_id"], line["key"]) == ("verify", "order-17", None)
    assert (line["decision"], line["undecided"]) == (answer["decision"], "not_calibrated")
    assert line["method"] == answer["method"]
    assert line["score"] == pytest.approx(answer["score"], rel=1e-6)
    assert line["similarity"] == pytest.approx(answer["similarity"], rel=1e-5)
    assert (line["anchor_set_id"], line["generation"]) == (
        answer["anchor_set"]["id"],
        answer["anchor_set"]["generation"],
    )
    assert (line["backbone_id"], line["pipeline_id"]) == (
        answer["model"]["backbone_id"],
        answer["model"]["pipeline_id"],
    )
    assert line["inputs"] == {"probe": {"quality": None}, "reference": {"quality": None}}
    assert {"threshold", "operating_point", "fmr_at_score", "reasons", "time"} <= line.keys()


def test_line_names_whose_key_asked(settings, bundle, backbone_session, tmp_path):
    (tmp_path / "keys.toml").write_text(f'shop = {{ sha256 = "{digest_of("ida_shop")}", scopes = ["verify"] }}\n')
    settings = settings.model_copy(update={"api_keys_file": tmp_path / "keys.toml"})
    with serving(settings, bundle, backbone_session) as client:
        client.post("/verify", files=FILES)
        client.post("/verify", files=FILES, headers={"Authorization": "Bearer ida_shop"})
    assert [line["key"] for line in lines(tmp_path)] == ["shop"]
    assert "ida_shop" not in (tmp_path / "audit.log").read_text()


def test_embedded_face_has_a_line_and_its_embedding_has_not(client, tmp_path):
    answer = client.post("/embed", files={"image": ONE}).json()
    (line,) = lines(tmp_path)
    assert (line["event"], line["anchor_set_id"]) == ("embed", answer["anchor_set"]["id"])
    text = (tmp_path / "audit.log").read_text()
    assert len(text) < 600
    assert not any(str(value)[:8] in text for value in answer["embedding"])


def test_items_of_a_batch_have_a_line_each_and_what_failed_has_none(client, tmp_path):
    def pair(one, two):
        return {"probe": {"image": in_base64(one)}, "reference": {"image": in_base64(two)}}

    document = {"pairs": [pair(ONE, TWO), pair(picture(faces=0), TWO), pair(TWO, TWO)]}
    answer = client.post("/verify/batch", json=document).json()
    assert [item["status"] for item in answer["items"]] == [200, 422, 200]
    faces = [{"image": in_base64(content)} for content in (ONE, picture(faces=0), TWO)]
    client.post("/embed/batch", json={"faces": faces})
    found = lines(tmp_path)
    assert [line["event"] for line in found] == ["verify", "verify", "embed", "embed"]
    scored = [item["answer"]["score"] for item in answer["items"] if item["answer"]]
    assert [line["score"] for line in found[:2]] == pytest.approx(scored, rel=1e-6)
    assert len({line["request_id"] for line in found}) == 2


def test_inputs_have_keyed_digests_where_they_are_asked_for(with_digests, tmp_path):
    embedding = with_digests.post("/embed", files={"image": ONE}).json()["embedding"]
    with_digests.post("/verify", files=FILES)
    pair = {"probe": {"embedding": embedding}, "reference": {"image": in_base64(TWO)}}
    with_digests.post("/verify/batch", json={"pairs": [pair, pair]})
    digests = [{side: found["digest"] for side, found in line["inputs"].items()} for line in lines(tmp_path)]
    assert digests[0] == {"image": keyed(ONE)}
    assert digests[1] == {"probe": keyed(ONE), "reference": keyed(TWO)}
    assert digests[2] == digests[3]
    assert digests[2]["reference"] == keyed(TWO)
    assert len(digests[2]["probe"]) == 64
    assert SECRET not in (tmp_path / "audit.log").read_text()


def several(*references, **options):
    """Return a document whose reference is several pictures."""
    return {
        "probe": {"image": in_base64(ONE)},
        "reference": [{"image": in_base64(one)} for one in references],
        "unusable_pictures": "skip",
        **options,
    }


@pytest.mark.parametrize("path", ["/verify", "/verify/batch"])
def test_each_of_several_pictures_stands_in_the_line_and_what_was_left_out_says_why(with_digests, tmp_path, path):
    empty, other = picture(faces=0), picture(seed=3)
    asked = several(TWO, empty, other)
    if path == "/verify":
        told = with_digests.post(path, json=asked).json()["template"]
    else:
        skips = asked.pop("unusable_pictures")
        answer = with_digests.post(path, json={"pairs": [asked], "unusable_pictures": skips}).json()
        told = answer["items"][0]["answer"]["template"]
    (line,) = lines(tmp_path)
    assert line["inputs"]["probe"]["digest"] == keyed(ONE)
    pictures = line["inputs"]["reference"]["pictures"]
    assert [one["digest"] for one in pictures] == [keyed(TWO), keyed(empty), keyed(other)]
    assert [one["weight"] for one in pictures] == pytest.approx([one["weight"] for one in told["pictures"]], rel=1e-6)
    assert [one.get("code") for one in pictures] == [None, "no_face", None]


def test_line_has_the_rate_and_the_evidence_of_its_answer(settings, bundle, backbone_session, tmp_path):
    def calibrated(served):
        scores, rates = np.array([-1.0, 0.2, 0.8]), np.array([0.0, -1.0, -5.0])
        curve = FmrCurve(scores, rates, rates - 0.5, rates + 0.5, shown_down_to=1e-3)
        method = MethodCalibration("cosine", Parameters(), "photo", curve, ())
        return replace(served, calibrations=Calibrations("people made up", (method,)))

    with serving(settings, bundle, backbone_session, calibrated) as client:
        answer = client.post("/verify", files=FILES, data={"method": "cosine"}).json()
    (line,) = lines(tmp_path)
    assert line["fmr_at_score"] == pytest.approx(answer["fmr_at_score"], rel=1e-2)
    assert line["evidence"] == pytest.approx(answer["evidence"], abs=0.01)


def test_drift_reads_the_lines_as_they_are(settings, bundle, backbone_session, tmp_path):
    def calibrated(served):
        scores, rates = np.array([-1.0, 0.2, 0.8]), np.array([0.0, -1.0, -5.0])
        curve = FmrCurve(scores, rates, rates - 0.5, rates + 0.5, shown_down_to=1e-3)
        method = MethodCalibration("cosine", Parameters(), "photo", curve, ())
        lengths = {"norm": np.linspace(1.0, 30.0, 500)}
        limits = {"photo": population_limits(lengths, Parameters(), {"norm": 0})}
        return replace(served, calibrations=Calibrations("people made up", (method,), limits=limits))

    with serving(settings, bundle, backbone_session, calibrated) as client:
        told = client.post("/verify", files=FILES, data={"method": "cosine"}).json()
        client.post("/verify", files=FILES, data={"method": "ida-r"})
        client.post("/verify", json=several(TWO, picture(seed=3), method="cosine"))
        quality = client.post("/embed", files={"image": ONE}).json()["face"]["quality"]["unified"]

    found = read_pairs_logged([tmp_path / "audit.log"], told["anchor_set"]["id"], photographs=True)

    # No rate is stated by a method that is not calibrated, nor of several pictures without rates of their own.
    assert (found.pairs, found.other_inputs, found.unread, found.others) == (1, 2, 0, 0)
    assert list(found.audited.rates["cosine"]) == pytest.approx([told["fmr_at_score"]], rel=1e-2)
    assert len(found.audited.qualities) == 3
    assert found.audited.qualities[2] == pytest.approx(quality, abs=0.1)


def test_what_is_refused_has_no_line(client, tmp_path):
    client.post("/verify", files={**FILES, "probe": picture(faces=0)})
    client.post("/verify", content=b"")
    client.get("/info")
    assert lines(tmp_path) == []


def test_nothing_is_answered_that_the_log_cannot_take_and_all_is_well_once_it_can(
    client, tmp_path, monkeypatch, caplog
):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(TurnedFile, "write", full)
        caplog.set_level("INFO", "service.api.audit")
        for path, sent in (("/verify", FILES), ("/embed", {"image": ONE})):
            answer = client.post(path, files=sent)
            assert (answer.status_code, answer.json()["code"]) == (503, "audit_unavailable")
            assert "score" not in answer.text.replace("detection_score", "")
    assert client.post("/verify", files=FILES).status_code == 200
    assert len(lines(tmp_path)) == 1
    told = [record for record in caplog.records if "audit log" in record.message]
    assert [record.levelname for record in told] == ["ERROR", "INFO"]
    metrics = client.get("/metrics").text
    assert 'ida_audit_records_total{result="failed"} 2.0' in metrics
    assert 'ida_audit_records_total{result="written"} 1.0' in metrics


def test_log_that_hangs_fails_the_request_and_holds_nothing_else_up(client, monkeypatch):
    opened = threading.Event()
    monkeypatch.setattr(audit, "_LONGEST_WRITE_SECONDS", 0.2)
    monkeypatch.setattr(TurnedFile, "write", lambda *_: opened.wait(20))
    try:
        assert client.post("/verify", files=FILES).json()["code"] == "audit_unavailable"
        assert client.get("/healthz").status_code == 200
    finally:
        opened.set()


def test_without_the_setting_nothing_is_written(settings, bundle, backbone_session, tmp_path):
    with serving(settings.model_copy(update={"audit_log": ""}), bundle, backbone_session) as client:
        assert client.post("/verify", files=FILES).status_code == 200
    assert not (tmp_path / "audit.log").exists()


@pytest.mark.parametrize("secret", [None, "short", "x" * 5000])
def test_secret_that_is_none_is_told_at_the_start(settings, tmp_path, secret):
    if secret is not None:
        (tmp_path / "secret").write_text(secret)
    with pytest.raises(SettingsInvalid, match="IDA_AUDIT_DIGEST_KEY_FILE") as failure:
        create_app(settings.model_copy(update={"audit_digest_key_file": tmp_path / "secret"}))
    assert "xxx" not in failure.value.message
