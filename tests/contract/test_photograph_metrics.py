"""Every photograph whose face is embedded is counted once: its turn, its face's size, score and quality."""

import base64
import dataclasses

import numpy as np
import pytest
from fakes import DIMENSION, FakeBackboneSession, picture, serving

from service.scoring.calibration import Calibrations
from service.scoring.population import MeasureLimit, PopulationLimits

HISTOGRAMS = ("ida_unified_quality", "ida_face_pixels", "ida_detection_score")
FACE, OTHER, NONE = picture(seed=1), picture(seed=2), picture(0, seed=3)


def files(**sides):
    return {name: (f"{name}.png", data, "image/png") for name, data in sides.items()}


def image(data):
    return {"image": base64.b64encode(data).decode()}


def value(client, name, **labels):
    return client.app_state["service"].metrics.registry.get_sample_value(name, labels)


def photographs(client):
    return {degrees: value(client, "ida_photographs_total", rotated_by=str(degrees)) for degrees in (0, 90, 180, 270)}


@pytest.fixture
def counted(settings, bundle, backbone_session):
    """A client whose anchor set knows how its people's norms lay, and lets only the longer ones pass."""
    with serving(settings, bundle, backbone_session) as client:
        norms = [client.post("/embed", files=files(image=data)).json()["norm"] for data in (FACE, OTHER)]
    quantiles = {"0.01": 0.5 * min(norms), "0.5": max(norms)}
    measure = MeasureLimit(limit=sum(norms) / 2, share=0.0, quantiles=quantiles, faces=9)
    limits = PopulationLimits(10, 1.0, None, {"norm": measure})
    calibrations = Calibrations("people made up", (), limits={"photo": limits})
    with serving(
        settings, bundle, backbone_session, lambda served: dataclasses.replace(served, calibrations=calibrations)
    ) as client:
        yield client


def test_turns_are_there_before_the_first_photograph(client):
    assert photographs(client) == {0: 0, 90: 0, 180: 0, 270: 0}


def test_what_an_answer_tells_of_a_face_is_in_the_metrics(counted):
    face = counted.post("/embed", files=files(image=FACE)).json()["face"]

    assert photographs(counted)[face["rotated_by"]] == 1
    assert [value(counted, f"{name}_count") for name in HISTOGRAMS] == [1, 1, 1]
    box = face["box"]
    shorter = min(box["right"] - box["left"], box["bottom"] - box["top"])
    assert value(counted, "ida_face_pixels_sum") == pytest.approx(shorter, abs=0.2)
    assert value(counted, "ida_detection_score_sum") == pytest.approx(face["detection_score"], abs=1e-4)
    assert value(counted, "ida_unified_quality_sum") == pytest.approx(face["quality"]["unified"], abs=0.1)


def test_quality_that_is_not_known_is_not_counted(client):
    client.post("/embed", files=files(image=FACE))

    assert sum(photographs(client).values()) == 1
    assert value(client, "ida_unified_quality_count") == 0


def test_both_sides_of_a_pair_are_counted_and_a_picture_without_a_face_is_not(client):
    client.post("/verify", files=files(probe=FACE, reference=OTHER))
    client.post("/verify", files=files(probe=NONE, reference=OTHER))

    assert sum(photographs(client).values()) == 2


def test_face_in_many_pairs_of_a_batch_is_counted_once(client):
    pairs = [{"probe": {"face": "one"}, "reference": image(OTHER)} for _ in range(5)]
    client.post("/verify/batch", json={"faces": {"one": image(FACE)}, "pairs": pairs})
    assert sum(photographs(client).values()) == 2

    client.post("/embed/batch", json={"faces": [image(FACE), image(FACE), image(NONE)]})
    assert sum(photographs(client).values()) == 3
    assert value(client, "ida_face_pixels_count") == 3


def test_crops_and_embeddings_are_no_photographs(client):
    crop = {"crop": base64.b64encode(picture(seed=1, width=112, height=112)).decode()}
    embedding = {"embedding": np.eye(DIMENSION)[0].tolist()}

    assert client.post("/verify", json={"probe": crop, "reference": embedding}).status_code == 200
    assert sum(photographs(client).values()) == 0


def test_photograph_that_the_gate_refuses_is_counted_with_its_quality(counted):
    answer = counted.post("/verify", files=files(probe=FACE, reference=OTHER), data={"quality_policy": "gate"})

    assert answer.json()["code"] == "low_quality"
    assert value(counted, "ida_unified_quality_count") == 2
    assert value(counted, "ida_failures_total", reason="low_quality") == 1


def test_items_of_batches_that_are_refused_are_counted_by_why(counted):
    pairs = [{"probe": image(FACE), "reference": image(OTHER)}, {"probe": image(NONE), "reference": image(FACE)}]
    items = counted.post("/verify/batch", json={"pairs": pairs, "quality_policy": "gate"}).json()["items"]
    assert [item["problem"]["code"] for item in items] == ["low_quality", "no_face"]
    counted.post("/embed/batch", json={"faces": [image(FACE), image(NONE)]})

    assert value(counted, "ida_item_failures_total", reason="low_quality") == 1
    assert value(counted, "ida_item_failures_total", reason="no_face") == 2
    assert value(counted, "ida_failures_total", reason="low_quality") is None


def test_picture_whose_embedding_is_too_short_for_a_face_is_not_counted(settings, bundle, monkeypatch):
    with serving(settings, bundle, FakeBackboneSession()) as client:
        norms = [client.post("/embed", files=files(image=data)).json()["norm"] for data in (FACE, OTHER)]
        pipeline = client.app_state["service"].pipeline
        monkeypatch.setattr(pipeline, "least_norm", sum(norms) / 2)
        answer = client.post("/verify", files=files(probe=FACE, reference=OTHER))

        assert answer.json()["code"] == "no_face"
        assert sum(photographs(client).values()) == 3  # two before, and the side that is a face
