"""The Open Inference Protocol over a real socket, asked by Triton's own client; and what that client would not send."""

import json
import socket
import threading
import time

import numpy as np
import pytest
import tritonclient.http as triton
import uvicorn
from compat_serving import NOBODY, ONE, TWO, compat_serving, data_uri, in_base64, native, one_for_many_tests
from fakes import DIMENSION, picture
from prometheus_client import CollectorRegistry
from tritonclient.utils import InferenceServerException

from service.server.connections import ConnectionLimits, Connections
from service.server.servers import server_config
from service.telemetry import Metrics

FOLDER = "/compat/oip/v2"
PAIR = ["decision", "score", "threshold", "similarity", "fmr_at_score", "evidence"]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with one_for_many_tests(tmp_path_factory.mktemp("compat"), max_batch=4) as client:
        yield client


@pytest.fixture
def asking(settings, bundle, backbone_session):
    """Triton's client of the application behind the real server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = settings.model_copy(update={"port": port})
    app = compat_serving(settings, bundle, backbone_session).app
    limits = Connections(ConnectionLimits(most=8, header_seconds=5, backlog=8), "main", Metrics(CollectorRegistry()))
    running = uvicorn.Server(server_config(app, settings, port, limits))
    thread = threading.Thread(target=running.run)
    thread.start()
    end = time.monotonic() + 20
    while not running.started:
        assert time.monotonic() < end
        thread.join(0.01)
    with triton.InferenceServerClient(f"127.0.0.1:{port}/compat/oip") as asking:
        yield asking
    running.should_exit = True
    thread.join(20)


def pictures(name, *contents, binary=True):
    given = [content if binary else in_base64(content).encode() for content in contents]
    tensor = triton.InferInput(name, [len(contents)], "BYTES")
    return tensor.set_data_from_numpy(np.array(given, dtype=np.object_), binary_data=binary)


def vectors(name, rows, *, binary=True):
    rows = np.asarray(rows, dtype=np.float32)
    return triton.InferInput(name, list(rows.shape), "FP32").set_data_from_numpy(rows, binary_data=binary)


def numbers(result):
    return {name: result.as_numpy(name) for name in PAIR}


def test_triton_reads_what_is_served(asking):
    assert asking.is_server_live()
    assert asking.is_server_ready()
    assert asking.is_model_ready("verify")
    assert asking.get_server_metadata()["name"] == "ida-verify"
    assert asking.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = asking.get_model_metadata("verify-embeddings")
    assert metadata["inputs"] == [
        {"name": name, "datatype": "FP32", "shape": [-1, DIMENSION]} for name in ("probe", "reference")
    ]
    assert [output["name"] for output in metadata["outputs"]] == PAIR
    with pytest.raises(InferenceServerException, match="Not Found"):
        asking.get_model_metadata("nobody")
    assert not asking.is_model_ready("nobody")


def test_triton_compares_pictures_and_embeddings_in_both_encodings(asking):
    sides = [pictures("probe", ONE, ONE), pictures("reference", TWO, ONE)]
    binary = asking.infer("verify", sides, request_id="order-17")
    assert binary.get_response()["id"] == "order-17"
    assert binary.get_response()["model_name"] == "verify"
    found = numbers(binary)
    assert found["decision"].tolist() == [b"non_match", b"match"]
    assert found["similarity"][1] == pytest.approx(1, abs=1e-6)
    asked = [triton.InferRequestedOutput(name, binary_data=False) for name in PAIR]
    texts = [pictures("probe", ONE, ONE, binary=False), pictures("reference", TWO, ONE, binary=False)]
    plain = numbers(asking.infer("verify", texts, outputs=asked))
    for name in PAIR[1:]:
        assert plain[name] == pytest.approx(found[name], rel=1e-12, nan_ok=True)
    embedded = asking.infer("embed", [pictures("image", ONE, TWO)])
    rows, norms = embedded.as_numpy("embedding"), embedded.as_numpy("norm")
    assert rows.dtype == np.float32
    rows = rows * norms[:, None]
    for binary_data in (True, False):
        pair = [vectors(name, rows[[at]], binary=binary_data) for at, name in enumerate(("probe", "reference"))]
        again = asking.infer("verify-embeddings", pair, outputs=[triton.InferRequestedOutput("similarity")])
        assert again.as_numpy("similarity")[0] == pytest.approx(found["similarity"][0], abs=1e-6)
        assert again.as_numpy("score") is None


def test_triton_names_how_it_is_decided_and_reads_why_not(asking):
    pair = [pictures("probe", ONE), pictures("reference", TWO)]
    result = asking.infer("verify", pair, parameters={"method": "cosine"})
    assert result.as_numpy("threshold")[0] == 0.4
    assert result.as_numpy("score") == result.as_numpy("similarity")
    with pytest.raises(InferenceServerException, match="no method 'dao'") as refused:
        asking.infer("verify", pair, parameters={"method": "dao"})
    assert refused.value.status() == "400"
    with pytest.raises(InferenceServerException, match="quality"):
        asking.infer("verify", pair, parameters={"quality": "gate"})
    with pytest.raises(InferenceServerException, match="Element 1"):
        asking.infer("verify", [pictures("probe", ONE, NOBODY), pictures("reference", TWO, TWO)])
    with pytest.raises(InferenceServerException, match="compressed"):
        asking.infer("verify", pair, request_compression_algorithm="gzip")
    with pytest.raises(InferenceServerException, match="priority"):
        asking.infer("verify", pair, priority=1)


def test_numbers_are_those_of_verify(client):
    answer = infer(client, "verify", tensor("probe", ONE), tensor("reference", TWO)).json()
    found, own = {one["name"]: one["data"] for one in answer["outputs"]}, native(client)
    assert found["decision"] == [own["decision"]]
    for name in PAIR[1:]:
        assert found[name][0] == pytest.approx(own[name], rel=1e-2)
    embedded = infer(client, "embed", tensor("image", ONE)).json()["outputs"]
    assert embedded[0]["data"] == client.post("/embed", files={"image": ONE}).json()["embedding"]


def tensor(name, *contents, **changes):
    data = [in_base64(content) for content in contents]
    return {"name": name, "shape": [len(contents)], "datatype": "BYTES", "data": data, **changes}


def infer(client, model, *inputs, **document):
    return client.post(f"{FOLDER}/models/{model}/infer", json={"inputs": list(inputs), **document})


SIDE = tensor("reference", TWO)


@pytest.mark.parametrize(
    ("probe", "why"),
    [
        (tensor("probe", ONE, shape=[2]), "2 texts"),
        (tensor("probe", ONE, shape=[1, 2]), "shape"),
        (tensor("probe", ONE, shape=[]), "1 to 4"),
        (tensor("probe", ONE, shape=[-1]), "1 to 4"),
        (tensor("probe", ONE, shape=[10**30]), "1 to 4"),
        (tensor("probe", *[ONE] * 5), "1 to 4"),
        (tensor("probe", ONE, ONE), "as many elements"),
        (tensor("probe", ONE, datatype="FP32"), "BYTES"),
        (tensor("probe", ONE, data=[5]), "1 texts"),
        (tensor("probe", ONE, data=["https://example.com/a.jpg"]), "fetches nothing"),
        (tensor("probe", ONE, data=None), "with data or"),
        (tensor("probe", ONE, data=None, parameters={"binary_data_size": 4}), "not what the body holds"),
        (tensor("probe", ONE, data=None, parameters={"binary_data_size": "4"}), "not what the body holds"),
        (tensor("probe", ONE, data=None, parameters={"shared_memory_region": "x"}), "with data or"),
        (tensor("probe", ONE, parameters={"content_type": "base64"}), "binary_data_size"),
        (tensor("query", ONE), "probe, reference"),
        (tensor("reference", ONE), "once"),
    ],
)
def test_tensors_that_are_none_are_refused_in_words(client, probe, why):
    answer = infer(client, "verify", probe, SIDE)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}
    assert why in answer.json()["error"]


@pytest.mark.parametrize(
    ("data", "shape", "why"),
    [
        ([1.0] * DIMENSION, [1, DIMENSION + 1], "numbers"),
        (["a"] * DIMENSION, [1, DIMENSION], "numbers"),
        ([10**400] * DIMENSION, [1, DIMENSION], "too large"),
        ([0.0] * DIMENSION, [1, DIMENSION], "Element 0"),
        ([1.0] * 3, [1, 3], "Element 0"),
        ([1.0] * DIMENSION, [DIMENSION], "shape"),
    ],
)
def test_vectors_that_are_none_are_refused_in_words(client, data, shape, why):
    one = {"name": "probe", "shape": shape, "datatype": "FP32", "data": data}
    other = {"name": "reference", "shape": [1, DIMENSION], "datatype": "FP32", "data": [[1.0] * DIMENSION]}
    answer = infer(client, "verify-embeddings", one, other)
    assert answer.status_code == 400
    assert why in answer.json()["error"]


def binary(sizes, raw, *, length=None):
    inputs = [
        {"name": name, "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
        for name, size in zip(("probe", "reference"), sizes, strict=True)
    ]
    document = json.dumps({"inputs": inputs}).encode()
    return document + raw, {"Inference-Header-Content-Length": str(len(document)) if length is None else length}


@pytest.mark.parametrize(
    ("sizes", "raw", "length"),
    [
        ((4, 4), b"\xff\xff\xff\xff" * 2, None),
        ((3, 5), b"\0" * 8, None),
        ((4, 4), b"\0" * 7, None),
        ((4, 4), b"\0" * 9, None),
        ((6, 4), b"\x01\0\0\0ab" + b"\0" * 4, None),
        ((-1, 4), b"\0" * 4, None),
        ((4, 4), b"\0" * 8, "-1"),
        ((4, 4), b"\0" * 8, "99999999999999999999"),
        ((4, 4), b"\0" * 8, "5"),
        ((4, 4), b"\0" * 8, "many"),
    ],
)
def test_bytes_that_are_not_what_they_say_are_refused(client, sizes, raw, length):
    content, headers = binary(sizes, raw, length=length)
    answer = client.post(f"{FOLDER}/models/verify/infer", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_output_that_there_is_none_of_is_refused(client):
    answer = infer(client, "verify", tensor("probe", ONE), SIDE, outputs=[{"name": "confidence"}])
    assert (answer.status_code, "confidence" in answer.json()["error"]) == (400, True)


def test_pairs_of_a_request_are_scored_with_one_anchor_set_and_stand_in_the_metrics(client):
    others = [picture(seed=seed) for seed in range(2, 6)]
    answer = infer(client, "verify", tensor("probe", *[ONE] * 4), tensor("reference", *others)).json()
    found = {one["name"]: one["data"] for one in answer["outputs"]}
    assert found["score"] == pytest.approx([native(client, reference=other)["score"] for other in others], rel=1e-5)
    assert 'ida_decisions_total{decision="non_match"' in client.get("/metrics").text
    assert infer(client, "verify", tensor("probe", ONE, data=[data_uri(ONE)]), SIDE).status_code == 200
