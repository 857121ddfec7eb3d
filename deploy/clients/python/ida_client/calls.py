"""From what a program asks to the calls that ask the service for it; batches are parted by the service's limits."""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ida_client.exchange import Call, Reply
from ida_client.face_inputs import Face, to_octets, to_wire
from ida_client.failures import Problem
from ida_client.replies import ComparedPair

JSON = "application/json"
_OWN = ("deadline", "request_id")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the service takes in one request.

    Attributes:
        batch: pairs of a batch in JSON.
        embedding_pairs: pairs of a batch in bytes.
        batch_bytes: of a batch's body.
    """

    batch: int = 64
    embedding_pairs: int = 4096
    batch_bytes: int = 16 * 1024 * 1024

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "Limits":
        """Return what ``/info`` tells; a service that does not tell one has the default."""
        told = info.get("limits") or {}
        known = cls()
        picture = told.get("max_image_bytes")
        return cls(
            batch=told.get("max_batch", known.batch),
            embedding_pairs=told.get("max_embedding_pairs", known.embedding_pairs),
            # Two pictures of the largest size in base64 four times, as the service allows.
            batch_bytes=known.batch_bytes if picture is None else 4 * (2 * picture * 4 // 3),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """Options of a call, parted: what the service is told, and what the client needs itself."""

    told: Mapping[str, Any]
    request_id: str
    deadline: float | None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Asked":
        """Part options; those that are None are the service's default."""
        told = {name: value for name, value in options.items() if name not in _OWN and value is not None}
        return cls(told, options.get("request_id") or uuid.uuid4().hex, options.get("deadline"))

    def id_of(self, part: int) -> str:
        """Return the request id of a part of a batch; the first has the batch's own."""
        return self.request_id if part == 0 else f"{self.request_id}-{part}"


def verify_call(probe: Face, reference: Face | Sequence[Face], asked: Asked) -> Call:
    """Return the call of a pair; reads the files."""
    document = {"probe": to_wire(probe), "reference": _reference(reference), **asked.told}
    return Call("POST", "/verify", _written(document), JSON, request_id=asked.request_id)


def embed_call(face: Face, asked: Asked) -> Call:
    """Return the call of a face; reads the file."""
    return Call("POST", "/embed", _written({**to_wire(face), **asked.told}), JSON, request_id=asked.request_id)


def batch_calls(pairs: Sequence[tuple[Face, Face | Sequence[Face]]], asked: Asked, limits: Limits) -> Iterator[Call]:
    """Give the calls of many pairs, each as large as the service takes; the files of a part are read when it comes."""
    part: list[str] = []
    size = number = 0

    def ended() -> Call:
        options = json.dumps(asked.told)[1:-1]
        content = f'{{"pairs": [{", ".join(part)}]{", " if options else ""}{options}}}'.encode()
        return Call("POST", "/verify/batch", content, JSON, request_id=asked.id_of(number))

    for probe, reference in pairs:
        text = json.dumps({"probe": to_wire(probe), "reference": _reference(reference)})
        if part and (len(part) >= limits.batch or size + len(text) > limits.batch_bytes):
            yield ended()
            part, size, number = [], 0, number + 1
        part.append(text)
        size += len(text)
    if part:
        yield ended()


def octet_calls(probes: Any, references: Any, asked: Asked, limits: Limits) -> Iterator[Call]:
    """Give the calls of many pairs of embeddings, each as large as the service takes."""
    content, dimension = to_octets(probes, references)
    query = {"dimension": str(dimension), **{name: str(value) for name, value in asked.told.items()}}
    step = 8 * dimension * limits.embedding_pairs
    for number, at in enumerate(range(0, len(content), step)):
        part = content[at : at + step]
        yield Call("POST", "/verify/batch", part, "application/octet-stream", query, asked.id_of(number))


def compared(reply: Reply) -> ComparedPair:
    """Return what a pair's answer says."""
    return ComparedPair.of(reply.document(), reply.headers.get("x-request-id", ""))


def compared_items(reply: Reply) -> list[ComparedPair | Problem]:
    """Return what became of each pair of a batch."""
    document = reply.document()
    request_id = reply.headers.get("x-request-id", "")
    return [
        ComparedPair.of(item["answer"], request_id)
        if item["problem"] is None
        else Problem.of(item["status"], item["problem"])
        for item in document["items"]
    ]


def _reference(given: Face | Sequence[Face]) -> Any:
    if isinstance(given, list | tuple) and given and not isinstance(given[0], Real):
        return [to_wire(one) for one in given]
    return to_wire(given)  # type: ignore[arg-type]  # no list of faces


def _written(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()
