"""deepface's API over HTTP: its request bodies, its answers, and what it asks for that is not to be had here."""

import math

import pytest
from compat_serving import CROWD, NOBODY, ONE, TWO, compat_serving, data_uri, in_base64, native, one_for_many_tests
from fakes import FakeLivenessNetwork, picture

VERIFY, REPRESENT = "/compat/deepface/verify", "/compat/deepface/represent"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with one_for_many_tests(tmp_path_factory.mktemp("compat")) as client:
        yield client


def verify(client, one=ONE, two=TWO, **options):
    return client.post(VERIFY, json={"img1": data_uri(one), "img2": data_uri(two), **options})


def test_answer_has_deepfaces_fields_and_says_what_verify_says(client):
    answer = verify(client).json()
    assert answer.keys() == {
        *("verified", "distance", "threshold", "model", "detector_backend"),
        *("similarity_metric", "facial_areas", "time"),
    }
    own = native(client)
    assert answer["verified"] is (own["decision"] == "match")
    assert answer["distance"] == pytest.approx(1 - own["similarity"], abs=1e-6)
    assert (answer["model"], answer["detector_backend"], answer["similarity_metric"]) == ("fake", "yunet", "cosine")
    box = own["faces"]["probe"]["box"]
    area = answer["facial_areas"]["img1"]
    assert (area["x"], area["y"]) == (round(box["left"]), round(box["top"]))
    assert (area["w"], area["h"]) == (round(box["right"] - box["left"]), round(box["bottom"] - box["top"]))
    # As seen in the picture, the first landmark is the left eye: the person's right one.
    assert area["right_eye"] == [round(value) for value in own["faces"]["probe"]["landmarks"][0]]
    assert area["left_eye"][0] > area["right_eye"][0]


def test_threshold_is_that_of_the_pair_in_cosine_and_decides_as_the_service_does(client):
    """ida-r's score is exp(tau s) G, with G of this pair: at the threshold the same G must give the service's own."""
    decided = set()
    for seed in range(1, 8):
        other = picture(seed=seed)
        answer, own = verify(client, two=other).json(), native(client, reference=other)
        assert own["method"] == "ida-r"
        factor = own["score"] / math.exp(own["similarity"])  # tau is 1
        assert factor * math.exp(1 - answer["threshold"]) == pytest.approx(own["threshold"], rel=1e-4)
        assert answer["verified"] is (own["decision"] == "match") is (answer["distance"] <= answer["threshold"])
        decided.add(answer["verified"])
    assert decided == {True, False}
    assert len({round(verify(client, two=picture(seed=seed)).json()["threshold"], 4) for seed in (2, 3, 4)}) == 3


@pytest.mark.parametrize(
    ("metric", "measure"),
    [
        ("euclidean_l2", lambda distance: math.sqrt(2 * distance)),
        ("angular", lambda distance: math.acos(1 - distance) / math.pi),
    ],
)
def test_other_metrics_are_those_of_the_same_two_vectors(client, metric, measure):
    cosine, other = verify(client).json(), verify(client, distance_metric=metric).json()
    assert other["distance"] == pytest.approx(measure(cosine["distance"]))
    assert other["threshold"] == pytest.approx(measure(cosine["threshold"]))
    assert other["verified"] is cosine["verified"]
    for own in (other["distance"] * 1.001, other["distance"] * 0.999):
        answer = verify(client, distance_metric=metric, threshold=own).json()
        assert (answer["threshold"], answer["verified"]) == (own, own > other["distance"])


def test_forms_of_both_kinds_hold_files_or_data_uris(client):
    files = {"img1": ("a.png", ONE), "img2": ("b.png", TWO)}
    expected = verify(client).json()
    for answer in (
        client.post(VERIFY, files=files, data={"enforce_detection": "true", "align": "True"}),
        client.post(VERIFY, data={"img1": data_uri(ONE), "img2": data_uri(TWO)}),
        client.post(VERIFY, json={"img1_path": data_uri(ONE), "img2_path": data_uri(TWO)}),
    ):
        assert answer.status_code == 200, answer.text
        assert {**answer.json(), "time": 0} == {**expected, "time": 0}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("model_name", "Facenet512"),
        ("detector_backend", "retinaface"),
        ("distance_metric", "euclidean"),
        ("enforce_detection", False),
        ("enforce_detection", "false"),
        ("align", False),
        ("expand_percentage", 10),
        ("normalization", "ArcFace"),
        ("threshold", "many"),
        ("actions", ["age"]),
    ],
    ids=str,
)
def test_what_cannot_be_honoured_is_refused_and_names_the_option(client, option, value):
    answer = verify(client, **{option: value})
    assert answer.status_code == 400
    assert option in answer.json()["exception"]
    if not isinstance(value, list):
        files = {"img1": ONE, "img2": TWO}
        assert client.post(VERIFY, files=files, data={option: str(value)}).status_code == 400


def test_defaults_that_are_spelled_out_are_taken(client):
    told = {"model_name": "fake", "detector_backend": "yunet", "normalization": "base", "silent": True}
    assert verify(client, **told, enforce_detection=True, expand_percentage=0).status_code == 200


@pytest.mark.parametrize("place", ["https://example.com/a.jpg", "/etc/passwd", "faces/a.jpg", "file:///a.jpg", "~/a"])
def test_links_and_paths_are_refused_and_not_repeated(client, place):
    answer = client.post(VERIFY, json={"img1": place, "img2": data_uri(TWO)})
    assert answer.status_code == 400
    assert "img1" in answer.json()["exception"]
    assert "data:image" in answer.json()["exception"]
    assert place not in answer.text


def test_errors_are_deepfaces_and_without_a_traceback(client):
    answer = verify(client, two=NOBODY)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert "face" in answer.json()["error"]
    assert "Traceback" not in answer.text
    missing = client.post(VERIFY, json={"img1": data_uri(ONE)})
    assert (missing.status_code, "'img2' not found" in missing.json()["exception"]) == (400, True)
    assert client.post(VERIFY, content=b"{", headers={"content-type": "application/json"}).status_code == 400


def test_embeddings_are_compared_as_embeddings(client):
    one, two = (
        client.post(REPRESENT, json={"img": data_uri(content)}).json()["results"][0]["embedding"]
        for content in (ONE, TWO)
    )
    answer = client.post(VERIFY, json={"img1": one, "img2": two, "threshold": 0.5}).json()
    assert answer["distance"] == pytest.approx(1 - native(client)["similarity"], abs=1e-5)
    assert answer["facial_areas"]["img1"] == dict.fromkeys(("x", "y", "w", "h", "left_eye", "right_eye"))
    undecided = client.post(VERIFY, json={"img1": one, "img2": two})
    assert (undecided.status_code, "no decision" in undecided.json()["exception"]) == (400, True)


def test_represent_gives_what_embed_gives(client):
    answer = client.post(REPRESENT, files={"img": ("a.png", ONE)}).json()
    own = client.post("/embed", files={"image": ONE}).json()
    (found,) = answer["results"]
    assert found.keys() == {"embedding", "facial_area", "face_confidence"}
    assert found["embedding"] == own["embedding"]
    assert found["face_confidence"] == round(own["face"]["detection_score"], 2)


def test_picture_of_several_faces_is_embedded_only_where_one_is_asked_for(client):
    refused = client.post(REPRESENT, json={"img": data_uri(CROWD)})
    assert refused.status_code == 400
    assert "max_faces=1" in refused.json()["error"]
    answer = client.post(REPRESENT, json={"img": data_uri(CROWD), "max_faces": 1})
    largest = client.post("/embed", files={"image": CROWD}, data={"face_policy": "largest"}).json()
    assert answer.json()["results"][0]["embedding"] == largest["embedding"]


def test_detector_backend_skip_takes_aligned_crops_alone(client):
    crop = picture(seed=1, width=112, height=112)
    answer = verify(client, crop, crop, detector_backend="skip", threshold=0.1)
    assert answer.json()["distance"] == pytest.approx(0, abs=1e-5)
    assert verify(client, detector_backend="skip", threshold=0.1).status_code == 400


def test_anti_spoofing_refuses_what_is_not_shown_to_be_live(settings, bundle, backbone_session):
    live, spoof = (picture(seed=1, blue=blue, hundredths=20, width=400, height=400) for blue in (250, 5))
    with compat_serving(settings, bundle, backbone_session, liveness=FakeLivenessNetwork()) as client:
        assert verify(client, live, live, anti_spoofing=True).json()["verified"]
        for pair in ((live, spoof), (spoof, live)):
            refused = verify(client, *pair, anti_spoofing=True)
            assert refused.status_code == 400
            assert "not shown to be live" in refused.json()["error"].lower()
    with compat_serving(settings, bundle, backbone_session) as client:
        assert "liveness" in verify(client, anti_spoofing=True).json()["exception"]


def test_plain_base64_without_a_scheme_is_no_path_that_is_opened(client):
    assert verify(client).status_code == 200
    answer = client.post(VERIFY, json={"img1": in_base64(ONE), "img2": data_uri(TWO)})
    assert (answer.status_code, "data URI" in answer.json()["exception"]) == (400, True)
