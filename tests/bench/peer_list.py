"""The peers that ``peers.py`` measures, how each is installed and asked, and those that cannot be had."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

from photographs import BOUNDARY, CONTENT_TYPE, form

_JSON = "application/json"


@dataclass(frozen=True)
class Server:
    """How a peer is asked over HTTP.

    Attributes:
        command: what starts it, after its Python and before the port is filled in.
        path: of a pair.
        body: of a pair, and its type.
        cosine: what an answer says.
        batch: path, body and type for several photographs; None where it has none.
    """

    command: tuple[str, ...]
    path: str
    body: Callable[[bytes, bytes], tuple[bytes, str]]
    cosine: Callable[[dict], float]
    batch: Callable[[list[bytes]], tuple[str, bytes, str]] | None = None


@dataclass(frozen=True)
class Peer:
    """One peer.

    Attributes:
        name: in the table.
        requirements: what is installed for it; none for the project itself.
        kind: its class in ``peer_worker.py``.
        server: how it serves; None for a library.
    """

    name: str
    requirements: tuple[str, ...]
    kind: str = ""
    server: Server | None = None


def _base64(photograph: bytes) -> str:
    return base64.b64encode(photograph).decode()


def _deepface_form(probe: bytes, reference: bytes) -> tuple[bytes, str]:
    parts = [
        b'Content-Disposition: form-data; name="%s"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n%s' % part
        for part in ((b"img1", probe), (b"img2", reference))
    ]
    fields = (b"model_name", b"SFace"), (b"detector_backend", b"yunet")
    parts += [b'Content-Disposition: form-data; name="%s"\r\n\r\n%s' % field for field in fields]
    body = b"".join(b"--%s\r\n%s\r\n" % (BOUNDARY, part) for part in parts) + b"--%s--\r\n" % BOUNDARY
    return body, CONTENT_TYPE


def _embed_batch(photographs: list[bytes]) -> tuple[str, bytes, str]:
    return "/embed/batch", json.dumps({"faces": [{"image": _base64(one)} for one in photographs]}).encode(), _JSON


def _verifyface_json(probe: bytes, reference: bytes) -> tuple[bytes, str]:
    texts = {"a": probe, "b": reference}
    return json.dumps({name: f"data:image/jpeg;base64,{_base64(one)}" for name, one in texts.items()}).encode(), _JSON


_DEEPFACE = ("deepface[api]==0.0.103",)
_VERIFYFACE = ("verifyface==1.1.1",)
PEERS = (
    Peer(
        "ida-verify, HTTP",
        (),
        server=Server(
            ("serve", "--port"),
            "/verify",
            lambda probe, reference: (form(probe, reference, "cosine"), CONTENT_TYPE),
            lambda answer: answer["similarity"],
            _embed_batch,
        ),
    ),
    Peer("ida-verify, library", (), "service"),
    Peer("OpenCV", ("opencv-python-headless==5.0.0.93",), "opencv"),
    Peer("insightface", ("insightface==2.1", "onnxruntime==1.32.0"), "insightface"),
    Peer("uniface", ("uniface==4.2.1", "onnxruntime==1.32.0"), "uniface"),
    Peer("verifyface", _VERIFYFACE, "verifyface"),
    Peer("deepface", _DEEPFACE, "deepface"),
    Peer(
        "deepface, HTTP",
        _DEEPFACE,
        # As its image starts it.
        server=Server(
            ("-m", "gunicorn", "--workers=1", "--timeout=3600", "deepface.api.src.app:create_app()", "--bind"),
            "/verify",
            _deepface_form,
            lambda answer: 1 - answer["distance"],
        ),
    ),
    Peer(
        "verifyface, HTTP",
        _VERIFYFACE,
        server=Server(
            ("-m", "verifyface", "serve", "--port"),
            "/api/compare",
            _verifyface_json,
            lambda answer: answer["score"],
        ),
    ),
)
ABSENT = {
    "InsightFace-REST": "in no package index; its repository and images are not fetched from here.",
    "LocalAI, face-detect": "a program in Go whose backends are images; in no package index.",
    "CompreFace": "images alone, with networks of its own.",
    "Immich's machine learning": "images alone; it returns embeddings of networks that it downloads.",
    "face_recognition": "dlib's networks alone; it takes no others, so the weights would not be the same.",
    "InspireFace": "its own format of models, which it downloads; it takes no others.",
}
