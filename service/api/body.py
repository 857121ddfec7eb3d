"""From a request's body, multipart or JSON, to the faces and options it holds."""

from dataclasses import dataclass
from typing import Any, NoReturn, get_args

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.api.base64_text import decode_base64
from service.api.problems import InvalidRequest, UnknownField, UnsupportedMediaType
from service.api.wire.verify_wire import Detail, EmbedForm, EmbedRequest, FaceRequest, VerifyForm, VerifyRequest
from service.choices import FacePolicy, LivenessPolicy, QualityPolicy
from service.documents import ModelT, check_structure
from service.errors import InvalidBase64
from service.verifier import Crop, Embedding, FaceInput, Photo


@dataclass(frozen=True, slots=True)
class FormBody:
    """A multipart body: its files' bytes and its text fields, by name."""

    files: dict[str, bytes]
    fields: dict[str, str]


# Values of one face in a JSON document, an embedding's with room for one of another backbone, and of all the rest.
_FACE_VALUES = 2048
_SPARE = 64
_LONGEST_TEXT = 64

# Which input a field of a JSON document is about: one of the pair's two, or the one that /embed takes.
_SIDE_OF_FIELD: dict[str | int, str] = {
    "probe": "probe",
    "reference": "reference",
    "image": "image",
    "crop": "image",
    "embedding": "image",
}

Body = FormBody | bytes
"""A multipart body, or the bytes of a JSON document that is yet to be parsed."""


@dataclass(frozen=True, slots=True)
class PairInput:
    """What ``POST /verify`` was asked."""

    probe: FaceInput
    reference: FaceInput
    method: str | None
    operating_point: str | None
    face_policy: FacePolicy | None
    quality_policy: QualityPolicy | None
    liveness_policy: LivenessPolicy | None
    detail: Detail


@dataclass(frozen=True, slots=True)
class SingleInput:
    """What ``POST /embed`` was asked."""

    face: FaceInput
    method: str | None
    face_policy: FacePolicy | None
    liveness_policy: LivenessPolicy | None


class _Form(MultiPartParser):
    """Parses a form whose files stay in memory, and knows whether its last boundary was seen."""

    # No limit but the body's own: the parser would otherwise write what is larger to the disk.
    spool_max_size = 0
    is_complete = False

    def on_end(self) -> None:
        self.is_complete = True


async def read_body(request: Request) -> Body:
    """Receive a request's body; parsing a JSON document is left to a worker thread.

    Raises:
        UnsupportedMediaType: if it is neither multipart nor JSON.
        InvalidRequest: if a multipart body is malformed, cut short or names a field twice.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        return await request.body()
    if content_type == "multipart/form-data":
        return await _read_form(request)
    raise UnsupportedMediaType(
        f"The body's type is {content_type or 'not stated'}; send multipart/form-data with the image files, or "
        "application/json with the images in base64."
    )


async def _read_form(request: Request) -> FormBody:
    parser = _Form(request.headers, request.stream(), max_files=4, max_fields=8, max_part_size=64 * 1024)
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeError) as error:  # UnicodeError: the stated charset cannot decode a name
        reason = error.message if isinstance(error, MultiPartException) else f"{error}."
        raise InvalidRequest(
            f"The multipart body is malformed: {reason} Send each photograph as a file, with a boundary and a filename "
            "that your HTTP client makes: with curl, -F NAME=@photo.jpg."
        ) from error
    if not parser.is_complete:
        raise InvalidRequest("The multipart body is cut short: its last boundary is missing. Send it again.")
    files: dict[str, bytes] = {}
    fields: dict[str, str] = {}
    for name, value in form.multi_items():
        if name in files or name in fields:
            raise InvalidRequest(f"The form names {shortened(name)!r} twice.")
        if isinstance(value, UploadFile):
            files[name] = await value.read()
            await value.close()
        else:
            fields[name] = value
    return FormBody(files, fields)


def parse_pair(body: Body) -> PairInput:
    """Return what ``POST /verify`` was asked.

    Raises:
        InvalidRequest, UnknownField, InvalidBase64: as they say, naming the field.
    """
    if isinstance(body, FormBody):
        _only_known(body, VerifyForm)
        return PairInput(
            probe=Photo(_file(body, "probe")),
            reference=Photo(_file(body, "reference")),
            method=body.fields.get("method"),
            operating_point=body.fields.get("operating_point"),
            face_policy=_choice(body, "face_policy", FacePolicy),
            quality_policy=_choice(body, "quality_policy", QualityPolicy),
            liveness_policy=_choice(body, "liveness_policy", LivenessPolicy),
            detail=_choice(body, "detail", Detail) or "full",
        )
    request = parse_json(VerifyRequest, body, pairs=1)
    return PairInput(
        probe=to_face(request.probe, "probe"),
        reference=to_face(request.reference, "reference"),
        method=request.method,
        operating_point=request.operating_point,
        face_policy=request.face_policy,
        quality_policy=request.quality_policy,
        liveness_policy=request.liveness_policy,
        detail=request.detail,
    )


def parse_face(body: Body) -> SingleInput:
    """Return what ``POST /embed`` was asked.

    Raises:
        InvalidRequest, UnknownField, InvalidBase64: as they say, naming the field.
    """
    if isinstance(body, FormBody):
        _only_known(body, EmbedForm)
        return SingleInput(
            Photo(_file(body, "image")),
            body.fields.get("method"),
            _choice(body, "face_policy", FacePolicy),
            _choice(body, "liveness_policy", LivenessPolicy),
        )
    request = parse_json(EmbedRequest, body, pairs=1)
    return SingleInput(to_face(request, "image"), request.method, request.face_policy, request.liveness_policy)


def shortened(text: str) -> str:
    """Return a caller's text as it may stand in a message: cut where it is long."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def _only_known(body: FormBody, form: type[BaseModel]) -> None:
    files = {name for name, field in form.model_fields.items() if field.annotation is bytes}
    fields = form.model_fields.keys() - files
    expected = f"The form takes the files {', '.join(sorted(files))} and the fields {', '.join(sorted(fields))}"
    for name in body.files.keys() - files:
        if name in fields:
            raise InvalidRequest(f"{name!r} must be a text field, not a file. {expected}.")
        raise UnknownField(f"The file {shortened(name)!r} is not known. {expected}.")
    for name in body.fields.keys() - fields:
        if name in files:
            raise InvalidRequest(f"{name!r} must be a file: with curl, -F {name}=@photo.jpg. {expected}.")
        raise UnknownField(f"The field {shortened(name)!r} is not known. {expected}.")
    for name, value in body.fields.items():
        if len(value) > _LONGEST_TEXT:
            raise InvalidRequest(f"The field {name!r} has {len(value)} characters, the limit is {_LONGEST_TEXT}.")


def _file(body: FormBody, name: str) -> bytes:
    if name not in body.files:
        raise InvalidRequest(f"The file {name!r} is missing: with curl, -F {name}=@photo.jpg.").about(name)
    return body.files[name]


def _choice(body: FormBody, name: str, words: Any) -> Any:
    value = body.fields.get(name)
    if value is not None and value not in get_args(words):
        raise InvalidRequest(f"{name} must be one of {', '.join(get_args(words))}.")
    return value


def parse_json(model: type[ModelT], body: bytes, pairs: int) -> ModelT:
    """Return a JSON document as a model.

    Args:
        model: what it must be.
        body: its bytes.
        pairs: how many it may hold, each with two faces, and as many faces that they name.

    Raises:
        DocumentTooComplex: if it holds more; nothing was parsed.
        InvalidRequest, UnknownField: naming the field.
    """
    faces = 4 * pairs
    check_structure(
        body,
        max_bytes=len(body),  # bounded as it came
        max_objects=faces + pairs + _SPARE,
        max_arrays=faces + _SPARE,
        max_values=faces * _FACE_VALUES + _SPARE,
    )
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        _refuse(error)


def _refuse(error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False, include_input=False)[0]
    where = shortened(".".join(str(part) for part in first["loc"]))
    side = _SIDE_OF_FIELD.get(first["loc"][0]) if first["loc"] else None
    if first["type"] == "extra_forbidden":
        failure: InvalidRequest | UnknownField = UnknownField(f"The field {where!r} is not known; see /docs.")
    else:
        failure = InvalidRequest(f"{where or 'The body'}: {first['msg'].removeprefix('Value error, ')}.")
    raise failure.about(side) if side else failure


def to_face(request: FaceRequest, name: str) -> FaceInput:
    """Return the face of a document, ``name`` being its place there.

    Raises:
        InvalidBase64: if it is not base64.
    """
    if request.embedding is not None:
        return Embedding(tuple(request.embedding))
    if request.crop is not None:
        return Crop(_decoded(request.crop, name, "crop"))
    return Photo(_decoded(request.image or "", name, "image"))


def _decoded(text: str, name: str, field: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as error:
        where = field if name == "image" else f"{name}.{field}"
        failure = InvalidBase64(
            f"{where} is not base64: {error}. Send the file's bytes in base64: standard or url-safe, padded or not."
        )
        raise (failure.about(name) if name in _SIDE_OF_FIELD else failure) from error
