"""What the service refuses of a picture, calibrate and evaluate leave out for the same reason, and nothing else."""

import base64

import numpy as np
import pytest
from fakes import FakeBackboneSession, FakeDetector, fake_pipeline, picture, serving

from models.labelled.embed import Embedder
from models.labelled.labelled_faces import read_labelled
from service.faces.align import ARCFACE_TEMPLATE
from service.faces.extract import FaceExtractor
from service.faces.finder import FaceFinder
from service.faces.landmarks import Located
from service.pack import FaceStandards

SIZE = {"width": 112, "height": 112}
PHOTOGRAPHS = {
    "a face.png": picture(seed=1),
    "another.png": picture(seed=2),
    "two.png": picture(2, seed=3),
    "nobody.png": picture(0, seed=4),
    "tiny.png": picture(seed=5, hundredths=10),
    "cut short.png": picture(seed=6)[:200],
    "no picture.png": b"%PDF-1.7 of no pixels",
}
CROPS = {
    "a face.png": picture(seed=1, **SIZE),
    "another.png": picture(seed=2, **SIZE),
    "what no landmarks are in.png": picture(0, seed=3, **SIZE),
    "of another size.png": picture(seed=4, width=113, height=112),
    "cut short.png": picture(seed=5, **SIZE)[:200],
}


class CornerLandmarker:
    """Sees a face in place unless the first pixel says that there is none."""

    def locate(self, image, face):
        scale = np.float32([face.box.width, face.box.height]) / np.float32(112)
        points = ARCFACE_TEMPLATE * scale + np.float32([face.box.left, face.box.top])
        return Located(points.astype(np.float32), 1.0 if image[0, 0, 0] else 0.01)


@pytest.fixture
def client(settings, bundle, backbone_session, monkeypatch):
    """A service whose crops are looked at, and whose pack takes short embeddings for what is no face."""
    with serving(settings, bundle, backbone_session) as client:
        pipeline = client.app_state["service"].pipeline
        finder = FaceFinder(FakeDetector(), CornerLandmarker(), FaceStandards(least_strength=0.2), (640, 640))
        monkeypatch.setattr(pipeline, "_extractor", FaceExtractor(finder, settings.gates))
        yield client


def answers(client, form, pictures, **asked):
    """What /embed says of each picture: its code, or "" where it is embedded, and the norm."""
    codes, norms = {}, {}
    for name, content in pictures.items():
        body = {"image" if form == "photo" else "crop": base64.b64encode(content).decode(), **asked}
        answer = client.post("/embed", json=body)
        codes[name] = answer.json().get("code", "")
        if not codes[name]:
            norms[name] = answer.json()["norm"]
    return codes, norms


@pytest.mark.parametrize(("form", "pictures"), [("photo", PHOTOGRAPHS), ("crop", CROPS)])
@pytest.mark.parametrize("policy", ["prominent", "reject"])
def test_tools_leave_out_what_the_service_refuses(client, tmp_path, monkeypatch, form, pictures, policy):
    pipeline = client.app_state["service"].pipeline
    asked = {"face_policy": policy} if form == "photo" else {}
    _, norms = answers(client, form, pictures, **asked)
    # Between the shortest and the others: one picture that showed a face until now shows none.
    shortest, longer = sorted(norms.values())[:2]
    monkeypatch.setattr(pipeline, "least_norm", (shortest + longer) / 2)
    refused, kept = answers(client, form, pictures, **asked)
    assert len(kept) == len(norms) - 1

    for name, content in pictures.items():
        (tmp_path / "people" / "somebody").mkdir(parents=True, exist_ok=True)
        (tmp_path / "people" / "somebody" / name).write_bytes(content)
    found = read_labelled(tmp_path / "people", Embedder(pipeline, input_form=form, face_policy=policy))

    by_name = {image.removeprefix("somebody/"): row for row, image in enumerate(found.images)}
    assert {name for name, row in by_name.items() if not found.detected[row]} == set(refused) - set(kept)
    counted = {code: list(refused.values()).count(code) for code in set(refused.values()) - {""}}
    assert found.failures == counted
    assert "no_face" in counted


class UnitSession(FakeBackboneSession):
    """Gives embeddings of length 1, whatever the picture."""

    def run(self, inputs):
        (rows,) = super().run(inputs)
        return [rows / np.linalg.norm(rows, axis=1, keepdims=True)]


def test_length_that_tells_nothing_refuses_nobody_anywhere(settings, bundle, tmp_path, monkeypatch):
    session = UnitSession()
    pipeline = fake_pipeline(settings, session)
    monkeypatch.setattr(pipeline, "least_norm", 0.5)
    (tmp_path / "people" / "somebody").mkdir(parents=True)
    (tmp_path / "people" / "somebody" / "1.png").write_bytes(PHOTOGRAPHS["a face.png"])

    assert read_labelled(tmp_path / "people", Embedder(pipeline)).detected.all()
    with serving(settings, bundle, session) as client:
        monkeypatch.setattr(client.app_state["service"].pipeline, "least_norm", 0.5)
        assert answers(client, "photo", {"one": PHOTOGRAPHS["a face.png"]})[0] == {"one": ""}
