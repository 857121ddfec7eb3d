"""Embeddings as bytes: the same answers as in JSON, in columns; what is no such body is refused before it is read."""

import json

import numpy as np
import pytest
from calibrated_bundles import calibrated
from fakes import DIMENSION, picture, serving

OCTETS = {"Content-Type": "application/octet-stream"}
PATH = f"/verify/batch?dimension={DIMENSION}"


@pytest.fixture
def faces():
    """Twelve faces, of which some resemble each other, as long as different pictures make them."""
    draw = np.random.default_rng(3)
    near = draw.standard_normal((3, DIMENSION)).repeat(4, axis=0) + 0.7 * draw.standard_normal((12, DIMENSION))
    return (near * draw.uniform(0.5, 3, (12, 1))).astype("<f4")


@pytest.fixture
def calibrated_client(settings, bundle, backbone_session, tmp_path):
    calibrated(tmp_path / "judged", bundle, methods=("cosine",), form="embedding")
    with serving(settings, tmp_path / "judged", backbone_session) as client:
        yield client


def both(client, faces, pairs, **options):
    """The answer to pairs of faces in columns, and the items of the answer in JSON."""
    body = faces[np.array(pairs)].tobytes()
    columns = client.post(PATH, content=body, headers=OCTETS, params={"dimension": DIMENSION, **options})
    assert columns.status_code == 200, columns.text
    sides = [{"embedding": face.tolist()} for face in faces]
    asked = {"pairs": [{"probe": sides[one], "reference": sides[other]} for one, other in pairs], **options}
    return columns.json(), client.post("/verify/batch", json=asked).json()["items"]


@pytest.mark.parametrize("options", [{}, {"operating_point": "fmr_1e-2"}, {"method": "ida-r"}, {"method": "s-norm"}])
def test_columns_tell_what_the_answers_of_the_pairs_do(calibrated_client, faces, options):
    pairs = [(one, other) for one in range(12) for other in range(12)][::3]
    columns, items = both(calibrated_client, faces, pairs, **options)
    for name in ("decision", "score", "similarity", "threshold", "fmr_at_score", "evidence"):
        expected = [item["answer"][name] for item in items]
        if name in ("decision", "threshold"):
            assert columns[name] == expected
        else:
            assert columns[name] == [value if value is None else pytest.approx(value, rel=5e-3) for value in expected]
    assert columns["no_decision_reason"] == items[0]["answer"]["no_decision_reason"]
    assert columns["anchor_set"] == items[0]["answer"]["anchor_set"]
    assert columns["method"] == items[0]["answer"]["method"]
    if "operating_point" in options:
        assert {"match", "non_match"} <= set(columns["decision"])
    assert columns["problems"] == columns["reasons"] == []


def test_pair_with_a_face_that_is_no_embedding_fails_alone(client, faces):
    faces[1], faces[2, 3] = 0, np.inf
    answer = client.post(PATH, content=faces[[0, 1, 2, 1, 3, 4]].tobytes(), headers=OCTETS).json()
    assert [problem["pair"] for problem in answer["problems"]] == [0, 1]
    assert [problem["problem"]["code"] for problem in answer["problems"]] == ["invalid_embedding"] * 2
    assert [problem["problem"]["image"] for problem in answer["problems"]] == ["reference", "probe"]
    assert [value is None for value in answer["score"]] == [True, True, False]
    none = client.post(PATH, content=np.zeros(2 * DIMENSION, "<f4").tobytes(), headers=OCTETS).json()
    assert none["score"] == [None]
    assert none["problems"][0]["status"] == 422


@pytest.mark.parametrize(
    ("query", "size", "status", "code"),
    [
        ("", 8 * DIMENSION, 400, "invalid_request"),
        ("?dimension=x", 8 * DIMENSION, 400, "invalid_request"),
        (f"?dimension={4 * DIMENSION}", 32 * DIMENSION, 422, "dimension_mismatch"),
        (f"?dimension={DIMENSION}", 0, 400, "invalid_request"),
        (f"?dimension={DIMENSION}", 8 * DIMENSION + 4, 400, "invalid_request"),
        (f"?dimension={DIMENSION}", 8 * DIMENSION * 4097, 400, "invalid_request"),
        (f"?dimension={DIMENSION}&k=3", 8 * DIMENSION, 400, "unknown_field"),
        (f"?dimension={DIMENSION}&method=a&method=b", 8 * DIMENSION, 400, "invalid_request"),
        (f"?dimension={DIMENSION}&method={'a' * 65}", 8 * DIMENSION, 400, "invalid_request"),
        (f"?dimension={DIMENSION}&method=dao", 8 * DIMENSION, 400, "unknown_method"),
        (f"?dimension={DIMENSION}&quality_policy=none", 8 * DIMENSION, 400, "invalid_request"),
    ],
)
def test_what_is_no_body_of_pairs_is_refused_and_says_why(client, query, size, status, code):
    answer = client.post(f"/verify/batch{query}", content=b"\x01" * size, headers=OCTETS)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/verify", "/embed", "/embed/batch"])
def test_other_paths_take_no_bytes(client, path):
    answer = client.post(path, content=bytes(8 * DIMENSION), headers=OCTETS)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_pairs_are_counted_and_audited_one_by_one(settings, bundle, backbone_session, faces, tmp_path):
    settings = settings.model_copy(update={"audit_log": str(tmp_path / "audit.log"), "log_pairs": True})
    with serving(settings, bundle, backbone_session) as client:
        answer = client.post(PATH, content=faces.tobytes(), headers=OCTETS).json()
        told = client.app_state["service"].metrics.registry
        counted = {
            name: told.get_sample_value(f"ida_{name}", labels)
            for name, labels in (
                ("similarity_count", {}),
                ("embedding_norm_sum", {}),
                ("score_count", {"method": "ida-r"}),
                ("crowding_count", {"method": "ida-r"}),
                ("embedding_norm_count", {}),
            )
        }
        below = told.get_sample_value("ida_similarity_bucket", {"le": "0.1"})
    lines = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert [round(line["score"], 5) for line in lines] == [round(score, 5) for score in answer["score"]]
    assert {line["request_id"] for line in lines} == {answer["request_id"]}
    assert counted.pop("embedding_norm_sum") == pytest.approx(np.linalg.norm(faces, axis=1).sum(), rel=1e-5)
    assert counted == {"similarity_count": 6, "score_count": 6, "crowding_count": 12, "embedding_norm_count": 12}
    assert below == sum(value <= 0.1 for value in answer["similarity"])


def test_service_that_requires_liveness_matches_no_embedding(settings, bundle, backbone_session, faces, tmp_path):
    from fakes import FakeLivenessNetwork

    calibrated(tmp_path / "judged", bundle, methods=("cosine",), form="embedding")
    settings = settings.model_copy(update={"liveness_policy": "require"})
    with serving(settings, tmp_path / "judged", backbone_session, liveness=FakeLivenessNetwork()) as client:
        columns, items = both(client, faces, [(0, 0), (0, 11)], operating_point="fmr_1e-2")
    assert columns["decision"] == [item["answer"]["decision"] for item in items] == ["inconclusive", "non_match"]
    told = [{"pair": row, "reasons": item["answer"]["reasons"]} for row, item in enumerate(items)]
    assert columns["reasons"] == told
    assert columns["fmr_at_score"] == [None, None]


def test_embedding_comes_as_bytes_and_goes_back_as_they_are(client):
    def embed(accept):
        return client.post("/embed", files={"image": ("a.png", picture(seed=1))}, headers={"Accept": accept})

    answer, given = embed("*/*").json(), embed("application/octet-stream")
    assert given.headers["content-type"] == "application/octet-stream"
    values = np.frombuffer(given.content, "<f4")
    assert np.linalg.norm(values) == pytest.approx(answer["norm"], rel=1e-5)
    assert values / np.linalg.norm(values) == pytest.approx(answer["embedding"], abs=1e-6)
    assert embed("application/json, application/octet-stream").headers["content-type"] == "application/json"
    compared = client.post(PATH, content=2 * given.content, headers=OCTETS).json()
    assert compared["similarity"] == [pytest.approx(1)]
    failed = client.post(
        "/embed", files={"image": ("a.png", picture(faces=0))}, headers={"Accept": "application/octet-stream"}
    )
    assert failed.json()["code"] == "no_face"
