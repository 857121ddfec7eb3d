"""What a request held is free again once it is answered, without waiting for Python's collector."""

import base64
import gc
import json
import tracemalloc
import weakref

import numpy as np
import pytest
from fakes import picture

PLAIN = {"image": base64.b64encode(picture(seed=1)).decode()}
FACELESS = {"image": base64.b64encode(picture(faces=0, seed=2)).decode()}


@pytest.fixture
def settings(settings):
    """One worker: when it begins a call it has let go of the one before."""
    return settings.model_copy(update={"workers": 1})


def let_go(client):
    """Wait until the worker has let go of its last call, which it may still hold when the answer is here."""
    client.app_state["service"].workers._threads.submit(int).result(20)


@pytest.fixture
def decoded(client, monkeypatch):
    """Weak references to all pictures that the detector sees."""
    seen = []
    detector = client.app_state["service"].pipeline._extractor._finder._detector
    detect = detector.detect

    def watching(image):
        seen.append(weakref.ref(image if image.base is None else image.base))
        return detect(np.asarray(image))

    monkeypatch.setattr(detector, "detect", watching)
    return seen


@pytest.mark.parametrize(
    ("path", "document", "status"),
    [
        ("/verify", {"probe": FACELESS, "reference": PLAIN}, 422),
        ("/embed", FACELESS, 422),
        ("/verify", {"probe": PLAIN, "reference": PLAIN}, 200),
        ("/verify/batch", {"pairs": [{"probe": FACELESS, "reference": PLAIN}] * 3}, 200),
        ("/embed/batch", {"faces": [FACELESS, PLAIN]}, 200),
    ],
)
def test_pictures_are_free_once_the_request_is_answered(client, decoded, path, document, status):
    gc.disable()
    try:
        assert client.post(path, json=document).status_code == status
        let_go(client)
        assert decoded
        assert [reference for reference in decoded if reference() is not None] == []
    finally:
        gc.enable()


@pytest.mark.parametrize("path", ["/verify", "/embed"])
def test_photograph_of_a_request_that_failed_is_free_once_it_is_answered(client, path):
    # Bytes behind the end of a picture are its file's all the same.
    large = {"image": base64.b64encode(picture(faces=0, seed=2, kind="JPEG") + bytes(6_000_000)).decode()}
    # Made beforehand: the client may keep what it sent.
    sent = {
        "content": json.dumps({"probe": large, "reference": PLAIN} if path == "/verify" else large).encode(),
        "headers": {"content-type": "application/json"},
    }
    client.post(path, **sent)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        assert client.post(path, **sent).status_code == 422
        let_go(client)
        assert tracemalloc.get_traced_memory()[0] < 3_000_000
    finally:
        tracemalloc.stop()
        gc.enable()


def test_pictures_without_a_face_are_not_held_until_their_batch_is_answered(client, monkeypatch):
    alive = []
    detector = client.app_state["service"].pipeline._extractor._finder._detector
    held = []

    def watching(image):
        held.append(weakref.ref(image if image.base is None else image.base))
        alive.append(sum(reference() is not None for reference in held))
        return []

    monkeypatch.setattr(detector, "detect", watching)
    faces = [{"image": base64.b64encode(picture(seed=number)).decode()} for number in range(20)]
    gc.disable()
    try:
        items = client.post("/embed/batch", json={"faces": faces}).json()["items"]
    finally:
        gc.enable()
    assert [item["problem"]["code"] for item in items] == ["no_face"] * 20
    assert max(alive) <= client.app_state["service"].workers.count + 1


def test_body_of_a_batch_is_let_go_before_its_faces_are_embedded(client, backbone_session, monkeypatch):
    # Bytes behind the end of a picture are its file's all the same.
    large = {"image": base64.b64encode(picture(seed=2) + bytes(6_000_000)).decode()}
    sent = {
        "content": json.dumps({"faces": [large]}).encode(),
        "headers": {"content-type": "application/json"},
    }
    client.post("/embed/batch", **sent)
    held = []
    run = backbone_session.run

    def watching(inputs):
        held.append(tracemalloc.get_traced_memory()[0])
        return run(inputs)

    monkeypatch.setattr(backbone_session, "run", watching)
    tracemalloc.start()
    try:
        answer = client.post("/embed/batch", **sent).json()
        assert answer["items"][0]["status"] == 200, answer["items"][0]
    finally:
        tracemalloc.stop()
    # The picture's file, of 6 MB, is held; the document that it came in, of 8 MB, is not.
    assert max(held) < 8_000_000, held
