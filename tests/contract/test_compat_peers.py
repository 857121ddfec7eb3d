"""The shapes of CompreFace, Face++ and LocalAI over HTTP: their request bodies, their answers, their errors."""

import math

import pytest
from compat_serving import CROWD, NOBODY, ONE, TWO, compat_serving, data_uri, in_base64, native, one_for_many_tests
from fakes import FakeLivenessNetwork, picture

COMPREFACE = "/compat/compreface/api/v1/verification/verify"
FACEPP = "/compat/facepp/facepp/v3/compare"
LOCALAI = "/compat/localai/v1/face/verify"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with one_for_many_tests(tmp_path_factory.mktemp("compat")) as client:
        yield client


def on_scale(fmr):
    evidence = -math.log10(fmr)
    return evidence / (evidence + 1.8)


# CompreFace


def compreface(client, source=ONE, target=TWO, query="?&limit=0&det_prob_threshold=0.5&status=False"):
    """As its Python SDK asks: options in the query, Python's own truth values, an ampersand too many."""
    return client.post(COMPREFACE + query, files={"source_image": ("a.png", source), "target_image": ("b.png", target)})


def test_compreface_answers_the_pair_and_the_rate_of_its_score_on_a_scale(client):
    (result,) = compreface(client).json()["result"]
    assert result.keys() == {"source_image_face", "face_matches"}
    own = native(client)
    (match,) = result["face_matches"]
    assert match["similarity"] == pytest.approx(on_scale(own["fmr_at_score"]), abs=2e-3)
    box = own["faces"]["reference"]["box"]
    assert match["box"] == {
        "probability": own["faces"]["reference"]["detection_score"],
        "x_min": round(box["left"]), "y_min": round(box["top"]),
        "x_max": round(box["right"]), "y_max": round(box["bottom"]),
    }  # fmt: skip


def test_compreface_takes_base64_in_json_and_its_plugins(client):
    query = "?face_plugins=landmarks,calculator&status=true&prediction_count=1"
    document = {"source_image": in_base64(ONE), "target_image": in_base64(TWO)}
    (result,) = client.post(COMPREFACE + query, json=document).json()["result"]
    source = result["source_image_face"]
    embedded = client.post("/embed", files={"image": ONE}).json()
    assert source["embedding"] == pytest.approx(embedded["embedding"], abs=1e-6)
    assert source["landmarks"] == [[round(x), round(y)] for x, y in embedded["face"]["landmarks"]]
    assert source["execution_time"].keys() == {"detector", "calculator"}
    assert result["plugins_versions"] == {"detector": "yunet", "calculator": "fake"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?face_plugins=age", 26),
        ("?threshold=0.5", 26),
        ("?limit=-1", 0),
        ("?det_prob_threshold=2", 0),
        ("?limit=1&limit=2", 0),
        ("?det_prob_threshold=0.95", 28),
    ],
)
def test_compreface_refuses_what_cannot_be_honoured(client, query, code):
    answer = compreface(client, query=query)
    assert answer.status_code == 400
    assert answer.json().keys() == {"message", "code"}
    assert answer.json()["code"] == code


def test_compreface_compares_one_face_and_says_where_there_are_more(client):
    assert compreface(client, NOBODY).json()["code"] == 28
    assert compreface(client, target=NOBODY).json()["code"] == 28
    assert compreface(client, CROWD, query="?limit=1").json()["code"] == 31
    several = compreface(client, target=CROWD)
    assert (several.status_code, several.json()["code"]) == (400, 31)
    assert "limit=1" in several.json()["message"]


def test_compreface_limit_of_one_takes_the_chosen_face_of_the_target(settings, bundle, backbone_session):
    with compat_serving(settings, bundle, backbone_session, face_policy="largest") as client:
        assert compreface(client, target=CROWD, query="?limit=1").status_code == 200


@pytest.mark.parametrize("name", ["source_image", "target_image"])
def test_compreface_says_which_picture_is_missing_or_a_link(client, name):
    other = {"source_image", "target_image"} - {name}
    missing = client.post(COMPREFACE, files=dict.fromkeys(other, ONE))
    assert (missing.status_code, missing.json()["code"]) == (400, 33)
    assert name in missing.json()["message"]
    link = {**{one: in_base64(ONE) for one in other}, name: "https://example.com/a.jpg"}
    assert "fetches nothing" in client.post(COMPREFACE, json=link).json()["message"]


# Face++


KEYS = {"api_key": "theirs", "api_secret": "secret"}


def test_facepp_answers_the_rate_as_confidence_beside_its_thresholds(client):
    files = {"image_file1": ("a.png", ONE), "image_file2": ("b.png", TWO)}
    answer = client.post(FACEPP, data=KEYS, files=files, headers={"X-Request-ID": "order-17"}).json()
    own = native(client)
    assert answer["confidence"] == pytest.approx(100 * on_scale(own["fmr_at_score"]), abs=0.2)
    assert answer["thresholds"] == {"1e-3": 62.5, "1e-4": 68.966, "1e-5": 73.529}
    assert answer["request_id"] == "order-17"
    assert isinstance(answer["time_used"], int)
    box = own["faces"]["probe"]["box"]
    (face,) = answer["faces1"]
    assert face["face_rectangle"]["left"] == round(box["left"])
    assert face["face_rectangle"]["width"] == round(box["right"] - box["left"])
    assert "secret" not in str(answer)


@pytest.mark.parametrize(("other", "passes"), [(1, {"1e-3", "1e-4"}), (2, set())])
def test_facepp_confidence_passes_a_threshold_where_the_rate_is_as_small(client, other, passes):
    files = {"image_file1": ONE, "image_file2": picture(seed=other)}
    answer, own = client.post(FACEPP, files=files).json(), native(client, reference=picture(seed=other))
    reached = {name for name, least in answer["thresholds"].items() if answer["confidence"] >= least}
    assert reached == {name for name in answer["thresholds"] if own["fmr_at_score"] <= float(name)}
    assert passes <= reached


def test_facepp_takes_base64_in_forms_of_both_kinds(client):
    texts = {"image_base64_1": in_base64(ONE), "image_base64_2": data_uri(TWO)}
    expected = client.post(FACEPP, files={"image_file1": ONE, "image_file2": TWO}).json()["confidence"]
    urlencoded = client.post(FACEPP, data={**KEYS, **texts})
    multipart = client.post(FACEPP, files={name: (None, value) for name, value in {**KEYS, **texts}.items()})
    assert [urlencoded.json()["confidence"], multipart.json()["confidence"]] == [expected, expected]


def test_facepp_takes_the_file_of_several_ways_to_name_a_picture(client):
    data = {"image_url1": "https://example.com/a.jpg", "image_base64_1": in_base64(TWO)}
    answer = client.post(FACEPP, data=data, files={"image_file1": ONE, "image_file2": ONE})
    same = client.post(FACEPP, files={"image_file1": ONE, "image_file2": ONE})
    assert answer.json()["confidence"] == same.json()["confidence"]


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ({"image_url1": "https://example.com/a.jpg"}, 400, "INVALID_IMAGE_URL: image_url1"),
        ({"face_token1": "c2fc0ad7"}, 400, "INVALID_FACE_TOKEN: face_token1"),
        ({}, 400, "MISSING_ARGUMENTS: image_url1, image_file1, image_base64_1"),
        ({"image_base64_1": "@@@@"}, 400, "IMAGE_ERROR_UNSUPPORTED_FORMAT: image_file1"),
        ({"image_base64_1": "aGVsbG8="}, 400, "IMAGE_ERROR_UNSUPPORTED_FORMAT: image_file1"),
        ({"image_base64_1": "https://example.com/a.jpg"}, 400, "BAD_ARGUMENTS: image_base64_1"),
        ({"image_best": "x"}, 400, "BAD_ARGUMENTS: image_best"),
    ],
    ids=str,
)
def test_facepp_errors_are_its_own(client, given, status, message):
    answer = client.post(FACEPP, data={**KEYS, **given}, files={"image_file2": TWO})
    assert answer.status_code == status
    assert answer.json()["error_message"].startswith(message)
    assert answer.json()["detail"]
    assert "example.com" not in answer.text


def test_facepp_without_a_face_is_no_error_and_has_no_confidence(client):
    answer = client.post(FACEPP, files={"image_file1": ONE, "image_file2": NOBODY})
    assert answer.status_code == 200
    assert answer.json().keys() == {"request_id", "faces2"}
    assert answer.json()["faces2"] == []


def test_facepp_form_of_very_many_fields_is_refused_unparsed(client):
    content = b"&".join(b"a%d=" % number for number in range(200_000))
    answer = client.post(FACEPP, content=content, headers={"content-type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.json()["error_message"][:13]) == (400, "BAD_ARGUMENTS")


# LocalAI


def localai(client, one=ONE, two=TWO, **changes):
    return client.post(LOCALAI, json={"model": "fake", "img1": in_base64(one), "img2": data_uri(two), **changes})


def test_localai_answers_as_the_service_decides(client):
    answer = localai(client).json()
    own = native(client)
    assert answer.keys() == {
        *("verified", "distance", "threshold", "confidence", "model", "img1_area", "img2_area", "processing_time_ms")
    }
    assert answer["verified"] is (own["decision"] == "match")
    assert answer["distance"] == pytest.approx(1 - own["similarity"], abs=1e-6)
    assert answer["img1_area"]["x"] == own["faces"]["probe"]["box"]["left"]
    same = localai(client, two=ONE).json()
    assert (same["verified"], same["confidence"]) == (True, pytest.approx(100, abs=0.1))


def test_localai_threshold_of_the_caller_is_of_the_cosine_distance(client):
    distance = localai(client).json()["distance"]
    wide, narrow = (localai(client, threshold=distance * factor).json() for factor in (1.25, 0.8))
    assert (wide["verified"], narrow["verified"]) == (True, False)
    assert (wide["confidence"], narrow["confidence"]) == (pytest.approx(20, abs=0.01), 0)


def test_localai_liveness_is_told_and_forces_verified(settings, bundle, backbone_session):
    live, spoof = (picture(seed=1, blue=blue, hundredths=20, width=400, height=400) for blue in (250, 5))
    with compat_serving(settings, bundle, backbone_session, liveness=FakeLivenessNetwork()) as client:
        answer = localai(client, live, spoof, anti_spoofing=True, threshold=2).json()
        assert (answer["img1_is_real"], answer["img2_is_real"], answer["verified"]) == (True, False, False)
        assert answer["img1_antispoof_score"] > 0.9 > answer["img2_antispoof_score"]
        assert localai(client, live, live, anti_spoofing=True).json()["verified"]


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({"model": "insightface-opencv"}, 400, "invalid_request"),
        ({"img1": "https://example.com/alice.jpg"}, 400, "invalid_request"),
        ({"img2": in_base64(NOBODY)}, 404, "no_face"),
        ({"img2": in_base64(b"no picture")}, 400, "unsupported_image_type"),
        ({"top_k": 5}, 400, "unknown_field"),
        ({"anti_spoofing": True}, 400, "liveness_not_served"),
    ],
)
def test_localai_errors_are_its_own(client, changes, status, kind):
    answer = localai(client, **changes)
    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"code", "message", "type"}
    assert (answer.json()["error"]["code"], answer.json()["error"]["type"]) == (status, kind)
    assert "example.com" not in answer.text
