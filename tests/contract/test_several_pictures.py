"""A reference of several pictures of one person: one score, each picture's part, and what becomes of those unusable."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from fakes import DIMENSION, picture, serving

from service.scoring.calibration import (
    Calibrations,
    FmrCurve,
    MethodCalibration,
    OperatingPoint,
    TemplateCalibration,
)
from service.scoring.parameters import Parameters
from service.scoring.population import MeasureLimit, PopulationLimits

PROBE, PICTURES = picture(seed=1), [picture(seed=seed) for seed in (2, 3, 4)]
NO_FACE = picture(0, seed=9)


def point(threshold):
    return OperatingPoint("fmr_1e-2", 1e-2, threshold, "measured", 5e-3, 2e-2, 0.1, 0.05, 0.2, 10, 1000, 100, 50, 1225)


def curve(shift):
    return FmrCurve(
        np.array([-1.0, 0.2, 0.8]) + shift, np.array([0.0, -1.0, -5.0]), np.array([0.0, -1.5, -5.5]),
        np.array([0.0, -0.5, -4.5]), shown_down_to=1e-3,
    )  # fmt: skip


def calibration(shift, form="photo"):
    return MethodCalibration("cosine", Parameters(), form, curve(shift), (point(0.3 + shift),))


@pytest.fixture
def serve(settings, bundle, backbone_session):
    """Return a context of a client whose anchor set is calibrated for one picture and for templates of 2 and 4."""

    def serve(limits=None, templates=(2, 4)):
        calibrations = Calibrations(
            "people made up",
            (calibration(0.0),),
            limits={} if limits is None else {"photo": limits},
            templates=tuple(TemplateCalibration(size, calibration(size / 100)) for size in templates),
        )
        return serving(settings, bundle, backbone_session, lambda served: replace(served, calibrations=calibrations))

    return serve


def b64(data):
    return base64.b64encode(data).decode()


def document(references, probe=PROBE, **options):
    return {"probe": {"image": b64(probe)}, "reference": [{"image": b64(one)} for one in references], **options}


def form(client, references, **fields):
    parts = [("probe", ("a.png", PROBE, "image/png"))]
    parts += [("reference", (f"{place}.png", one, "image/png")) for place, one in enumerate(references)]
    return client.post("/verify", files=parts, data=fields)


def embedded(client, data):
    return client.post("/embed", json={"image": b64(data)}).json()


def expected(client, references):
    """Similarity, and each picture's weight and own similarity, by a loop over values."""
    probe, faces = embedded(client, PROBE), [embedded(client, one) for one in references]
    shares = [min(face["norm"] / Parameters().typical_norm, 1.5) for face in faces]
    weights = [share**2 / sum(other**2 for other in shares) for share in shares]
    mean = [
        sum(weight * face["embedding"][place] for weight, face in zip(weights, faces, strict=True))
        for place in range(DIMENSION)
    ]
    length = sum(value**2 for value in mean) ** 0.5
    own = [sum(a * b for a, b in zip(probe["embedding"], face["embedding"], strict=True)) for face in faces]
    together = sum(a * b for a, b in zip(probe["embedding"], mean, strict=True)) / length
    return together, weights, own, [value / length for value in mean]


def test_score_is_that_of_the_weighted_mean_and_each_picture_is_told(client):
    answer = client.post("/verify", json=document(PICTURES)).json()
    together, weights, own, mean = expected(client, PICTURES)
    assert answer["similarity"] == pytest.approx(together, abs=1e-6)
    template = answer["template"]
    assert template["pictures_used"] == 3
    assert [one["weight"] for one in template["pictures"]] == pytest.approx(weights, rel=1e-6)
    assert [one["similarity"] for one in template["pictures"]] == pytest.approx(own, abs=1e-6)
    assert all(one["face"]["faces_found"] == 1 and one["problem"] is None for one in template["pictures"])
    assert answer["faces"]["reference"] is None
    # The density is that of the template, as of an embedding that was sent in its place.
    as_embedding = client.post(
        "/verify", json={"probe": {"image": b64(PROBE)}, "reference": {"embedding": mean}}
    ).json()
    assert answer["density"]["reference"] == pytest.approx(as_embedding["density"]["reference"], rel=1e-5)
    assert answer["score"] == pytest.approx(as_embedding["score"], rel=1e-5)


@pytest.mark.parametrize("method", ["cosine", "csls", "as-norm", "s-norm"])
def test_every_method_scores_a_template(client, method):
    answer = client.post("/verify", json=document(PICTURES, method=method)).json()
    assert answer["method"] == method
    assert answer["template"]["pictures_used"] == 3


def test_form_with_repeated_files_scores_as_the_document(client):
    assert form(client, PICTURES).json()["score"] == client.post("/verify", json=document(PICTURES)).json()["score"]


def test_one_picture_in_a_list_scores_as_the_picture_alone(client):
    alone = client.post("/verify", json={**document([]), "reference": {"image": b64(PICTURES[0])}}).json()
    listed = client.post("/verify", json=document(PICTURES[:1])).json()
    assert "template" not in alone
    # Alone, the probe and it share a run of the backbone, whose last digits differ then.
    assert listed["score"] == pytest.approx(alone["score"], rel=1e-6)
    assert listed["similarity"] == pytest.approx(alone["similarity"], abs=1e-6)
    assert listed["density"] == pytest.approx(alone["density"], rel=1e-6)


def test_order_of_the_pictures_changes_nothing(client):
    there, back = (client.post("/verify", json=document(PICTURES[::step])).json() for step in (1, -1))
    assert there["score"] == pytest.approx(back["score"], rel=1e-6)


def test_photographs_crops_and_embeddings_may_be_mixed_and_get_no_decision(serve):
    crop = b64(picture(seed=5, width=112, height=112))
    vector = np.random.default_rng(1).standard_normal(DIMENSION).tolist()
    with serve() as client:
        mixed = {**document(PICTURES[:1], operating_point="fmr_1e-2", method="cosine")}
        mixed["reference"] += [{"crop": crop}, {"embedding": vector}]
        answer = client.post("/verify", json=mixed).json()
    assert answer["template"]["pictures_used"] == 3
    assert answer["decision"] is None
    assert "several forms" in answer["no_decision_reason"]


@pytest.mark.parametrize(("pictures", "size"), [(1, 1), (2, 2), (3, 4), (4, 4)])
def test_rate_and_threshold_are_those_of_the_next_measured_size(serve, pictures, size):
    with serve() as client:
        references = [picture(seed=20 + seed) for seed in range(pictures)]
        asked = document(references, operating_point="fmr_1e-2", method="cosine")
        answer = client.post("/verify", json=asked).json()
    shift = 0.0 if size == 1 else size / 100
    assert answer["template"]["calibrated_pictures"] == size
    assert answer["threshold"] == pytest.approx(0.3 + shift)
    stated = curve(shift).at(answer["similarity"])
    assert answer["fmr_at_score"] == pytest.approx(stated.fmr, rel=1e-2)


def test_more_pictures_than_were_calibrated_get_no_decision_and_the_reason(serve):
    with serve() as client:
        references = [picture(seed=20 + seed) for seed in range(5)]
        asked = document(references, operating_point="fmr_1e-2", method="cosine")
        answer = client.post("/verify", json=asked).json()
    assert (answer["decision"], answer["threshold"], answer["fmr_at_score"]) == (None, None, None)
    assert "references of up to 4 pictures, not of 5" in answer["no_decision_reason"]
    assert answer["template"]["calibrated_pictures"] is None


def test_anchor_set_calibrated_for_one_picture_alone_says_so(serve):
    with serve(templates=()) as client:
        asked = document(PICTURES, operating_point="fmr_1e-2", method="cosine")
        answer = client.post("/verify", json=asked).json()
    assert answer["decision"] is None
    assert "references of one picture, not of 3" in answer["no_decision_reason"]


def test_picture_without_a_face_is_an_error_that_names_it(client):
    answer = client.post("/verify", json=document([PICTURES[0], PICTURES[1], NO_FACE]))
    problem = answer.json()
    assert answer.status_code == 422
    assert (problem["code"], problem["image"], problem["picture"]) == ("no_face", "reference", 2)


def test_probe_without_a_face_is_the_error_of_the_probe(client):
    problem = client.post("/verify", json=document(PICTURES, probe=NO_FACE)).json()
    assert (problem["code"], problem["image"]) == ("no_face", "probe")
    assert "picture" not in problem


def test_picture_that_cannot_be_used_is_skipped_where_that_is_asked(client):
    pictures = [PICTURES[0], NO_FACE, PICTURES[1]]
    answer = client.post("/verify", json=document(pictures, unusable_pictures="skip")).json()
    assert form(client, pictures, unusable_pictures="skip").json()["score"] == answer["score"]
    without = client.post("/verify", json=document([PICTURES[0], PICTURES[1]])).json()
    assert answer["score"] == without["score"]
    skipped = answer["template"]["pictures"][1]
    assert (skipped["weight"], skipped["similarity"], skipped["face"]) == (0, None, None)
    assert (skipped["problem"]["code"], skipped["problem"]["picture"]) == ("no_face", 1)


def test_nothing_usable_is_an_error_though_skipping_is_asked(client):
    answer = client.post("/verify", json=document([NO_FACE, b"no picture"], unusable_pictures="skip"))
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["picture"]) == ("no_face", 0)


@pytest.fixture
def poor_limit(client):
    """Limits that the picture of the least norm is beyond, and which of the pictures that is."""
    norms = [embedded(client, one)["norm"] for one in PICTURES]
    between = sum(sorted(norms)[:2]) / 2
    measures = {"norm": MeasureLimit(limit=between, share=0.01, quantiles={"0.5": between}, faces=10)}
    return PopulationLimits(10, 1.0, None, measures), int(np.argmin(norms))


def test_poor_picture_is_left_out_while_others_are_within_the_limits(serve, poor_limit):
    limits, poor = poor_limit
    rest = [one for place, one in enumerate(PICTURES) if place != poor]
    probe = rest[0]
    with serve(limits) as client:
        answer = client.post("/verify", json=document(PICTURES, probe=probe)).json()
        without = client.post("/verify", json=document(rest, probe=probe)).json()
        reported = client.post("/verify", json=document(PICTURES, probe=probe, quality_policy="report")).json()
        gated = client.post("/verify", json=document(PICTURES, probe=probe, quality_policy="gate"))
        skipped = client.post(
            "/verify", json=document(PICTURES, probe=probe, quality_policy="gate", unusable_pictures="skip")
        ).json()
    told = answer["template"]["pictures"][poor]
    assert (told["weight"], [reason["code"] for reason in told["reasons"]]) == (0, ["poor_picture"])
    assert told["similarity"] is not None
    assert told["quality_check"]["norm"]["within"] is False
    assert answer["score"] == without["score"] == skipped["score"]
    assert answer["reasons"] == []
    assert reported["template"]["pictures_used"] == 3
    assert gated.status_code == 422
    assert (gated.json()["code"], gated.json()["picture"]) == ("low_quality", poor)
    assert gated.json()["reasons"][0]["code"] == "poor_picture"


def test_template_of_poor_pictures_alone_is_inconclusive(serve, poor_limit):
    limits, poor = poor_limit
    with serve(limits) as client:
        probe = PICTURES[poor - 1]
        asked = document([PICTURES[poor]] * 2, probe=probe, method="cosine", operating_point="fmr_1e-2")
        answer = client.post("/verify", json=asked).json()
    assert [(reason["image"], reason["code"]) for reason in answer["reasons"]] == [("reference", "poor_picture")]
    assert answer["decision"] != "match"
    assert answer["fmr_at_score"] is None


def test_embeddings_that_cancel_each_other_out_are_refused(client):
    vector = np.random.default_rng(1).standard_normal(DIMENSION)
    asked = {**document([]), "reference": [{"embedding": (sign * vector).tolist()} for sign in (1, -1)]}
    answer = client.post("/verify", json=asked)
    assert (answer.status_code, answer.json()["code"], answer.json()["image"]) == (
        422,
        "invalid_embedding",
        "reference",
    )


def test_embedding_of_a_length_that_no_picture_has_does_not_outweigh_the_others(client):
    one, other = (np.random.default_rng(seed).standard_normal(DIMENSION) for seed in (1, 2))
    asked = {**document([]), "reference": [{"embedding": one.tolist()}, {"embedding": (1e9 * other).tolist()}]}
    weights = [found["weight"] for found in client.post("/verify", json=asked).json()["template"]["pictures"]]
    assert max(weights) <= 1.5**2 / (1 + 1.5**2) + 1e-9


HOSTILE = {
    "no picture": ([], "reference: List should have at least 1 item"),
    "17 pictures": ([{"embedding": [1.0] * DIMENSION}] * 17, "reference: List should have at most 16 items"),
    "two kinds in one": ([{"embedding": [1.0] * DIMENSION, "image": "AAAA"}], "reference.0: give exactly one of"),
    "a list in a list": ([[{"embedding": [1.0] * DIMENSION}]], "reference.0: Input should be"),
    "a name": ("anna", "reference: Input should be"),
    "nothing": (None, "reference: Input should be"),
    "an embedding of words": ([{"embedding": ["a"]}], "reference.0.embedding.0: "),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_list_that_is_none_is_refused_and_the_place_is_named(client, case):
    reference, told = HOSTILE[case]
    answer = client.post("/verify", json={**document([]), "reference": reference})
    problem = answer.json()
    assert answer.status_code == 400
    assert problem["detail"].startswith(told)
    assert problem["image"] == "reference"
    assert problem.get("picture") == (0 if told.startswith("reference.0") else None)


def test_unknown_field_of_a_picture_is_named(client):
    answer = client.post("/verify", json={**document([]), "reference": [{"image": "AAAA", "weight": 2}]})
    assert answer.json()["code"] == "unknown_field"
    assert "'reference.0.weight'" in answer.json()["detail"]


def test_broken_base64_of_a_picture_names_it(client):
    asked = document(PICTURES)
    asked["reference"][2]["image"] = "AAAA*"
    problem = client.post("/verify", json=asked).json()
    assert (problem["code"], problem["image"], problem["picture"]) == ("invalid_base64", "reference", 2)


def test_embedding_of_another_dimension_names_the_picture(client):
    asked = document(PICTURES[:1])
    asked["reference"].append({"embedding": [1.0] * (DIMENSION + 1)})
    problem = client.post("/verify", json=asked).json()
    assert (problem["code"], problem["image"], problem["picture"]) == ("dimension_mismatch", "reference", 1)


def test_form_with_17_references_is_refused(client):
    answer = form(client, [PICTURES[0]] * 17)
    assert answer.status_code == 400
    assert "17 files 'reference', the limit is 16" in answer.json()["detail"]
    assert form(client, [PICTURES[0]] * 60).status_code == 400


def test_form_with_two_probes_is_refused(client):
    parts = [("probe", ("a.png", PROBE, "image/png"))] * 2 + [("reference", ("b.png", PROBE, "image/png"))]
    assert "'probe' twice" in client.post("/verify", files=parts).json()["detail"]


def test_sixteen_embeddings_of_many_values_are_no_document_too_complex(client):
    asked = {"probe": {"embedding": [0.1] * 2048}, "reference": [{"embedding": [0.1] * 2048}] * 16}
    assert client.post("/verify", json=asked).json()["code"] == "dimension_mismatch"


def test_batch_takes_lists_of_faces_named_and_not(client):
    pairs = [
        {"probe": {"face": "anna"}, "reference": [{"image": b64(PICTURES[0])}, {"face": "berta"}]},
        {"probe": {"face": "anna"}, "reference": [{"image": b64(PICTURES[0])}, {"image": b64(NO_FACE)}]},
        {"probe": {"face": "anna"}, "reference": {"face": "berta"}},
    ]
    faces = {"anna": {"image": b64(PROBE)}, "berta": {"image": b64(PICTURES[1])}}
    items = client.post("/verify/batch", json={"faces": faces, "pairs": pairs}).json()["items"]
    single = client.post("/verify", json=document(PICTURES[:2])).json()
    assert items[0]["answer"]["score"] == single["score"]
    assert items[0]["answer"]["template"]["pictures"][1]["weight"] == single["template"]["pictures"][1]["weight"]
    assert (items[1]["status"], items[1]["problem"]["code"], items[1]["problem"]["picture"]) == (422, "no_face", 1)
    assert "template" not in items[2]["answer"]


def test_batch_names_the_place_of_an_unknown_face(client):
    pairs = [{"probe": {"image": b64(PROBE)}, "reference": [{"face": "nobody"}]}]
    problem = client.post("/verify/batch", json={"pairs": pairs}).json()
    assert "pairs.0.reference.0 names the face 'nobody'" in problem["detail"]


def test_basic_answer_tells_the_template_in_short(client):
    answer = client.post("/verify", json=document(PICTURES, detail="basic")).json()
    assert answer["template"]["pictures_used"] == 3
    assert all(one["quality_check"] is None for one in answer["template"]["pictures"])
    assert "quality_check" not in answer


def test_templates_are_not_counted_as_faces_that_came(client):
    def counted():
        lines = client.get("/metrics").text.splitlines()
        return [float(line.split()[-1]) for line in lines if line.startswith("ida_embedding_norm_count")]

    before = sum(counted())
    client.post("/verify", json=document(PICTURES))
    assert sum(counted()) == before + 1


def test_several_pictures_of_pictures_that_repeat_are_weighed_once_each(client):
    twice = client.post("/verify", json=document([PICTURES[0], PICTURES[0]])).json()
    once = client.post("/verify", json=document([PICTURES[0]])).json()
    assert twice["similarity"] == pytest.approx(once["similarity"], abs=1e-6)
    assert [one["weight"] for one in twice["template"]["pictures"]] == [0.5, 0.5]


def test_answer_of_one_picture_has_no_new_field(client):
    asked = {"probe": {"image": b64(PROBE)}, "reference": {"image": b64(PICTURES[0])}}
    text = json.dumps(client.post("/verify", json=asked).json())
    assert "template" not in text
    assert "pictures" not in text
