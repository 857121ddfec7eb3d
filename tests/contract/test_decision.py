"""What a score means over HTTP: decisions, thresholds, false-match rates, and the reasons for having none."""

import dataclasses
import math

import numpy as np
import pytest
from calibrated_bundles import calibrated as write_calibrated
from fakes import DIMENSION, picture, serving

from service.errors import SettingsInvalid
from service.scoring.calibration import Calibrations, FmrCurve, MethodCalibration, OperatingPoint
from service.scoring.parameters import Parameters
from service.scoring.strata import Strata, Stratum
from service.settings import Settings


def curve(scores):
    """10 % at the first score, 1e-5 at the last."""
    rates = np.array([0.0, -1.0, -5.0])
    knots = np.array([scores[0] - 1, *scores])
    return FmrCurve(knots, rates, rates - 0.5, np.minimum(rates + 0.5, 0), shown_down_to=1e-3)


def point(name, fmr, threshold):
    return OperatingPoint(
        name=name, fmr=fmr, threshold=threshold, quality="measured", fmr_low=fmr / 2, fmr_high=fmr * 2, fnmr=0.1,
        fnmr_low=0.05, fnmr_high=0.2, false_matches=10, non_mated_pairs=1000, mated_pairs=100, people=50,
        identity_pairs=1225,
    )  # fmt: skip


COSINE = MethodCalibration(
    "cosine", Parameters(), "photo", curve([0.2, 0.8]), (point("fmr_1e-2", 1e-2, 0.3), point("fmr_1e-3", 1e-3, 0.4))
)
# ida-r of random 32-d anchors: exp(s)(F1 + F2) lies near 0.15 * exp(s); its curve is on the log of the score.
IDA = MethodCalibration("ida-r", Parameters(), "photo", curve([-2.5, -0.5]), (point("fmr_1e-2", 1e-2, 0.3),))


@pytest.fixture
def calibrated(settings, bundle, backbone_session):
    calibrations = Calibrations("fifty people made up for a test", (COSINE, IDA))
    with serving(
        settings, bundle, backbone_session, lambda served: dataclasses.replace(served, calibrations=calibrations)
    ) as client:
        yield client


def verify(client, probe=1, reference=1, **form):
    return client.post("/verify", files={"probe": picture(seed=probe), "reference": picture(seed=reference)}, data=form)


def test_decision_at_an_operating_point_compares_with_its_threshold(calibrated):
    same = verify(calibrated, 1, 1, method="cosine", operating_point="fmr_1e-2").json()
    assert (same["decision"], same["threshold"], same["operating_point"]) == ("match", 0.3, "fmr_1e-2")
    assert same["no_decision_reason"] is None
    other = min(
        (verify(calibrated, 1, seed, method="cosine", operating_point="fmr_1e-2").json() for seed in range(2, 12)),
        key=lambda answer: answer["score"],
    )
    assert other["score"] < 0.3
    assert other["decision"] == "non_match"


def test_decision_of_the_asked_method_has_cosine_beside_it(calibrated):
    answer = verify(calibrated, method="ida-r", operating_point="fmr_1e-2").json()
    assert answer["decision"] == ("match" if answer["score"] >= 0.3 else "non_match")
    assert (answer["cosine"]["decision"], answer["cosine"]["threshold"]) == ("match", 0.3)
    assert answer["cosine"]["fmr_at_score"] < 1e-5 * 1.001


def test_fmr_at_score_follows_the_curve_and_says_when_it_is_extrapolated(calibrated):
    answer = verify(calibrated, method="ida-r").json()
    expected = 10 ** np.interp(math.log(answer["score"]), [-3.5, -2.5, -0.5], [0, -1, -5])
    assert answer["fmr_at_score"] == float(f"{expected:.3g}")
    low, high = answer["fmr_interval"]
    assert low < answer["fmr_at_score"] < high
    assert answer["extrapolated"] is (answer["fmr_at_score"] < 1e-3)


def test_evidence_is_the_negative_logarithm_of_the_rate_with_its_interval(calibrated):
    answer = verify(calibrated, method="ida-r").json()
    assert answer["evidence"] == pytest.approx(-math.log10(answer["fmr_at_score"]), abs=0.01)
    low, high = answer["fmr_interval"]
    assert answer["evidence_interval"] == pytest.approx([-math.log10(high), -math.log10(low)], abs=0.01)
    assert answer["population"] == {"stratum": None, "pairs": 1000, "people": 50}


def conditional():
    """COSINE with two bands parted at the norm 10; a pair of two poor pictures needs 0.2 more for each rate."""
    strata = Strata(
        (10.0,),
        {
            bands: Stratum(bands, dataclasses.replace(curve([0.2 + extra, 0.8 + extra]), between_sets=0.3), pairs, 40)
            for bands, extra, pairs in (((0, 0), 0.2, 500), ((0, 1), 0.1, 700), ((1, 1), 0.0, 900))
        },
    )
    return dataclasses.replace(COSINE, input_form="embedding", strata=strata)


def test_pair_is_judged_by_the_stratum_of_its_norms(settings, bundle, backbone_session):
    calibrations = Calibrations("made up", (conditional(),))
    one = np.eye(DIMENSION)[0]
    other = 0.55 * one + math.sqrt(1 - 0.55**2) * np.eye(DIMENSION)[1]

    def ask(client, norms):
        faces = [{"embedding": (norm * vector).tolist()} for norm, vector in zip(norms, (one, other), strict=True)]
        pair = {"probe": faces[0], "reference": faces[1]}
        asked = {"method": "cosine", "operating_point": "fmr_1e-3"}
        single = client.post("/verify", json={**pair, **asked}).json()
        batch = client.post("/verify/batch", json={"pairs": [pair], **asked}).json()["items"][0]["answer"]
        assert [batch[name] for name in ("decision", "threshold", "fmr_at_score", "evidence", "population")] == [
            single[name] for name in ("decision", "threshold", "fmr_at_score", "evidence", "population")
        ]
        return single

    with serving(
        settings, bundle, backbone_session, lambda served: dataclasses.replace(served, calibrations=calibrations)
    ) as client:
        best, mixed, poor, unknown = (ask(client, norms) for norms in ((12, 11), (9, 12), (9, 8), (1, 1)))
        info = client.get("/info").json()["calibration"]["methods"][0]["strata"]
    assert [answer["population"]["stratum"] for answer in (best, mixed, poor, unknown)] == [
        "best-best",
        "poor-best",
        "poor-poor",
        None,
    ]
    assert [answer["population"]["pairs"] for answer in (best, mixed, poor, unknown)] == [900, 700, 500, 1000]
    assert [answer["threshold"] for answer in (best, mixed, poor)] == pytest.approx([0.5, 0.6, 0.7])
    assert [answer["decision"] for answer in (best, mixed, poor)] == ["match", "non_match", "non_match"]
    assert best["fmr_at_score"] < mixed["fmr_at_score"] < poor["fmr_at_score"]
    # Half a decade by the people drawn, and 1.96 * 0.3 by the set: their squares add up.
    assert best["fmr_between_sets"] == pytest.approx(10 ** (1.96 * 0.3), rel=0.01)
    width = math.log10(best["fmr_interval"][1] / best["fmr_at_score"])
    assert width == pytest.approx(math.hypot(0.5, 1.96 * 0.3), abs=0.01)
    assert math.log10(best["fmr_sampling_interval"][1] / best["fmr_at_score"]) == pytest.approx(0.5, abs=0.01)
    assert (unknown["threshold"], unknown["fmr_between_sets"]) == (0.4, None)
    assert info["norms"] == [10.0]
    assert [found["stratum"] for found in info["strata"]] == ["poor-poor", "poor-best", "best-best"]
    assert info["strata"][0]["thresholds"]["fmr_1e-3"] == pytest.approx(0.7)


@pytest.mark.parametrize("method", ["cosine", "ida-r"])
def test_curves_to_be_drawn_are_those_that_rates_are_stated_by(calibrated, method):
    told = calibrated.get("/info/curves").json()
    assert told["anchor_set"] == verify(calibrated).json()["anchor_set"]
    (drawn,) = (found for found in told["curves"] if found["method"] == method)
    onto = math.log if drawn["scale"] == "log" else float
    for seed in (1, 2, 3):
        answer = verify(calibrated, 1, seed, method=method).json()
        knots = [onto(score) for score in drawn["scores"]]
        for name, of_answer in (("fmr", answer["fmr_at_score"]), ("fmr_high", answer["fmr_interval"][1])):
            expected = 10 ** np.interp(onto(answer["score"]), knots, np.log10(drawn[name]))
            assert of_answer == pytest.approx(expected, rel=0.01)
    assert drawn["operating_points"][0]["name"] == "fmr_1e-2"
    assert drawn["input_form"] == "photo"


def test_curves_that_do_not_hold_are_not_told(settings, bundle, backbone_session):
    def change(served):
        calibrations = Calibrations("made up", (COSINE, IDA))
        other = served.parameters.model_copy(update={"k": served.parameters.k + 1})
        return dataclasses.replace(served, calibrations=calibrations, parameters=other)

    with serving(settings, bundle, backbone_session, change) as client:
        assert [found["method"] for found in client.get("/info/curves").json()["curves"]] == ["cosine"]


def test_without_a_calibration_there_are_no_curves(client):
    assert client.get("/info/curves").json()["curves"] == []


def test_without_any_operating_point_there_is_the_rate_and_no_decision(settings, bundle, backbone_session):
    none = settings.model_copy(update={"operating_point": ""})
    calibrations = Calibrations("made up", (COSINE, IDA))
    with serving(
        none, bundle, backbone_session, lambda served: dataclasses.replace(served, calibrations=calibrations)
    ) as client:
        answer = verify(client, method="cosine").json()
        assert client.get("/info").json()["operating_point"] is None
    assert answer["decision"] is None
    assert answer["threshold"] is None
    assert answer["fmr_at_score"] is not None
    assert answer["no_decision_reason"] == "no operating point was asked; ask for one of: fmr_1e-2, fmr_1e-3"
    assert answer["cosine"]["no_decision_reason"] == answer["no_decision_reason"]


def test_default_operating_point_decides_where_none_is_asked(settings, bundle, backbone_session):
    defaulting = settings.model_copy(update={"operating_point": "fmr_1e-3"})
    calibrations = Calibrations("made up", (COSINE, IDA))
    with serving(
        defaulting, bundle, backbone_session, lambda served: dataclasses.replace(served, calibrations=calibrations)
    ) as client:
        by_default = verify(client, method="cosine").json()
        asked = verify(client, method="cosine", operating_point="fmr_1e-2").json()
        lacking = verify(client, method="ida-r").json()
    assert (by_default["decision"], by_default["operating_point"], by_default["threshold"]) == (
        "match",
        "fmr_1e-3",
        0.4,
    )
    assert (asked["operating_point"], asked["threshold"]) == ("fmr_1e-2", 0.3)
    # No error: it was not the caller who named it.
    assert lacking["decision"] is None
    assert "fmr_1e-2" in lacking["no_decision_reason"]


def test_who_names_no_operating_point_gets_a_decision_at_one_in_ten_thousand(settings, bundle, backbone_session):
    """Nothing is set, nothing is asked: an anchor set with fmr_1e-4 decides, one without says what it has."""
    cosine = dataclasses.replace(COSINE, points=(*COSINE.points, point("fmr_1e-4", 1e-4, 0.5)))
    for calibrated_by in (cosine, COSINE):
        found = Calibrations("made up", (calibrated_by,))
        with serving(
            settings,
            bundle,
            backbone_session,
            lambda served, found=found: dataclasses.replace(served, calibrations=found),
        ) as client:
            answer = verify(client, method="cosine").json()
            assert client.get("/info").json()["operating_point"] == "fmr_1e-4"
        if calibrated_by is cosine:
            assert (answer["operating_point"], answer["threshold"], answer["decision"]) == ("fmr_1e-4", 0.5, "match")
        else:
            assert answer["decision"] is None
            assert "fmr_1e-2, fmr_1e-3" in answer["no_decision_reason"]


def test_start_with_a_default_operating_point_that_nothing_was_calibrated_for_is_refused(
    tmp_path, bundle, backbone_session
):
    write_calibrated(tmp_path / "calibrated", bundle)
    strict = Settings(home=tmp_path, operating_point="strict")
    with (
        pytest.raises(SettingsInvalid, match=r"IDA_OPERATING_POINT.*'strict'.*fmr_1e-2, fmr_1e-3"),
        serving(strict, tmp_path / "calibrated", backbone_session),
    ):
        pass


def test_unknown_operating_point_is_refused_and_lists_the_known(calibrated):
    response = verify(calibrated, method="cosine", operating_point="strict")
    assert (response.status_code, response.json()["code"]) == (400, "unknown_operating_point")
    assert "fmr_1e-3" in response.json()["detail"]


def test_unknown_operating_point_is_refused_whatever_the_form_and_before_anything_is_computed(calibrated):
    embedding = np.eye(DIMENSION)[0].tolist()
    body = {"probe": {"embedding": embedding}, "reference": {"embedding": embedding}}
    single = calibrated.post("/verify", json={**body, "operating_point": "strict"})
    batch = calibrated.post("/verify/batch", json={"pairs": [body], "operating_point": "strict"})
    no_picture = calibrated.post("/verify", files={"probe": b"no", "reference": b"no"}, data={"operating_point": "x"})
    for answer in (single, batch, no_picture):
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_operating_point")


def test_point_that_cosine_alone_lacks_leaves_its_decision_out(calibrated, settings, bundle, backbone_session):
    lacking = dataclasses.replace(COSINE, points=())
    calibrations = Calibrations("made up", (lacking, IDA))
    with serving(
        settings, bundle, backbone_session, lambda served: dataclasses.replace(served, calibrations=calibrations)
    ) as client:
        answer = verify(client, method="ida-r", operating_point="fmr_1e-2").json()
    assert answer["decision"] is not None
    assert answer["cosine"]["decision"] is None
    assert "fmr_1e-2" in answer["cosine"]["no_decision_reason"]


def test_form_or_method_that_was_not_calibrated_gives_scores_and_the_reason(calibrated):
    embedding = np.eye(DIMENSION)[0].tolist()
    body = {"probe": {"embedding": embedding}, "reference": {"embedding": embedding}, "operating_point": "fmr_1e-2"}
    answer = calibrated.post("/verify", json=body).json()
    assert answer["similarity"] == pytest.approx(1)
    assert answer["decision"] is answer["fmr_at_score"] is None
    assert "embedding" in answer["no_decision_reason"]
    other = verify(calibrated, method="csls", operating_point="fmr_1e-2").json()
    assert other["score"] is not None
    assert other["decision"] is None
    assert "csls" in other["no_decision_reason"]


def test_bundle_without_calibration_gives_scores_and_the_reason(client):
    answer = verify(client, operating_point="fmr_1e-2").json()
    assert answer["decision"] is None
    assert "calibrate" in answer["no_decision_reason"]


def test_info_names_the_population_and_the_operating_points(calibrated, client):
    calibration = calibrated.get("/info").json()["calibration"]
    assert calibration["population"] == "fifty people made up for a test"
    methods = {found["method"]: found for found in calibration["methods"]}
    assert [found["name"] for found in methods["cosine"]["operating_points"]] == ["fmr_1e-2", "fmr_1e-3"]
    assert client.get("/info").json()["calibration"] is None
