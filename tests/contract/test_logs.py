"""What the log says of a request, and what it never says."""

import io
import json
import logging
import sys
from datetime import datetime

import pytest
from fakes import picture, serving
from PIL import Image

from models.calibration.pair_lines import read_pairs_logged
from service.settings import Settings
from service.telemetry import configure_logging


@pytest.fixture
def log(monkeypatch):
    """Give the text that ``configure_logging`` sends to standard error from then on."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    before = root.handlers, root.level
    configure_logging("debug")
    yield stream
    logging.captureWarnings(False)
    root.handlers, _ = before
    root.setLevel(before[1])


def with_exif(exif: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture())).save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def test_log_lines_are_json_with_the_request_id_and_a_time_in_utc(client, log):
    client.get("/healthz", headers={"x-request-id": "order-17"})
    (line,) = (found for found in map(json.loads, log.getvalue().splitlines()) if found["request_id"] == "order-17")
    assert (line["message"], line["route"], line["status"]) == ("request", "/healthz", 200)
    assert datetime.fromisoformat(line["time"]).utcoffset().total_seconds() == 0


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/metrics"])
def test_log_tells_at_debug_alone_of_what_is_polled(client, log, path):
    client.get(path, headers={"x-request-id": "probe-1"})
    client.get("/info", headers={"x-request-id": "person-1"})
    lines = {line["request_id"]: line["level"] for line in map(json.loads, log.getvalue().splitlines())}
    assert (lines["probe-1"], lines["person-1"]) == ("DEBUG", "INFO")


def test_log_at_debug_tells_nothing_of_a_photograph(client, log):
    exif = Image.Exif()
    exif[0x010E] = "Jane Doe at home"  # ImageDescription
    response = client.post("/embed", files={"image": ("jane-doe.png", with_exif(exif.tobytes()), "image/png")})
    assert response.status_code == 200
    assert "service.access" in log.getvalue()
    assert "jane" not in log.getvalue().lower()


def test_log_of_a_worker_thread_has_the_request_id(client, log, monkeypatch):
    pipeline = client.app_state["service"].pipeline
    represent = pipeline.represent

    def telling(crops):
        logging.getLogger("service.test").warning("from a worker")
        return represent(crops)

    monkeypatch.setattr(pipeline, "represent", telling)
    response = client.post("/embed", files={"image": picture()}, headers={"x-request-id": "order-18"})
    assert response.status_code == 200
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (warning,) = (line for line in lines if line["message"] == "from a worker")
    assert (warning["level"], warning["request_id"]) == ("WARNING", "order-18")


@pytest.mark.parametrize("asked", [False, True])
def test_log_tells_scores_and_measures_of_a_pair_only_where_it_is_asked_to(
    tmp_path, bundle, backbone_session, log, asked
):
    with serving(Settings(home=tmp_path, log_pairs=asked), bundle, backbone_session) as client:
        files = {"probe": ("a.png", picture(), "image/png"), "reference": ("b.png", picture(), "image/png")}
        answer = client.post("/verify", files=files, headers={"x-request-id": "pair-1"}).json()
    found = [line for line in map(json.loads, log.getvalue().splitlines()) if line["message"] == "pair"]
    assert len(found) == asked
    for line in found:
        assert (line["logger"], line["request_id"], line["level"]) == ("service.pairs", "pair-1", "INFO")
        assert line["anchor_set_id"] == answer["anchor_set"]["id"]
        assert (line["scoring_method"], line["photographs"]) == (answer["method"], [True, True])
        assert line["score"] == pytest.approx(answer["score"], abs=1e-6)
        assert line["similarity"] == pytest.approx(answer["similarity"], abs=1e-6)
        for measures in line["measures"]:
            assert {"norm", "detection_score"} <= set(measures)
            assert all(isinstance(value, float) for value in measures.values())
    # As `ida-verify drift` reads it.
    (tmp_path / "service.log").write_text(log.getvalue())
    read = read_pairs_logged([tmp_path / "service.log"], (answer["anchor_set"] or {})["id"], photographs=True)
    assert (read.pairs, read.unread, list(read.scores)) == (asked, 0, [answer["method"]] * asked)
    assert len(read.measures.get("norm", ())) == 2 * asked


def line_of(log, request):
    (found,) = (line for line in map(json.loads, log.getvalue().splitlines()) if line["request_id"] == request)
    return found


def test_line_of_a_request_says_by_what_it_was_answered(client, log):
    files = {"probe": picture(seed=1), "reference": picture(seed=2)}
    answer = client.post("/verify", files=files, headers={"x-request-id": "order-19"}).json()
    line = line_of(log, "order-19")
    assert (line["route"], line["method"], line["scoring_method"]) == ("/verify", "POST", "ida-r")
    assert (line["anchor_set_id"], line["generation"]) == (answer["anchor_set"]["id"], 0)
    assert line["body_bytes"] > len(files["probe"]) + len(files["reference"])
    assert not {"code", "image", "key"} & line.keys()


def test_line_of_a_request_that_failed_says_what_was_wrong_with_which_picture(client, log):
    files = {"probe": picture(seed=1), "reference": picture(faces=0)}
    client.post("/verify", files=files, headers={"x-request-id": "order-20"})
    client.get("/made-up", headers={"x-request-id": "order-21"})
    line = line_of(log, "order-20")
    assert (line["status"], line["code"], line["image"]) == (422, "no_face", "reference")
    assert line_of(log, "order-21")["code"] == "not_found"


def test_start_says_what_is_served_in_one_line(settings, bundle, backbone_session, log):
    with serving(settings, bundle, backbone_session):
        pass
    (line,) = (line for line in map(json.loads, log.getvalue().splitlines()) if line["message"] == "serving")
    assert (line["pack"], line["generation"], line["api_keys"], line["tls"]) == ("fake", 0, "off", "off")
    assert {"version", "anchor_set_id", "store", "threads", "workers", "queue", "max_connections"} <= line.keys()
