"""Each face of an answer has its quality, wherever it is answered."""

import base64
from dataclasses import replace

import pytest
from fakes import picture, serving

from service.faces.quality.components import COMPONENTS
from service.scoring.calibration import Calibrations
from service.scoring.population import MeasureLimit, PopulationLimits

NAMES = [component.name for component in COMPONENTS]
NEEDING_68 = {"eyes_open", "mouth_closed"}


def files(**sides):
    return {name: (f"{name}.png", data, "image/png") for name, data in sides.items()}


def b64(data):
    return base64.b64encode(data).decode()


def require_quality(face):
    assert list(face["quality"]) == ["unified", "components"]
    components = face["quality"]["components"]
    assert list(components) == NAMES
    assert {name for name, score in components.items() if score is None} == NEEDING_68
    assert all(0 <= score <= 100 for score in components.values() if score is not None)


def test_both_faces_of_a_pair_have_their_quality(client):
    answer = client.post("/verify", files=files(probe=picture(seed=1), reference=picture(2, seed=2))).json()

    for face in answer["faces"].values():
        require_quality(face)
    probe, reference = (answer["faces"][side]["quality"]["components"] for side in ("probe", "reference"))
    assert probe["single_face_present"] == 100
    # The second fake face has three quarters of the first one's side.
    assert reference["single_face_present"] == pytest.approx(100 * (1 - 0.75**2), abs=0.1)


def test_embedded_face_has_its_quality(client):
    require_quality(client.post("/embed", files=files(image=picture(seed=1))).json()["face"])


def test_items_of_batches_have_it(client):
    photo = {"image": b64(picture(seed=1))}
    pairs = client.post("/verify/batch", json={"pairs": [{"probe": photo, "reference": photo}]}).json()["items"]
    faces = client.post("/embed/batch", json={"faces": [photo]}).json()["items"]

    require_quality(pairs[0]["answer"]["faces"]["probe"])
    require_quality(faces[0]["answer"]["face"])


def test_brief_answer_has_no_components(client):
    sides = files(probe=picture(seed=1), reference=picture(seed=2))
    answer = client.post("/verify", files=sides, data={"detail": "basic"}).json()

    assert answer["faces"]["probe"]["quality"]["components"] is None


@pytest.fixture
def scaled(client, settings, bundle, backbone_session):
    """A client whose anchor set knows how its people's norms lay: one picture's is the median of them."""
    norm = client.post("/embed", files=files(image=picture(seed=1))).json()["norm"]
    quantiles = {"0.01": 0.8 * norm, "0.5": norm}
    lay = PopulationLimits(10, 1.0, None, {"norm": MeasureLimit(limit=None, share=0.0, quantiles=quantiles, faces=9)})
    calibrations = Calibrations("people made up", (), limits={"photo": lay})
    with serving(
        settings, bundle, backbone_session, lambda served: replace(served, calibrations=calibrations)
    ) as other:
        yield other


def test_unified_quality_is_on_the_scale_of_the_calibrations_people(scaled):
    sides = files(probe=picture(seed=1), reference=picture(seed=2))
    for detail in ("full", "basic"):
        faces = scaled.post("/verify", files=sides, data={"detail": detail}).json()["faces"]
        assert faces["probe"]["quality"]["unified"] == pytest.approx(75, abs=0.1)
    embedded = scaled.post("/embed", files=files(image=picture(seed=2))).json()
    assert embedded["face"]["quality"]["unified"] == faces["reference"]["quality"]["unified"]
    assert 0 <= embedded["face"]["quality"]["unified"] <= 100


def test_unified_quality_is_null_where_the_anchor_set_does_not_know_its_peoples_norms(client):
    answer = client.post("/embed", files=files(image=picture(seed=1))).json()

    assert answer["norm"] > 0
    assert answer["face"]["quality"]["unified"] is None


def test_document_says_of_each_component_what_it_is(client):
    fields = client.get("/openapi.json").json()["components"]["schemas"]["QualityComponentsAnswer"]["properties"]

    assert {name: field["description"] for name, field in fields.items()} == {
        component.name: component.meaning for component in COMPONENTS
    }
