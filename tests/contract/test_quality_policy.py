"""What becomes of a pair with a face beyond the calibrated people: reported, refused, or inconclusive."""

import base64
from dataclasses import replace

import numpy as np
import pytest
from fakes import DIMENSION, picture, serving

from service.scoring.calibration import Calibrations, FmrCurve, MethodCalibration, OperatingPoint
from service.scoring.parameters import Parameters
from service.scoring.population import MeasureLimit, PopulationLimits
from service.settings import Settings

# The fake backbone gives norms of some hundreds, and random anchors a crowding of some 0.3: the limits are set between.
FINE, POOR = picture(seed=1), picture(seed=2)
POINT = OperatingPoint("fmr_1e-2", 1e-2, 0.3, "measured", 5e-3, 2e-2, 0.1, 0.05, 0.2, 10, 1000, 100, 50, 1225)
CURVE = FmrCurve(
    np.array([-1.0, 0.2, 0.8]), np.array([0.0, -1.0, -5.0]), np.array([0.0, -1.5, -5.5]), np.array([0.0, -0.5, -4.5]),
    shown_down_to=1e-3,
)  # fmt: skip


def limit(value):
    return MeasureLimit(limit=value, share=0.01, quantiles={"0.5": value}, faces=10)


def limits(norm=None, crowding=None, k=10):
    measures = {"norm": norm, "crowding": crowding}
    return PopulationLimits(k, 1.0, None, {name: limit(value) for name, value in measures.items() if value is not None})


@pytest.fixture
def serve(settings, bundle, backbone_session):
    """Return a context of a client whose anchor set has limits of photographs and embeddings."""

    def serve(found, settings=settings):
        calibrations = Calibrations(
            "people made up",
            tuple(
                MethodCalibration(method, Parameters(), form, CURVE, (POINT,))
                for method in ("cosine", "csls")
                for form in ("photo", "embedding")
            ),
            limits={} if found is None else {"photo": found, "embedding": found},
        )
        return serving(settings, bundle, backbone_session, lambda served: replace(served, calibrations=calibrations))

    return serve


@pytest.fixture
def values(client):
    """What is measured of both pictures: norm and crowding by picture."""
    checked = ask(client, FINE, POOR, method="cosine")["quality_check"]
    return {
        name: {measure: found["value"] for measure, found in checked[side].items()}
        for name, side in (("fine", "probe"), ("poor", "reference"))
    }


@pytest.fixture
def between(values):
    """Limits that one of the pictures is within and the other is beyond, by what decides: norm, or crowding."""
    fine, poor = sorted(values.values(), key=lambda found: -found["norm"])
    crowded = sorted(found["crowding"] for found in values.values())
    return {
        "norm": limits(norm=(fine["norm"] + poor["norm"]) / 2),
        "crowding": limits(crowding=sum(crowded) / 2),
        "all": limits(norm=2 * fine["norm"], crowding=0.0),
    }


@pytest.fixture
def poorer(values):
    """The picture of the lower norm, and the other."""
    return (POOR, FINE) if values["poor"]["norm"] < values["fine"]["norm"] else (FINE, POOR)


def post(client, probe, reference, **form):
    given = {"method": "cosine", "operating_point": "fmr_1e-2", **form}
    return client.post("/verify", files={"probe": probe, "reference": reference}, data=given)


def ask(client, probe, reference, **form):
    given = client.post("/verify", files={"probe": probe, "reference": reference}, data=form)
    assert given.status_code == 200, given.text
    return given.json()


def test_match_with_a_face_beyond_the_limits_is_inconclusive_with_reasons_and_no_rate(serve, between, poorer):
    poor, fine = poorer
    with serve(between["norm"]) as client:
        doubted, clean = post(client, poor, poor).json(), post(client, fine, fine).json()

    assert (doubted["decision"], doubted["threshold"]) == ("inconclusive", 0.3)
    assert doubted["fmr_at_score"] is doubted["fmr_interval"] is doubted["extrapolated"] is None
    assert [(found["image"], found["code"]) for found in doubted["reasons"]] == [
        ("probe", "poor_picture"),
        ("reference", "poor_picture"),
    ]
    assert "the probe shows too little" in doubted["no_decision_reason"]
    assert doubted["cosine"]["decision"] == "inconclusive"
    norm = doubted["quality_check"]["probe"]["norm"]
    assert norm["within"] is False
    assert norm["value"] < norm["limit"]
    assert (clean["decision"], clean["reasons"], clean["no_decision_reason"]) == ("match", [], None)
    assert clean["fmr_at_score"] is not None
    assert clean["quality_check"]["probe"]["norm"]["within"] is True


def test_one_doubted_side_is_enough_and_is_named(serve, between, poorer):
    poor, fine = poorer
    with serve(between["norm"]) as client:
        found = post(client, fine, poor).json()

    assert [reason["image"] for reason in found["reasons"]] == ["reference"]
    assert found["fmr_at_score"] is None
    assert found["decision"] in ("inconclusive", "non_match")


def test_pair_below_the_threshold_stays_a_non_match_with_reasons_beside_it(serve, between):
    with serve(between["all"]) as client:
        found = min(
            (post(client, picture(seed=1), picture(seed=seed)).json() for seed in range(2, 14)),
            key=lambda answer: answer["score"],
        )

    assert found["score"] < 0.3
    assert (found["decision"], found["no_decision_reason"], found["fmr_at_score"]) == ("non_match", None, None)
    assert {reason["code"] for reason in found["reasons"]} == {"poor_picture", "outside_population"}


@pytest.mark.parametrize("method", ["cosine", "csls", "ida-r", "s-norm"])
def test_crowding_is_judged_whatever_the_method(serve, between, method):
    with serve(between["crowding"]) as client:
        found = post(client, FINE, POOR, method=method).json()

    within = [found["quality_check"][side]["crowding"]["within"] for side in ("probe", "reference")]
    assert sorted(within) == [False, True]
    assert [reason["code"] for reason in found["reasons"]] == ["outside_population"]


def test_gate_answers_422_with_every_reason_and_what_to_do(serve, between, poorer):
    poor, fine = poorer
    with serve(between["all"]) as client:
        both = post(client, fine, poor, quality_policy="gate")
    with serve(between["norm"]) as client:
        one = post(client, fine, poor, quality_policy="gate")
        neither = post(client, fine, fine, quality_policy="gate")

    assert (both.status_code, both.json()["code"], both.json()["image"]) == (422, "low_quality", "probe")
    assert [(found["image"], found["code"]) for found in both.json()["reasons"]] == [
        (side, code) for side in ("probe", "reference") for code in ("poor_picture", "outside_population")
    ]
    assert all(found["advice"] in both.json()["detail"] for found in both.json()["reasons"])
    assert (one.status_code, one.json()["image"]) == (422, "reference")
    assert neither.json()["decision"] == "match"


def test_report_decides_as_if_there_were_no_limits_and_tells_the_numbers(serve, between, poorer):
    poor, _ = poorer
    with serve(between["norm"]) as client:
        found = post(client, poor, poor, quality_policy="report").json()

    assert (found["decision"], found["reasons"]) == ("match", [])
    assert found["fmr_at_score"] is not None
    assert found["quality_check"]["policy"] == "report"
    assert found["quality_check"]["probe"]["norm"]["within"] is False


def test_anchor_set_without_limits_decides_as_before_and_says_that_nothing_was_judged(serve):
    with serve(None) as client:
        found = post(client, FINE, FINE).json()
        told = client.get("/info").json()

    assert (found["decision"], found["reasons"]) == ("match", [])
    for side in ("probe", "reference"):
        for checked in found["quality_check"][side].values():
            assert checked["within"] is checked["limit"] is None
            assert "ida-verify calibrate" in checked["not_judged"]
            assert checked["value"] is not None
    assert told["calibration"]["limits"] == {}


def test_info_shows_the_limits_and_the_policy(serve, between):
    with serve(between["norm"]) as client:
        told = client.get("/info").json()

    assert told["limits"]["quality_policy"] == "decide"
    photo = told["calibration"]["limits"]["photo"]
    assert photo["k"] == 10
    assert photo["measures"]["norm"]["limit"] == between["norm"].measures["norm"].limit


def test_setting_is_the_policy_of_a_request_that_names_none(serve, between, poorer, tmp_path):
    poor, _ = poorer
    with serve(between["norm"], Settings(home=tmp_path, quality_policy="gate")) as client:
        by_default = post(client, poor, poor)
        asked = post(client, poor, poor, quality_policy="decide").json()

    assert (by_default.status_code, by_default.json()["code"]) == (422, "low_quality")
    assert asked["decision"] == "inconclusive"


def test_policy_that_is_none_is_refused_with_the_list(client):
    answer = post(client, FINE, FINE, quality_policy="strict", operating_point="")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "report, gate, decide" in answer.json()["detail"]


def test_embedding_of_unit_norm_is_judged_by_crowding_and_the_answer_says_so(serve, between):
    embedding = np.eye(DIMENSION)[0]
    body = {"operating_point": "fmr_1e-2", "method": "cosine"}
    with serve(between["all"]) as client:
        unit = client.post("/verify", json={**body, **sides(embedding)}).json()
        long = client.post("/verify", json={**body, **sides(3 * embedding)}).json()

    norm = unit["quality_check"]["probe"]["norm"]
    assert (norm["value"], norm["within"], norm["not_judged"]) == (None, None, "the embedding was given with unit norm")
    assert [reason["code"] for reason in unit["reasons"]] == ["outside_population"] * 2
    assert long["quality_check"]["probe"]["norm"]["value"] == pytest.approx(3)


def sides(embedding):
    return {name: {"embedding": embedding.tolist()} for name in ("probe", "reference")}


def test_batch_has_the_policy_of_its_request_and_refuses_single_items(serve, between, poorer):
    poor, fine = ({"image": base64.b64encode(data).decode()} for data in poorer)
    body = {
        "pairs": [{"probe": fine, "reference": fine}, {"probe": fine, "reference": poor}],
        "method": "cosine",
        "operating_point": "fmr_1e-2",
    }
    with serve(between["norm"]) as client:
        gated = client.post("/verify/batch", json={**body, "quality_policy": "gate"}).json()["items"]
        decided = client.post("/verify/batch", json={**body, "detail": "basic"}).json()["items"]

    assert [item["status"] for item in gated] == [200, 422]
    problem = gated[1]["problem"]
    assert (problem["code"], problem["image"]) == ("low_quality", "reference")
    assert [reason["code"] for reason in problem["reasons"]] == ["poor_picture"]
    assert [item["status"] for item in decided] == [200, 200]
    assert [reason["image"] for reason in decided[1]["answer"]["reasons"]] == ["reference"]
    assert decided[1]["answer"]["fmr_at_score"] is None


def counted(client):
    registry = client.app_state["service"].metrics.registry
    return {
        tuple(sample.labels[name] for name in ("operating_point", "decision", "reason")): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "ida_decisions_total" and sample.labels["method"] == "cosine"
    }


def test_metrics_count_every_scored_pair_by_its_decision_and_the_first_reason(serve, between, poorer):
    poor, fine = poorer
    with serve(between["norm"]) as client:
        post(client, fine, fine)
        post(client, poor, poor)
        post(client, poor, poor, quality_policy="report")
        ask(client, fine, fine, method="cosine")
        post(client, poor, poor, quality_policy="gate")
        pair = sides(np.eye(DIMENSION)[0] * 1e6)
        client.post("/verify/batch", json={"pairs": [pair], "method": "cosine", "operating_point": "fmr_1e-2"})
        registry = client.app_state["service"].metrics.registry
        assert counted(client) == {
            ("fmr_1e-2", "match", ""): 3,
            ("fmr_1e-2", "inconclusive", "poor_picture"): 1,
            # Of the default operating point, which this anchor set has not.
            ("", "none", "not_calibrated"): 1,
        }
        assert registry.get_sample_value("ida_failures_total", {"reason": "low_quality"}) == 1
        assert registry.get_sample_value("ida_embedding_norm_count") == 10


def test_name_that_a_caller_made_up_is_no_label(client):
    assert post(client, FINE, FINE, operating_point="a-name-of-mine").json()["decision"] is None
    assert counted(client) == {("", "none", "not_calibrated"): 1}


def test_rates_are_not_stated_where_another_face_policy_chose_among_several_faces(serve):
    crowd = picture(2, seed=3)
    calibrated = serve(None)  # by the largest face, as calibrations of old
    with calibrated as client:
        alone = ask(client, FINE, FINE, method="cosine", operating_point="fmr_1e-2")
        chosen = ask(client, crowd, FINE, method="cosine", operating_point="fmr_1e-2")
        as_calibrated = ask(client, crowd, FINE, method="cosine", operating_point="fmr_1e-2", face_policy="largest")

    assert alone["decision"] == "match"
    assert chosen["decision"] is None
    assert chosen["fmr_at_score"] is None
    assert "face policy largest, and prominent chose" in chosen["no_decision_reason"]
    assert as_calibrated["fmr_at_score"] is not None
