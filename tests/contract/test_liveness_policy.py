"""The liveness part over HTTP: what is told of each face, and what a policy makes of a decision."""

import base64
import dataclasses

import numpy as np
import pytest
from fakes import DIMENSION, FakeLivenessNetwork, picture, serving
from test_decision import COSINE

from service.scoring.calibration import Calibrations

LIVE, SPOOF = 250, 5


def photo(blue=LIVE, *, hundredths=20, seed=1, width=400, height=400):
    """A face of 80 pixels in a picture of 400 by default: large enough, with enough around it."""
    return picture(seed=seed, blue=blue, hundredths=hundredths, width=width, height=height)


@pytest.fixture
def network():
    return FakeLivenessNetwork()


@pytest.fixture
def served(settings, bundle, backbone_session, network):
    """Serve by a policy, cosine calibrated for every form of input."""

    def serve(policy="off", *, installed=True):
        forms = ("photo", "crop", "embedding")
        calibrations = Calibrations("made up", tuple(dataclasses.replace(COSINE, input_form=form) for form in forms))
        return serving(
            settings.model_copy(update={"liveness_policy": policy, "operating_point": "fmr_1e-2"}),
            bundle,
            backbone_session,
            lambda snapshot: dataclasses.replace(snapshot, calibrations=calibrations),
            liveness=network if installed else None,
        )

    return serve


def verify(client, probe=None, reference=None, **form):
    files = {"probe": probe or photo(), "reference": reference or photo()}
    return client.post("/verify", files=files, data={"method": "cosine", **form})


def image(content):
    return {"image": base64.b64encode(content).decode()}


def test_without_a_policy_nothing_is_asked_and_nothing_told(served, network):
    with served() as client:
        answer = verify(client).json()
        assert [answer["faces"][side]["liveness"] for side in ("probe", "reference")] == [None, None]
        assert "liveness" not in answer["timings_ms"]
        assert network.runs == 0
        assert "ida_liveness_total{" not in client.get("/metrics").text


@pytest.mark.parametrize("policy", ["report", "require"])
def test_each_photograph_is_told_live_or_spoof(served, policy):
    with served(policy) as client:
        answer = verify(client, photo(LIVE), photo(SPOOF)).json()
        probe, reference = (answer["faces"][side]["liveness"] for side in ("probe", "reference"))
        assert (probe["verdict"], probe["reason"], reference["verdict"]) == ("live", None, "spoof")
        assert 0 <= reference["score"] < 0.5 <= probe["score"] <= 1
        assert answer["timings_ms"]["liveness"] > 0
        metrics = client.get("/metrics").text
        assert 'ida_liveness_total{verdict="live"} 1.0' in metrics
        assert 'ida_liveness_total{verdict="spoof"} 1.0' in metrics
        assert 'ida_stage_seconds_count{stage="liveness"} 1.0' in metrics


def test_report_changes_no_decision(served):
    with served("report") as client:
        answer = verify(client, photo(SPOOF), photo(SPOOF)).json()
        assert (answer["decision"], answer["no_decision_reason"]) == ("match", None)


def test_require_lets_a_live_probe_match_whatever_the_reference_is(served):
    with served("require") as client:
        assert verify(client, photo(LIVE), photo(LIVE)).json()["decision"] == "match"
        # The reference may be the picture of a document. Bluer pictures of one seed are the same face to the fakes.
        answer = verify(client, photo(LIVE), photo(110)).json()
        assert answer["faces"]["reference"]["liveness"]["verdict"] == "spoof"
        assert answer["decision"] == "match"


@pytest.mark.parametrize(
    ("probe", "verdict", "reason"),
    [
        (photo(SPOOF), "spoof", None),
        (photo(hundredths=5), "uncertain", "small_face"),
        (photo(hundredths=60), "uncertain", "narrow_picture"),
    ],
)
def test_require_turns_the_match_of_a_probe_that_is_not_live_into_inconclusive(served, probe, verdict, reason):
    with served("require") as client:
        answer = verify(client, probe, probe).json()
        found = answer["faces"]["probe"]["liveness"]
        assert (found["verdict"], found["reason"]) == (verdict, reason)
        assert answer["decision"] == answer["cosine"]["decision"] == "inconclusive"
        assert "not shown to be live" in answer["no_decision_reason"]
        assert answer["score"] >= answer["threshold"]
        assert answer["fmr_at_score"] is None  # a rate of strangers says nothing of a picture of the person
        assert [doubt["code"] for doubt in answer["reasons"]] == [
            "not_live" if verdict == "spoof" else "liveness_uncertain"
        ]


def test_require_leaves_a_non_match_as_it_is(served):
    with served("require") as client:
        answer = verify(client, photo(SPOOF), photo(LIVE)).json()  # so unlike in colour that they are not alike
        assert (answer["decision"], answer["no_decision_reason"]) == ("non_match", None)
        assert [doubt["code"] for doubt in answer["reasons"]] == ["not_live"]


def test_require_is_not_passed_by_a_probe_without_a_photograph(served):
    with served("require") as client:
        unit = np.full(DIMENSION, 1.0).tolist()
        crop = {"crop": base64.b64encode(picture(width=112, height=112)).decode()}
        for side in ({"embedding": unit}, crop):
            body = {"probe": side, "reference": side, "method": "cosine"}
            answer = client.post("/verify", json=body).json()
            assert answer["decision"] == "inconclusive"
            assert "only a photograph can be" in answer["no_decision_reason"]
        embedding = client.post("/embed", files={"image": photo()}).json()["embedding"]
        body = {"probe": image(photo()), "reference": {"embedding": embedding}, "method": "cosine"}
        answer = client.post("/verify", json=body).json()
        assert answer["faces"]["probe"]["liveness"]["verdict"] == "live"
        assert answer["decision"] != "inconclusive"


def test_request_may_be_stricter_than_the_service_and_not_laxer(served, network):
    with served("off") as client:
        for asked, decision in (("report", "match"), ("require", "inconclusive")):
            assert verify(client, photo(SPOOF), photo(SPOOF), liveness_policy=asked).json()["decision"] == decision
    with served("require") as client:
        for asked in ("off", "report"):
            answer = verify(client, photo(SPOOF), photo(SPOOF), liveness_policy=asked).json()
            assert answer["decision"] == "inconclusive"
            assert answer["faces"]["probe"]["liveness"]["verdict"] == "spoof"


def test_asking_where_the_part_is_missing_is_a_clear_400(served):
    with served(installed=False) as client:
        for policy in ("report", "require"):
            refused = verify(client, liveness_policy=policy)
            assert (refused.status_code, refused.json()["code"]) == (400, "liveness_not_served")
            assert "models pull liveness" in refused.json()["detail"]
        body = {"pairs": [{"probe": image(photo()), "reference": image(photo())}], "liveness_policy": "report"}
        assert client.post("/verify/batch", json=body).json()["code"] == "liveness_not_served"
        assert client.post("/embed", files={"image": photo()}, data={"liveness_policy": "report"}).status_code == 400
        body = {"faces": [image(photo())], "liveness_policy": "report"}
        assert client.post("/embed/batch", json=body).json()["code"] == "liveness_not_served"
        assert verify(client, liveness_policy="off").status_code == 200


def test_unknown_policy_is_refused_by_name(served):
    with served() as client:
        refused = verify(client, liveness_policy="strict")
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
        assert "off, report, require" in refused.json()["detail"]
        body = {"probe": image(photo()), "reference": image(photo()), "liveness_policy": "strict"}
        assert client.post("/verify", json=body).json()["code"] == "invalid_request"


def test_batch_asks_each_photograph_once_and_decides_each_pair(served, network):
    with served() as client:
        body = {
            "faces": {"live": image(photo(LIVE)), "spoof": image(photo(SPOOF))},
            "pairs": [
                {"probe": {"face": "live"}, "reference": {"face": "spoof"}},
                {"probe": {"face": "spoof"}, "reference": {"face": "spoof"}},
                {"probe": {"face": "live"}, "reference": {"face": "live"}},
            ],
            "method": "cosine",
            "liveness_policy": "require",
        }
        answer = client.post("/verify/batch", json=body).json()
        assert network.runs == 2
        assert [item["answer"]["decision"] for item in answer["items"]][1:] == ["inconclusive", "match"]
        assert answer["items"][0]["answer"]["decision"] != "inconclusive"
        assert answer["timings_ms"]["liveness"] > 0


def test_embed_and_its_batch_tell_the_verdict(served):
    with served() as client:
        answer = client.post("/embed", files={"image": photo(SPOOF)}, data={"liveness_policy": "report"}).json()
        assert answer["face"]["liveness"]["verdict"] == "spoof"
        body = {"faces": [image(photo(LIVE)), image(photo(SPOOF))], "liveness_policy": "report"}
        items = client.post("/embed/batch", json=body).json()["items"]
        assert [item["answer"]["face"]["liveness"]["verdict"] for item in items] == ["live", "spoof"]
        assert 'ida_liveness_total{verdict="spoof"} 2.0' in client.get("/metrics").text


def test_info_says_what_is_there_and_by_which_policy_it_is_asked(served):
    with served("report") as client:
        told = client.get("/info").json()["liveness"]
        assert told["policy"] == "report"
        assert len(told["liveness_id"]) == 16
    with served(installed=False) as client:
        assert client.get("/info").json()["liveness"] == {"policy": "off", "liveness_id": None}
