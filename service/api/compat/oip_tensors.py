"""Tensors of the Open Inference Protocol: in JSON, or in bytes behind it (the binary tensor data extension)."""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import MaxLen
from pydantic import BaseModel, Field

from service.api.body import parse_json
from service.api.compat.peer_bodies import picture_of_text
from service.api.problems import InvalidRequest
from service.api.wire.verify_wire import FirstError
from service.arrays import Floats32

HEADER_LENGTH = "Inference-Header-Content-Length"
"""The header that says how many bytes of a body are its JSON document; the tensors' bytes follow."""

Datatype = Literal["BYTES", "FP32", "FP64"]
Parameter = str | bool | int | float
TensorParameters = Annotated[dict[Annotated[str, Field(max_length=64)], Parameter], MaxLen(16)]

_LENGTH = struct.Struct("<I")
_TYPES: Mapping[str, Any] = MappingProxyType({"FP32": np.dtype("<f4"), "FP64": np.dtype("<f8")})


class TensorInput(BaseModel, extra="forbid"):
    """A tensor that is sent; its data stand here, or behind the document where ``binary_data_size`` says so."""

    name: str = Field(max_length=64)
    shape: Annotated[list[int], MaxLen(4), FirstError()]
    datatype: str = Field(max_length=16)
    parameters: TensorParameters = {}
    data: list[Any] | None = None


class TensorAsked(BaseModel, extra="forbid"):
    """A tensor that is asked for."""

    name: str = Field(max_length=64)
    parameters: TensorParameters = {}


class InferRequest(BaseModel, extra="forbid"):
    """What is sent to ``infer``."""

    id: str | None = Field(default=None, max_length=256)
    model_name: str | None = Field(default=None, max_length=64)
    parameters: TensorParameters = {}
    inputs: Annotated[list[TensorInput], MaxLen(4)]
    outputs: Annotated[list[TensorAsked], MaxLen(16)] | None = None


@dataclass(frozen=True, slots=True)
class InferInputs:
    """A request that was taken apart.

    Attributes:
        request: its document.
        raw: the bytes of each tensor that came behind it, by its name.
    """

    request: InferRequest
    raw: Mapping[str, memoryview]


def parse_infer(content: bytes, header_length: str | None, faces: int) -> InferInputs:
    """Return the document and the bytes of a request, bounded before anything is parsed.

    Args:
        content: the body.
        header_length: what the header of that name says; None where the body is the document alone.
        faces: how many it may hold.

    Raises:
        InvalidRequest, UnknownField, DocumentTooComplex: as they say.
    """
    length = len(content)
    if header_length is not None:
        if not (header_length.isdigit() and len(header_length) < 12 and int(header_length) <= len(content)):
            raise InvalidRequest(f"{HEADER_LENGTH} must be the bytes of the JSON document, at most those of the body.")
        length = int(header_length)
    request = parse_json(InferRequest, content[:length], faces)
    raw: dict[str, memoryview] = {}
    rest, at = memoryview(content), length
    for tensor in request.inputs:
        size = tensor.parameters.get("binary_data_size")
        if tensor.name in raw or (size is None) == (tensor.data is None):
            raise InvalidRequest(f"The input {tensor.name!r} must come once, with data or with binary_data_size.")
        if size is not None:
            if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(content) - at:
                raise InvalidRequest(f"binary_data_size of the input {tensor.name!r} is not what the body holds.")
            raw[tensor.name] = rest[at : at + size]
            at += size
    if at != len(content):
        raise InvalidRequest(f"The body has {len(content) - at} bytes behind its tensors.")
    return InferInputs(request, raw)


def tensors_by_name(inputs: InferInputs, expected: Mapping[str, str]) -> dict[str, TensorInput]:
    """Return the input tensors by their names; all that are expected, each of its datatype, and no others.

    Raises:
        InvalidRequest: naming what is wrong.
    """
    found = {tensor.name: tensor for tensor in inputs.request.inputs}
    if set(found) != set(expected) or len(found) < len(inputs.request.inputs):
        raise InvalidRequest(f"The model takes each of the inputs {', '.join(expected)} once.")
    for name, datatype in expected.items():
        if found[name].datatype != datatype:
            raise InvalidRequest(f"The input {name!r} must be of the datatype {datatype}.")
    return found


def pictures_of(tensor: TensorInput, inputs: InferInputs, side: str, most: int) -> list[bytes]:
    """Return the pictures of a tensor of BYTES (n,), or (n, 1): bytes behind the document, base64 in it.

    Raises:
        InvalidRequest, InvalidBase64: as they say.
    """
    count = _count(tensor, most)
    if len(tensor.shape) > 2 or (len(tensor.shape) == 2 and tensor.shape[1] != 1):
        raise InvalidRequest(f"The input {tensor.name!r} must have the shape [n], n pictures, or [n, 1].")
    if tensor.data is not None:
        texts = [value for value in tensor.data if isinstance(value, str)]
        if len(texts) != count or len(tensor.data) != count:
            raise InvalidRequest(f"The data of the input {tensor.name!r} must be {count} texts, as its shape says.")
        return [picture_of_text(text, f"{tensor.name}[{at}]", side) for at, text in enumerate(texts)]
    content, pictures = inputs.raw[tensor.name], []
    for _ in range(count):
        if len(content) < _LENGTH.size:
            raise InvalidRequest(f"The bytes of the input {tensor.name!r} are cut short.")
        (size,) = _LENGTH.unpack(content[: _LENGTH.size])
        if size > len(content) - _LENGTH.size:
            raise InvalidRequest(f"The bytes of the input {tensor.name!r} are cut short.")
        pictures.append(bytes(content[_LENGTH.size : _LENGTH.size + size]))
        content = content[_LENGTH.size + size :]
    if len(content):
        raise InvalidRequest(f"The input {tensor.name!r} has more bytes than its {count} elements.")
    return pictures


def embeddings_of(tensor: TensorInput, inputs: InferInputs, most: int) -> Floats32:
    """Return the embeddings of a tensor of FP32 (n, d).

    Raises:
        InvalidRequest: if it holds no such thing.
    """
    if len(tensor.shape) != 2 or not 1 <= tensor.shape[1] <= 8192:
        raise InvalidRequest(f"The input {tensor.name!r} must have the shape [n, d], n embeddings of d values.")
    count = _count(tensor, most)
    size = count * tensor.shape[1]
    if tensor.data is not None:
        flat = [value for row in tensor.data for value in row] if _is_nested(tensor.data) else tensor.data
        if len(flat) != size or not all(isinstance(value, int | float) for value in flat):
            raise InvalidRequest(f"The data of the input {tensor.name!r} must be {size} numbers, as its shape says.")
        try:
            values = np.asarray(flat, dtype=np.float64).astype(np.float32)
        except OverflowError as error:
            raise InvalidRequest(f"A number of the input {tensor.name!r} is too large.") from error
    else:
        if len(inputs.raw[tensor.name]) != size * _TYPES["FP32"].itemsize:
            raise InvalidRequest(f"The bytes of the input {tensor.name!r} are not {size} numbers, as its shape says.")
        values = np.frombuffer(inputs.raw[tensor.name], _TYPES["FP32"]).astype(np.float32)
    return values.reshape(count, tensor.shape[1])


def _is_nested(data: Sequence[Any]) -> bool:
    return all(isinstance(row, list) for row in data)


def _count(tensor: TensorInput, most: int) -> int:
    if not tensor.shape or not 1 <= tensor.shape[0] <= most:
        raise InvalidRequest(
            f"The input {tensor.name!r} must have 1 to {most} elements (IDA_MAX_BATCH): send several requests."
        )
    return tensor.shape[0]


@dataclass(frozen=True, slots=True)
class TensorOutput:
    """A tensor that is answered.

    Attributes:
        name: its name.
        datatype: BYTES, FP32 or FP64.
        shape: its shape.
        values: texts, or numbers, NaN where there is none; row by row.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    values: Sequence[str] | np.ndarray[Any, Any]

    def as_bytes(self) -> bytes:
        """Return it as the extension has it."""
        if self.datatype == "BYTES":
            texts = [str(value).encode() for value in self.values]
            return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
        return np.ascontiguousarray(self.values, dtype=_TYPES[self.datatype]).tobytes()

    def as_json(self) -> list[Any]:
        """Return it as JSON has it: null for no number."""
        if self.datatype == "BYTES":
            return [str(value) for value in self.values]
        numbers = np.asarray(self.values, dtype=np.float64).reshape(-1).tolist()
        digits = 9 if self.datatype == "FP32" else 17
        return [None if math.isnan(number) else float(f"{number:.{digits}g}") for number in numbers]


def infer_answer(model: str, inputs: InferInputs, made: Sequence[TensorOutput]) -> tuple[bytes, int | None]:
    """Return an answer's body, and the bytes of its document where tensors follow it.

    Raises:
        InvalidRequest: if an output is asked that the model has not.
    """
    request, known = inputs.request, {output.name: output for output in made}
    is_binary = request.parameters.get("binary_data_output") is True
    asked = request.outputs
    wanted = [TensorAsked(name=name) for name in known] if asked is None else asked
    described, raw = [], []
    for output in wanted:
        if output.name not in known:
            raise InvalidRequest(f"The model has no output {output.name!r}. It has {', '.join(known)}.")
        if set(output.parameters) - {"binary_data"}:
            raise InvalidRequest(f"The output {output.name!r} has a parameter besides binary_data.")
        tensor = known[output.name]
        document: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if output.parameters.get("binary_data", is_binary) is True:
            content = tensor.as_bytes()
            document["parameters"] = {"binary_data_size": len(content)}
            raw.append(content)
        else:
            document["data"] = tensor.as_json()
        described.append(document)
    told: dict[str, Any] = {"model_name": model, "outputs": described}
    if request.id is not None:
        told["id"] = request.id
    header = json.dumps(told).encode()
    return b"".join([header, *raw]), len(header) if raw else None
