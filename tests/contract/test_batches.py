"""Batches over HTTP: the same answers as one by one, a problem for what fails alone, one anchor set for all."""

import base64
import threading

import numpy as np
import pytest
from fakes import DIMENSION, picture
from hostile_pictures import hostile_picture
from small_bundles import small_bundle

from service.snapshot.snapshot import load_snapshot
from service.verifier import Photo
from service.verifier.face_batch import ReadFaces


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def photo(seed=1, faces=1):
    return {"image": b64(picture(faces, seed=seed))}


def vector(seed=1):
    return {"embedding": np.random.default_rng(seed).standard_normal(DIMENSION).tolist()}


def pair(probe, reference):
    return {"probe": probe, "reference": reference}


def without(answer, *names):
    return {name: value for name, value in answer.items() if name not in (*names, "timings_ms", "request_id")}


def test_batch_answers_what_single_requests_answer(client):
    pairs = [pair(photo(1), photo(2)), pair(photo(3), vector(4)), pair(vector(5), vector(6)), pair(photo(2), photo(1))]

    answer = client.post("/verify/batch", json={"pairs": pairs, "method": "ida-r"})

    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [item["status"] for item in items] == [200] * 4
    for item, asked in zip(items, pairs, strict=True):
        single = client.post("/verify", json={**asked, "method": "ida-r"}).json()
        assert item["problem"] is None
        assert without(item["answer"], "score", "dao_score", "similarity", "cosine", "density", "crowding") == without(
            single, "score", "dao_score", "similarity", "cosine", "density", "crowding"
        )
        for name in ("score", "dao_score", "similarity"):
            assert item["answer"][name] == pytest.approx(single[name], abs=1e-6)
        assert item["answer"]["crowding"] == pytest.approx(single["crowding"], abs=1e-6)
        assert item["answer"]["cosine"].keys() == single["cosine"].keys()
    assert answer.json()["timings_ms"]["detect"] > 0
    assert answer.json()["anchor_set"] == items[0]["answer"]["anchor_set"]


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("png with an infinite orientation", 422, "no_face"),
        ("png without a palette", 422, "image_undecodable"),
        ("jpeg with damaged data", 422, "image_undecodable"),
        ("jpeg of allowed empty scans", 413, "image_too_large"),
        ("jpeg by arithmetic", 415, "unsupported_image_type"),
        ("bmp of runs", 415, "unsupported_image_type"),
    ],
)
def test_hostile_picture_fails_its_own_pair_alone(client, name, status, code):
    hostile = {"image": b64(hostile_picture(name))}
    pairs = [pair(photo(1), photo(2)), pair(photo(1), hostile), pair(photo(2), photo(1))]

    items = client.post("/verify/batch", json={"pairs": pairs}).json()["items"]

    assert [item["status"] for item in items] == [200, status, 200]
    assert items[1]["problem"]["code"] == code


def test_face_that_recurs_is_detected_and_embedded_once(client, backbone_session):
    rows = []
    run = backbone_session.run
    backbone_session.run = lambda inputs: (rows.append(len(inputs)), run(inputs))[1]
    detected = []
    detector = client.app_state["service"].pipeline._extractor._finder._detector
    detect = detector.detect
    detector.detect = lambda image: (detected.append(1), detect(image))[1]
    pairs = [pair({"face": "one"}, photo(seed)) for seed in range(5)] + [pair(photo(0), {"face": "one"})]

    answer = client.post("/verify/batch", json={"faces": {"one": photo(9)}, "pairs": pairs})

    assert [item["status"] for item in answer.json()["items"]] == [200] * 6
    assert len(detected) == 6
    assert sum(rows) == 6
    assert answer.json()["items"][0]["answer"]["score"] == pytest.approx(answer.json()["items"][5]["answer"]["score"])


def test_pair_that_cannot_be_scored_fails_alone_and_names_its_side(client):
    pairs = [
        pair(photo(1), photo(2, faces=0)),
        pair(photo(2, faces=0), photo(1)),
        pair(photo(1), {"image": b64(b"no picture")}),
        pair(photo(1), {"embedding": [1.0, 2.0]}),
        pair(photo(1), photo(3)),
    ]
    items = client.post("/verify/batch", json={"pairs": pairs}).json()["items"]
    told = [(item["status"], item["problem"] and (item["problem"]["code"], item["problem"]["image"])) for item in items]
    assert told == [
        (422, ("no_face", "reference")),
        (422, ("no_face", "probe")),
        (415, ("unsupported_image_type", "reference")),
        (422, ("dimension_mismatch", "reference")),
        (200, None),
    ]


def test_batch_of_failures_alone_is_answered(client):
    items = client.post("/verify/batch", json={"pairs": [pair(photo(1, 0), photo(2, 0))]}).json()["items"]
    assert [item["status"] for item in items] == [422]
    assert client.post("/embed/batch", json={"faces": [photo(1, 0)]}).json()["items"][0]["status"] == 422


def test_batch_of_faces_answers_what_single_requests_answer(client):
    faces = [photo(1), vector(2), photo(3, faces=0), photo(1)]
    answer = client.post("/embed/batch", json={"faces": faces}).json()
    assert [item["status"] for item in answer["items"]] == [200, 200, 422, 200]
    assert answer["items"][2]["problem"]["image"] == "image"
    for place in (0, 1, 3):
        single = client.post("/embed", json=faces[place]).json()
        found = answer["items"][place]["answer"]
        assert found["embedding"] == pytest.approx(single["embedding"], abs=1e-6)
        assert found["crowding"] == pytest.approx(single["crowding"], abs=1e-6)
        assert found["face"] == single["face"]


@pytest.mark.parametrize(
    ("path", "document", "code"),
    [
        ("/verify/batch", {"pairs": []}, "invalid_request"),
        ("/verify/batch", {"pairs": [pair({"face": "x"}, {"face": "x"})]}, "invalid_request"),
        ("/verify/batch", {"pairs": [{"probe": {"face": "x"}}]}, "invalid_request"),
        ("/verify/batch", {"pairs": [pair({"image": "?"}, {"image": "????"})]}, "invalid_request"),
        ("/verify/batch", {"pairs": [pair({"embedding": [1.0]}, {"embedding": [1.0]})], "k": 3}, "unknown_field"),
        ("/verify/batch", {"pairs": [pair(vector(), vector())], "method": "dao"}, "unknown_method"),
        ("/verify/batch", {"pairs": [pair(vector(), vector())] * 65}, "invalid_request"),
        ("/embed/batch", {"faces": [vector()] * 65}, "invalid_request"),
        ("/embed/batch", {"faces": [{}]}, "invalid_request"),
        ("/verify/batch", {"pairs": [pair({"face": "x" * 65}, vector())]}, "invalid_request"),
    ],
)
def test_document_that_cannot_be_used_is_refused_whole(client, path, document, code):
    answer = client.post(path, json=document)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_base64_that_is_none_fails_what_it_is_in_alone(client):
    good, bad = vector(), {"image": "????"}
    pairs = [
        pair(good, good),
        pair(bad, good),
        pair(good, {"face": "bad"}),
        pair({"face": "bad"}, good),
        pair(good, {"face": "good"}),
        pair(good, [good, bad]),
    ]
    answer = client.post("/verify/batch", json={"faces": {"bad": bad, "good": good}, "pairs": pairs})
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [item["status"] for item in items] == [200, 400, 400, 400, 200, 400]
    problems = [item["problem"] for item in items if item["problem"]]
    assert {problem["code"] for problem in problems} == {"invalid_base64"}
    assert [problem["image"] for problem in problems] == ["probe", "reference", "probe", "reference"]
    assert problems[0]["detail"].startswith("pairs.1.probe.image is not base64")

    faces = client.post("/embed/batch", json={"faces": [bad, good]}).json()["items"]
    assert [item["status"] for item in faces] == [400, 200]
    only = client.post("/verify/batch", json={"pairs": [pair(bad, bad)]})
    assert (only.status_code, [item["status"] for item in only.json()["items"]]) == (200, [400])


def test_form_is_told_to_be_json(client):
    answer = client.post("/verify/batch", files={"probe": ("a.png", picture())})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_batch_that_spans_a_swap_is_scored_wholly_by_the_anchor_set_it_began_with(client, tmp_path):
    verifier, registry, pipeline = (
        getattr(client.app_state["service"], name) for name in ("verifier", "registry", "pipeline")
    )
    small_bundle(tmp_path / "next", seed=5, backbone_id=pipeline.backbone_id, embed=pipeline.embed)
    photographs = [Photo(picture(seed=seed)) for seed in range(4)]
    pairs = [(photographs[0], photographs[1]), (photographs[2], photographs[3])]
    wholly = verifier.batch(method="ida-r")
    parts = [wholly.read(photographs[:2]), wholly.read(photographs[2:])]
    before = wholly.verify(pairs, ReadFaces.joined(parts)).items

    spanning = verifier.batch(method="ida-r")
    first = spanning.read(photographs[:2])
    other = load_snapshot(tmp_path / "next", backbone_id=pipeline.backbone_id, device="cpu", generation=1)
    assert registry.swap(other)
    items = spanning.verify(pairs, ReadFaces.joined([first, spanning.read(photographs[2:])])).items

    assert [item.score for item in items] == [item.score for item in before]
    assert {item.snapshot.generation for item in items} == {0}
    afterwards = verifier.batch(method="ida-r")
    changed = afterwards.verify(pairs, afterwards.read(photographs)).items
    assert {item.snapshot.generation for item in changed} == {1}
    assert all(one.score != other.score for one, other in zip(changed, before, strict=True))


def test_batches_and_single_requests_side_by_side_do_not_mix(client):
    pairs = [pair(photo(seed), photo(seed + 1)) for seed in range(6)]
    alone = [client.post("/verify", json=asked).json()["score"] for asked in pairs]
    found = {}

    def ask(number):
        answer = client.post("/verify/batch", json={"pairs": pairs[number:] + pairs[:number]}).json()
        found[number] = [item["answer"]["score"] for item in answer["items"]]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, scores in found.items():
        assert scores == pytest.approx(alone[number:] + alone[:number], abs=1e-6)
