"""JSON documents from outside: bounded before they are parsed, and told what is wrong in one line."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from service.errors import DocumentTooComplex
from service.faults import faults

ModelT = TypeVar("ModelT", bound=BaseModel)

_BLOCK = 64 * 1024
# No object of ours has so many fields; pydantic would make a report of each that is unknown.
_MOST_FIELDS = 64
_LONGEST_NAME = 100
_LONGEST_REASON = 300


def check_structure(data: bytes, *, max_bytes: int, max_objects: int, max_arrays: int, max_values: int) -> None:
    """Refuse a JSON document that holds more than it may, by counting the bytes that structure is made of.

    Nothing is parsed and nothing is copied: a document that is refused costs its first blocks alone, a long string one
    search for each of four bytes. Depth is bounded too: no more levels than objects and arrays are opened. The bytes
    are counted wherever they stand, in strings as well, so a limit must leave room for texts. Safe from several
    threads.

    Args:
        data: the document's bytes.
        max_bytes: most bytes.
        max_objects: most objects, by ``{``.
        max_arrays: most arrays, by ``[``.
        max_values: most values, by ``,`` and most members of objects, by ``:``.

    Raises:
        DocumentTooComplex: if one of the limits is passed, naming it.
    """
    if len(data) > max_bytes:
        raise DocumentTooComplex(f"The document has {len(data)} bytes, and may have {max_bytes}. Send a smaller one.")
    counted = (
        (b"{", max_objects, "objects"),
        (b"[", max_arrays, "arrays"),
        (b",", max_values, "values"),
        (b":", max_values, "members"),
    )
    found = [0, 0, 0, 0]
    for start in range(0, len(data), _BLOCK):
        end = start + _BLOCK
        for index, (byte, limit, called) in enumerate(counted):
            # Searching is ten times as fast as counting, and most blocks of base64 have none.
            first = data.find(byte, start, end)
            if first < 0:
                continue
            found[index] += data.count(byte, first, end)
            if found[index] > limit:
                raise DocumentTooComplex(f"The document holds more than {limit} {called}. Send a smaller one.")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a document may hold; see ``check_structure``.

    Attributes:
        max_bytes: most bytes.
        max_objects: most objects.
        max_arrays: most arrays.
        max_values: most values, and most members of objects.
    """

    max_bytes: int
    max_objects: int
    max_arrays: int
    max_values: int


class Unreadable(Exception):
    """A document is not what it should be; the message says why, to stand in a sentence of the caller's."""


def parse_document(model: type[ModelT], content: bytes, limits: Limits, *, free: Collection[str] = ()) -> ModelT:
    """Return what a JSON document says, as a model. Safe from several threads.

    Args:
        model: what it must be; its lists must fail fast, so that one fault is reported and not one for each value.
        content: its bytes.
        limits: how much it may hold; nothing above them is parsed.
        free: the model's fields that hold any JSON, and objects of any number of fields.

    Raises:
        Unreadable: naming the first field that is wrong.
    """
    try:
        check_structure(content, **asdict(limits))
        found = from_json(content)
    except DocumentTooComplex as error:
        raise Unreadable(error.message.partition(".")[0]) from error
    except ValueError as error:
        raise Unreadable(f"it is no JSON ({str(error)[:_LONGEST_REASON]})") from error
    if not isinstance(found, dict):
        raise Unreadable("it is no JSON object")
    _check_fields({name: value for name, value in found.items() if name not in free})
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise Unreadable(faults(error)) from error


def _check_fields(value: dict[str, object] | list[object]) -> None:
    """Refuse objects of more fields than any of ours, at any depth."""
    if isinstance(value, dict) and len(value) > _MOST_FIELDS:
        raise Unreadable(f"an object has {len(value)} fields, beginning with {next(iter(value))[:_LONGEST_NAME]!r}")
    for child in value.values() if isinstance(value, dict) else value:
        if isinstance(child, dict | list):
            _check_fields(child)
