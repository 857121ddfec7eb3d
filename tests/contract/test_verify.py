"""The HTTP interface of /verify and /embed, on fake networks and real anchors."""

import base64
import io
import json
import math
import struct
import tempfile
import zlib

import numpy as np
import pytest
from fakes import DIMENSION, picture
from PIL import Image

from service.scoring.parameters import Parameters


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def files(probe: bytes, reference: bytes):
    return {"probe": ("a.png", probe, "image/png"), "reference": ("b.png", reference, "image/png")}


def crop_png(seed: int = 3) -> bytes:
    return picture(seed=seed, width=112, height=112)


def unit(seed: int) -> list[float]:
    vector = np.random.default_rng(seed).standard_normal(DIMENSION)
    return (vector / np.linalg.norm(vector)).tolist()


def test_verify_answers_what_to_use_first_and_the_evidence_after(client):
    answer = client.post("/verify", files=files(picture(seed=1), picture(seed=2))).json()
    assert list(answer) == [
        "decision", "threshold", "fmr_at_score", "fmr_interval", "fmr_sampling_interval", "fmr_between_sets",
        "extrapolated", "evidence", "evidence_interval", "population", "no_decision_reason", "reasons",
        "operating_point", "method", "score", "llr", "llr_interval", "similarity", "dao_score", "cosine",
        "density_method", "density", "crowding", "quality_check", "faces", "anchor_set", "model", "request_id",
        "timings_ms",
    ]  # fmt: skip
    assert answer["method"] == "ida-r"
    assert answer["score"] == answer["dao_score"]
    assert set(answer["timings_ms"]) == {"decode", "detect", "align", "embed", "total"}
    assert answer["timings_ms"]["total"] > 0
    assert set(answer["anchor_set"]) == {"id", "generation"}
    face = answer["faces"]["probe"]
    assert face["faces_found"] == 1
    assert len(face["landmarks"]) == 5
    assert 0 < face["detection_score"] <= 1
    assert face["box"]["right"] > face["box"]["left"]


def test_verify_score_is_equation_4_of_the_densities(client):
    answer = client.post("/verify", files=files(picture(seed=1), picture(seed=2))).json()
    f1, f2 = answer["density"]["probe"], answer["density"]["reference"]
    assert answer["score"] == pytest.approx(math.exp(answer["similarity"]) * (f1 + f2), rel=1e-6)
    k = client.get("/info").json()["anchor_set"]["k"]
    assert answer["crowding"]["probe"] == pytest.approx(math.log(1 / (k * f1)), rel=1e-6)


def test_verify_same_picture_twice_has_similarity_one(client):
    answer = client.post("/verify", files=files(picture(seed=1), picture(seed=1))).json()
    assert answer["similarity"] == pytest.approx(1.0, abs=1e-6)


def test_verify_swapped_sides_give_the_same_score(client):
    there = client.post("/verify", files=files(picture(seed=1), picture(seed=2))).json()
    back = client.post("/verify", files=files(picture(seed=2), picture(seed=1))).json()
    assert there["score"] == back["score"]
    assert there["similarity"] == back["similarity"]


def test_verify_json_and_multipart_agree(client):
    form = client.post("/verify", files=files(picture(seed=1), picture(seed=2))).json()
    body = {"probe": {"image": b64(picture(seed=1))}, "reference": {"image": b64(picture(seed=2))}}
    assert client.post("/verify", json=body).json()["score"] == form["score"]


def test_verify_accepts_data_urls(client):
    url = "data:image/png;base64," + b64(picture())
    assert client.post("/verify", json={"probe": {"image": url}, "reference": {"image": url}}).status_code == 200


BASE64_DIALECTS = {
    "url-safe": lambda text: text.replace("+", "-").replace("/", "_"),
    "unpadded": lambda text: text.rstrip("="),
    "lines": lambda text: "\r\n".join(text[start : start + 76] for start in range(0, len(text), 76)) + "\r\n",
    "data URI in capitals": lambda text: "DATA:IMAGE/PNG;BASE64," + text,
}


@pytest.mark.parametrize("write", BASE64_DIALECTS.values(), ids=BASE64_DIALECTS)
@pytest.mark.parametrize("field", ["image", "crop"])
def test_base64_of_every_dialect_is_taken_wherever_base64_is(client, field, write):
    # Of a length that needs padding, behind whose end bytes do not matter.
    data = picture(width=112, height=112)
    data += bytes(1 - len(data) % 3) if len(data) % 3 < 2 else bytes(2)
    plain, told = {field: b64(data)}, {field: write(b64(data))}
    assert len(data) % 3
    answers = [
        client.post("/verify", json={"probe": told, "reference": plain}).json()["similarity"],
        *(
            item["answer"]["similarity"]
            for item in client.post(
                "/verify/batch",
                json={
                    "faces": {"a": told},
                    "pairs": [{"probe": told, "reference": plain}, {"probe": plain, "reference": {"face": "a"}}],
                },
            ).json()["items"]
        ),
    ]
    assert answers == pytest.approx([1.0] * 3, abs=1e-6)
    assert client.post("/embed", json=told).status_code == 200
    assert [item["status"] for item in client.post("/embed/batch", json={"faces": [told]}).json()["items"]] == [200]


METHODS = ("cosine", "ida-r", "csls", "s-norm", "as-norm")


@pytest.mark.parametrize("method", METHODS)
def test_cosine_and_dao_score_stand_in_every_answer(client, method):
    given = files(picture(seed=1), picture(seed=2))
    answer, by_dao = (client.post("/verify", files=given, data={"method": name}).json() for name in (method, "ida-r"))
    assert (answer["similarity"], answer["dao_score"]) == (by_dao["similarity"], by_dao["score"])
    assert (answer["density_method"], answer["density"]) == ("ida-r", by_dao["density"])
    assert (answer["score"] == answer["similarity"]) == (method == "cosine")
    assert (answer["score"] == answer["dao_score"]) == (method == "ida-r")


@pytest.mark.parametrize("method", METHODS)
def test_no_other_number_stands_twice_under_two_names(client, method):
    answer = client.post("/verify", files=files(picture(seed=1), picture(seed=2)), data={"method": method}).json()
    numbers = [answer["score"], *answer["density"].values(), *answer["crowding"].values()]
    assert len({*numbers, answer["similarity"], answer["dao_score"]}) == len(numbers) + 2 - (
        method in ("cosine", "ida-r")
    )
    assert "score" not in answer["cosine"]


def test_numbers_have_the_digits_that_they_deserve(client):
    answer = client.post("/verify", files=files(picture(seed=1), picture(seed=2))).json()

    def digits(number):
        return len(f"{number:.15g}".lstrip("-").replace(".", "").lstrip("0"))

    for name in ("score", "similarity", "dao_score"):
        assert digits(answer[name]) <= 7
    face = answer["faces"]["probe"]
    pixels = [*face["box"].values(), *(value for point in face["landmarks"] for value in point)]
    assert all(round(value, 1) == value for value in pixels)
    assert round(face["detection_score"], 4) == face["detection_score"]
    assert all(round(value, 2) == value for value in answer["timings_ms"].values())


def test_basic_detail_is_the_decision_and_its_numbers_alone(client):
    pair = files(picture(seed=1), picture(seed=2))
    full = client.post("/verify", files=pair).json()
    as_form = client.post("/verify", files=pair, data={"detail": "basic"}).json()
    sides = {"probe": {"image": b64(picture(seed=1))}, "reference": {"image": b64(picture(seed=2))}}
    as_json = client.post("/verify", json={**sides, "detail": "basic"}).json()
    batch = client.post("/verify/batch", json={"pairs": [sides], "detail": "basic"}).json()["items"][0]["answer"]
    names = [
        *(
            "decision",
            "threshold",
            "score",
            "similarity",
            "fmr_at_score",
            "evidence",
            "extrapolated",
            "operating_point",
        ),
        *("method", "no_decision_reason", "reasons", "faces"),
    ]
    faces = {side: {**face, "quality": {**face["quality"], "components": None}} for side, face in full["faces"].items()}
    for answer in (as_form, as_json, batch):
        assert list(answer) == names
        assert answer["faces"] == faces
        assert (answer["score"], answer["similarity"]) == pytest.approx((full["score"], full["similarity"]), abs=1e-6)
    refused = client.post("/verify", files=pair, data={"detail": "some"})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert "full, basic" in refused.json()["detail"]


def test_answer_does_not_tell_whether_its_faces_were_compared_before(client):
    first, again = (client.post("/verify", files=files(picture(seed=1), picture(seed=2))).json() for _ in range(2))
    assert 'ida_density_lookups_total{result="hit"} 2.0' in client.get("/metrics").text
    for answer in (first, again):
        assert not set(answer["timings_ms"]) & {"search", "predict", "score"}
        told = sum(answer["timings_ms"][stage] for stage in ("decode", "detect", "align", "embed"))
        assert answer["timings_ms"]["total"] == pytest.approx(told, abs=1e-6)


@pytest.mark.parametrize("field", ["method", "operating_point"])
def test_long_text_is_refused_and_not_repeated(client, field):
    long = "x" * 60_000
    as_form = client.post("/verify", files=files(picture(seed=1), picture(seed=2)), data={field: long})
    vectors = {"probe": {"embedding": unit(1)}, "reference": {"embedding": unit(2)}}
    as_json = client.post("/verify", json={**vectors, field: long})
    for answer in (as_form, as_json):
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert len(answer.content) < 1000


def test_name_of_an_unknown_field_is_cut(client):
    vectors = {"probe": {"embedding": unit(1)}, "reference": {"embedding": unit(2)}}
    answer = client.post("/verify", json={**vectors, "x" * 60_000: 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")
    assert len(answer.content) < 500


def test_verify_embeddings_scores_them_whatever_their_norm(client):
    long = [3 * value for value in unit(1)]
    body = {"probe": {"embedding": unit(1)}, "reference": {"embedding": long}}
    answer = client.post("/verify", json=body).json()
    assert answer["similarity"] == pytest.approx(1.0, abs=1e-6)
    assert answer["faces"] == {"probe": None, "reference": None}


def test_verify_mixed_sides_photo_crop_embedding_all_work(client):
    sides = [{"image": b64(picture())}, {"crop": b64(crop_png())}, {"embedding": unit(5)}]
    for probe in sides:
        for reference in sides:
            response = client.post("/verify", json={"probe": probe, "reference": reference})
            assert response.status_code == 200, response.text


def test_embed_then_verify_by_embedding_equals_verify_by_photo(client):
    embedding = client.post("/embed", files={"image": picture(seed=1)}).json()["embedding"]
    photo = {"image": b64(picture(seed=2))}
    by_photo = client.post("/verify", json={"probe": {"image": b64(picture(seed=1))}, "reference": photo}).json()
    by_embedding = client.post("/verify", json={"probe": {"embedding": embedding}, "reference": photo}).json()
    assert by_embedding["score"] == pytest.approx(by_photo["score"], rel=1e-6)


@pytest.mark.parametrize("parameters", [Parameters(norm_power=0.5, typical_norm=2.0)])
def test_embed_then_verify_by_embedding_times_norm_equals_verify_by_photo_where_norms_count(client):
    embedded = client.post("/embed", files={"image": picture(seed=1)}).json()
    photo = {"image": b64(picture(seed=2))}

    def verify(probe):
        return client.post("/verify", json={"probe": probe, "reference": photo}).json()

    by_photo = verify({"image": b64(picture(seed=1))})
    as_given = verify({"embedding": [embedded["norm"] * value for value in embedded["embedding"]]})
    of_unit_norm = verify({"embedding": embedded["embedding"]})

    assert as_given["score"] == pytest.approx(by_photo["score"], rel=1e-5)
    assert abs(of_unit_norm["score"] / by_photo["score"] - 1) > 0.01
    assert of_unit_norm["similarity"] == pytest.approx(by_photo["similarity"], abs=1e-6)
    assert client.get("/info").json()["anchor_set"]["norm_power"] == 0.5


def test_embed_answers_a_unit_embedding_and_its_density(client):
    answer = client.post("/embed", files={"image": picture(seed=1)}).json()
    assert answer["dimension"] == len(answer["embedding"]) == DIMENSION
    assert np.linalg.norm(answer["embedding"]) == pytest.approx(1.0, abs=1e-5)
    assert answer["density"] > 0
    assert answer["face"]["faces_found"] == 1


def test_embed_takes_json(client):
    assert client.post("/embed", json={"image": b64(picture())}).status_code == 200


@pytest.mark.parametrize("side", ["probe", "reference"])
def test_verify_no_face_is_an_error_naming_the_image(client, side):
    pictures = {"probe": picture(seed=1), "reference": picture(seed=2), side: picture(faces=0)}
    response = client.post("/verify", files=files(**pictures))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["code"], problem["image"], problem["status"]) == ("no_face", side, 422)
    assert problem["request_id"] == response.headers["x-request-id"]


def test_verify_several_faces_follow_the_policy(client):
    crowd = picture(faces=3, seed=1)
    assert client.post("/verify", files=files(crowd, crowd)).json()["faces"]["probe"]["faces_found"] == 3
    refused = client.post("/verify", files=files(crowd, crowd), data={"face_policy": "reject"})
    assert (refused.status_code, refused.json()["code"]) == (422, "several_faces")
    assert "3" in refused.json()["detail"]


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header announces a size and whose pixels are missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b""))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def jpeg_truncated() -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture())).save(buffer, "JPEG")
    return buffer.getvalue()[:-400]


BAD_IMAGES = [
    (b"just some text, saved as .jpg", 415, "unsupported_image_type"),
    (b"", 415, "unsupported_image_type"),
    (png_header(10_000, 5_000), 413, "image_too_large"),
    (jpeg_truncated(), 422, "image_undecodable"),
    (picture(width=20, height=20), 422, "face_too_small"),
]


@pytest.mark.parametrize(("data", "status", "code"), BAD_IMAGES, ids=[case[2] for case in BAD_IMAGES])
def test_verify_bad_picture_gives_a_coded_problem(client, data, status, code):
    response = client.post("/verify", files=files(picture(), data))
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.json()["image"] == "reference"


BAD_JSON = [
    (b"{", 400, "invalid_request"),
    (b"[]", 400, "invalid_request"),
    (json.dumps({"probe": {"embedding": unit(1)}}).encode(), 400, "invalid_request"),
    (json.dumps({"probe": {}, "reference": {"embedding": unit(1)}}).encode(), 400, "invalid_request"),
    (json.dumps({"probe": {"embedding": unit(1)}, "reference": {"img": "x"}}).encode(), 400, "unknown_field"),
    (
        json.dumps({"probe": {"embedding": unit(1)}, "reference": {"embedding": unit(1)}, "treshold": 1}).encode(),
        400,
        "unknown_field",
    ),
    (json.dumps({"probe": {"embedding": unit(1)}, "reference": {"image": "@@@@"}}).encode(), 400, "invalid_base64"),
    (json.dumps({"probe": {"embedding": unit(1)}, "reference": {"image": "éééé"}}).encode(), 400, "invalid_base64"),
    (
        json.dumps({"probe": {"embedding": unit(1)}, "reference": {"embedding": unit(1)}, "method": "magic"}).encode(),
        400,
        "unknown_method",
    ),
    (
        json.dumps({"probe": {"embedding": [1.0, 2.0]}, "reference": {"embedding": unit(1)}}).encode(),
        422,
        "dimension_mismatch",
    ),
    (
        json.dumps({"probe": {"embedding": [0.0] * DIMENSION}, "reference": {"embedding": unit(1)}}).encode(),
        422,
        "invalid_embedding",
    ),
    (
        b'{"probe": {"embedding": [' + b"1e999," * (DIMENSION - 1) + b'1]}, "reference": {"embedding": [1]}}',
        422,
        "invalid_embedding",
    ),
    (
        json.dumps({"probe": {"crop": b64(picture())}, "reference": {"embedding": unit(1)}}).encode(),
        422,
        "invalid_crop",
    ),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD_JSON, ids=range(len(BAD_JSON)))
def test_verify_bad_json_gives_a_coded_problem(client, body, status, code):
    response = client.post("/verify", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_verify_form_with_unknown_field_is_refused(client):
    response = client.post("/verify", files=files(picture(), picture()), data={"threshold": "0.5"})
    assert (response.status_code, response.json()["code"]) == (400, "unknown_field")


def test_verify_form_without_reference_names_it(client):
    response = client.post("/verify", files={"probe": picture()})
    assert response.status_code == 400
    assert response.json()["image"] == "reference"


def test_verify_form_with_text_for_a_file_says_how_to_send_it(client):
    response = client.post("/verify", files={"probe": picture()}, data={"reference": "photo.jpg"})
    assert response.status_code == 400
    assert "-F reference=@" in response.json()["detail"]


def test_verify_form_without_boundary_is_a_coded_problem(client):
    response = client.post("/verify", content=b"x", headers={"content-type": "multipart/form-data"})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """A form with the boundary "edge", of parts given by what follows form-data in their disposition."""
    head = "Content-Disposition: form-data; {}\r\n\r\n"
    return (
        b"".join(b"--edge\r\n" + head.format(what).encode() + body + b"\r\n" for what, body in parts) + b"--edge--\r\n"
    )


PROBE, REFERENCE = ('name="probe"; filename="a"', picture()), ('name="reference"; filename="b"', picture())
FORM = "multipart/form-data; boundary=edge"


def test_verify_form_cut_short_is_refused_not_answered_without_its_last_field(client):
    whole = multipart(PROBE, REFERENCE, ('name="face_policy"', b"reject"))
    for cut in (whole.index(b"reject"), len(whole) - 6):
        response = client.post("/verify", content=whole[:cut], headers={"content-type": FORM})
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
        assert "cut short" in response.json()["detail"]


def test_verify_form_with_a_photograph_as_text_says_how_to_send_it(client):
    body = multipart(('name="probe"', b"x" * 100_000), REFERENCE)
    response = client.post("/verify", content=body, headers={"content-type": FORM})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert "with curl, -F NAME=@photo.jpg" in response.json()["detail"]


def test_verify_form_in_a_charset_that_decodes_nothing_is_a_coded_problem(client):
    response = client.post(
        "/verify", content=multipart(PROBE, REFERENCE), headers={"content-type": f"{FORM}; charset=undefined"}
    )
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


def test_verify_form_is_never_written_to_the_disk(client, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/there is no such folder")
    too_large = picture() + bytes(17 * 1024 * 1024)
    response = client.post("/verify", files=files(picture(), too_large))
    assert (response.status_code, response.json()["code"]) == (413, "image_too_large")


def test_verify_caller_text_of_any_length_gives_a_short_problem(client):
    sides = {"probe": {"embedding": unit(1)}, "reference": {"embedding": unit(1)}}
    for long in ({"method": "m" * 100_000}, {"x" * 100_000: 1}):
        response = client.post("/verify", json={**sides, **long})
        assert response.status_code == 400
        assert len(response.text) < 2000


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"image": 5}, "image: Input should be a valid string."),
        ({"image": "@@@@"}, "image is not base64: "),
        ({}, "The body: give exactly one of image, crop and embedding, not none."),
    ],
    ids=["type", "base64", "none"],
)
def test_embed_bad_json_names_the_field_in_plain_words(client, body, detail):
    problem = client.post("/embed", json=body).json()
    assert problem["detail"].startswith(detail)
    assert problem["image"] == ("image" if body else None)


def test_verify_landmarks_are_rounded_as_the_box_is(client):
    face = client.post("/verify", files=files(picture(seed=1, width=171), picture(seed=2))).json()["faces"]["probe"]
    numbers = [*face["box"].values(), *(value for point in face["landmarks"] for value in point)]
    assert numbers == [round(number, 2) for number in numbers]


def test_verify_other_content_type_is_refused(client):
    response = client.post("/verify", content=b"x", headers={"content-type": "text/plain"})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_verify_body_above_the_limit_is_refused_before_it_is_parsed(client):
    headers = {"content-length": str(10**10), "content-type": "application/json"}
    announced = client.post("/verify", content=b"x", headers=headers)
    assert (announced.status_code, announced.json()["code"]) == (413, "request_too_large")

    def chunks():
        for _ in range(100):
            yield b" " * 1024 * 1024

    streamed = client.post("/verify", content=chunks(), headers={"content-type": "application/json"})
    assert (streamed.status_code, streamed.json()["code"]) == (413, "request_too_large")
