"""JSON documents that would take the service's memory and time are refused before they are parsed."""

import time
import tracemalloc

import pytest
from fakes import DIMENSION

MIB = 1024 * 1024


def repeated(unit: bytes, size: int, head: bytes = b"", tail: bytes = b"") -> bytes:
    return head + b",".join([unit] * (size // (len(unit) + 1))) + tail


DOCUMENTS = {
    "empty pairs": ("/verify/batch", lambda size: repeated(b"{}", size, b'{"pairs":[', b"]}")),
    "empty faces": ("/embed/batch", lambda size: repeated(b"{}", size, b'{"faces":[', b"]}")),
    "long embedding": ("/embed", lambda size: repeated(b"1", size, b'{"embedding":[', b"]}")),
    "embedding of texts": ("/embed", lambda size: repeated(b'""', size, b'{"embedding":[', b"]}")),
    "long embedding in a pair": ("/verify", lambda size: repeated(b"1", size, b'{"probe":{"embedding":[', b"]}}")),
    "unknown keys": ("/verify", lambda size: repeated(b'"a":1', size, b"{", b"}")),
    "unknown keys in a batch": ("/verify/batch", lambda size: repeated(b'"a":1', size, b"{", b"}")),
    "named faces": ("/verify/batch", lambda size: repeated(b'"a":{}', size, b'{"pairs":[{}],"faces":{', b"}}")),
    "depth": ("/verify", lambda size: b"[" * size),
    "depth of objects": ("/verify", lambda size: b'{"probe":' * (size // 9)),
}


@pytest.mark.parametrize(("path", "document"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_document_that_holds_too_much_is_refused_at_once_and_without_memory(client, path, document):
    body = document(12 * MIB)
    tracemalloc.start()
    try:
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (answer.status_code, answer.json()["code"]) == (413, "document_too_complex")
    # The body itself, as the client and the service hold it.
    assert peak < 4 * len(body)


@pytest.mark.parametrize(("path", "document"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_document_just_within_the_structural_bound_builds_few_errors(client, path, document):
    body = document(600)
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 413, 422)
    assert len(answer.content) < 1000


def test_batch_of_as_many_pairs_and_values_as_may_be_is_answered(client):
    faces = {str(number): {"embedding": [0.5] * DIMENSION} for number in range(128)}
    pairs = [{"probe": {"face": str(2 * at)}, "reference": {"face": str(2 * at + 1)}} for at in range(64)]
    answer = client.post("/verify/batch", json={"faces": faces, "pairs": pairs})
    assert answer.status_code == 200
    assert [item["status"] for item in answer.json()["items"]] == [200] * 64


def test_embedding_of_another_backbone_is_told_its_dimension(client):
    body = {"probe": {"embedding": [0.5] * 1024}, "reference": {"embedding": [0.5] * 1024}}
    answer = client.post("/verify", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "dimension_mismatch")
    items = client.post("/verify/batch", json={"pairs": [body] * 64}).json()["items"]
    assert {item["problem"]["code"] for item in items} == {"dimension_mismatch"}


def test_a_hostile_document_costs_little_time(client):
    body = DOCUMENTS["empty pairs"][1](12 * MIB)
    seconds = []
    for _ in range(3):
        began = time.process_time()
        client.post("/verify/batch", content=body, headers={"content-type": "application/json"})
        seconds.append(time.process_time() - began)
    # Seconds, where parsing took half a minute: a machine ten times as slow still passes.
    assert min(seconds) < 3
