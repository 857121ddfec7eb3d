"""Options belong in the body: what stands in the query and is not known is refused, and never passed over."""

import pytest
from fakes import picture

PAIR = {"probe": ("a.png", picture(seed=1)), "reference": ("b.png", picture(seed=2))}


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("/verify?liveness_policy=require", PAIR),
        ("/verify?operating_point=fmr_1e-6", PAIR),
        ("/embed?face_policy=reject", {"image": ("a.png", picture(seed=1))}),
    ],
)
def test_option_in_the_query_is_refused_where_the_body_has_them(client, path, files):
    answer = client.post(path, files=files)
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")
    assert path.partition("?")[2].partition("=")[0] in answer.json()["detail"]
    assert "body" in answer.json()["detail"]


def test_batch_and_curves_refuse_what_they_do_not_take(client):
    assert client.post("/verify/batch?operating_point=fmr_1e-9", json={"pairs": []}).json()["code"] == "unknown_field"
    answer = client.get("/info/curves?methd=ida-r")
    assert answer.json()["code"] == "unknown_field"
    assert "method" in answer.json()["detail"]
    assert client.get("/info/curves?method=cosine").status_code == 200


def test_options_of_pairs_as_bytes_stand_in_the_query_however_the_type_is_written(client):
    answer = client.post(
        "/verify/batch?dimension=32&nonsense=1", content=b"", headers={"Content-Type": "Application/Octet-Stream; q=1"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")
    assert "dimension, method" in answer.json()["detail"]
