"""From a request's body, multipart or JSON, to the faces and options it holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, get_args

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.api.base64_text import decode_base64
from service.api.problems import InvalidRequest, UnknownField, UnsupportedMediaType
from service.api.wire.verify_wire import (
    ONE_PICTURE,
    SEVERAL_PICTURES,
    Detail,
    EmbedForm,
    EmbedRequest,
    FaceRequest,
    VerifyForm,
    VerifyRequest,
)
from service.choices import FacePolicy, LivenessPolicy, QualityPolicy, UnusablePictures
from service.documents import ModelT, check_structure
from service.errors import InvalidBase64
from service.verifier import MOST_PICTURES, Crop, Embedding, FaceInput, Photo, Reference, Template

FaceT = TypeVar("FaceT", bound=FaceRequest)


@dataclass(frozen=True, slots=True)
class FormBody:
    """A multipart body: its files' bytes, of those called alike in their order, and its text fields, by name."""

    files: dict[str, tuple[bytes, ...]]
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body of bytes that are neither a form nor a JSON document, and have not been looked at."""

    content: bytes


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

# The file of a form that may come several times, where an endpoint takes it.
_REPEATED = "reference"
# What a fault in a face names besides its fields.
_NO_FIELDS = frozenset({ONE_PICTURE, SEVERAL_PICTURES})

Body = FormBody | RawBody | bytes
"""A multipart body, one of bytes alone, or the bytes of a JSON document that is yet to be parsed."""


@dataclass(frozen=True, slots=True)
class PairInput:
    """What ``POST /verify`` was asked."""

    probe: FaceInput
    reference: Reference
    method: str | None
    operating_point: str | None
    face_policy: FacePolicy | None
    quality_policy: QualityPolicy | None
    liveness_policy: LivenessPolicy | None
    detail: Detail
    return_embeddings: bool


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


def media_type(request: Request) -> str:
    """Return the type of a request's body without its parameters, in small letters; "" where none is stated."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request) -> Body:
    """Receive a request's body; parsing a JSON document is left to a worker thread.

    Raises:
        UnsupportedMediaType: if it is neither multipart nor JSON nor bytes alone.
        InvalidRequest: if a multipart body is malformed, cut short or names a field twice.
    """
    content_type = media_type(request)
    if content_type == "application/json":
        return await request.body()
    if content_type == "multipart/form-data":
        return await read_form(request)
    if content_type == "application/octet-stream":
        return RawBody(await request.body())
    raise UnsupportedMediaType(
        f"The body's type is {content_type or 'not stated'}; send multipart/form-data with the image files, or "
        "application/json with the images in base64."
    )


async def read_form(request: Request, *, max_fields: int = 12, max_field_bytes: int = 64 * 1024) -> FormBody:
    """Receive a multipart body, all of it in memory.

    Args:
        request: whose body it is.
        max_fields: most text fields.
        max_field_bytes: most bytes of one; files are bounded by the body's own limit alone.

    Raises:
        InvalidRequest: if it is malformed, cut short or names a field twice.
    """
    parser = _Form(
        request.headers,
        request.stream(),
        max_files=MOST_PICTURES + 4,
        max_fields=max_fields,
        max_part_size=max_field_bytes,
    )
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
    files: dict[str, tuple[bytes, ...]] = {}
    fields: dict[str, str] = {}
    for name, value in form.multi_items():
        if name in fields or (name in files and not (name == _REPEATED and isinstance(value, UploadFile))):
            raise InvalidRequest(f"The form names {shortened(name)!r} twice.")
        if isinstance(value, UploadFile):
            files[name] = (*files.get(name, ()), await value.read())
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
            reference=_references(body),
            method=body.fields.get("method"),
            operating_point=body.fields.get("operating_point"),
            face_policy=_choice(body, "face_policy", FacePolicy),
            quality_policy=_choice(body, "quality_policy", QualityPolicy),
            liveness_policy=_choice(body, "liveness_policy", LivenessPolicy),
            detail=_choice(body, "detail", Detail) or "full",
            return_embeddings=_flag(body, "return_embeddings"),
        )
    request = parse_json(VerifyRequest, body, faces=2 * (1 + MOST_PICTURES))
    return PairInput(
        probe=to_face(request.probe, "probe"),
        reference=to_reference(request.reference, "reference", to_face, request.unusable_pictures),
        method=request.method,
        operating_point=request.operating_point,
        face_policy=request.face_policy,
        quality_policy=request.quality_policy,
        liveness_policy=request.liveness_policy,
        detail=request.detail,
        return_embeddings=request.return_embeddings,
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
    request = parse_json(EmbedRequest, body, faces=4)
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
    return body.files[name][0]


def _references(body: FormBody) -> Reference:
    _file(body, _REPEATED)
    pictures = body.files[_REPEATED]
    if len(pictures) > MOST_PICTURES:
        raise InvalidRequest(
            f"The form has {len(pictures)} files {_REPEATED!r}, the limit is {MOST_PICTURES}. Send the best of them."
        ).about(_REPEATED)
    skips = _choice(body, "unusable_pictures", UnusablePictures) == "skip"
    return Photo(pictures[0]) if len(pictures) == 1 else Template(tuple(map(Photo, pictures)), skips)


def _choice(body: FormBody, name: str, words: Any) -> Any:
    value = body.fields.get(name)
    if value is not None and value not in get_args(words):
        raise InvalidRequest(f"{name} must be one of {', '.join(get_args(words))}.")
    return value


def _flag(body: FormBody, name: str) -> bool:
    # Clients write it as their language does: True.
    value = body.fields.get(name, "false").lower()
    if value not in ("true", "false"):
        raise InvalidRequest(f"{name} must be one of true, false.")
    return value == "true"


def parse_json(model: type[ModelT], body: RawBody | bytes, faces: int) -> ModelT:
    """Return a JSON document as a model.

    Args:
        model: what it must be.
        body: its bytes.
        faces: how many it may hold; a batch's pairs have two each, and may name as many.

    Raises:
        DocumentTooComplex: if it holds more; nothing was parsed.
        InvalidRequest, UnknownField: naming the field.
        UnsupportedMediaType: if it is a body of bytes alone.
    """
    if isinstance(body, RawBody):
        raise UnsupportedMediaType(
            "/verify/batch alone takes application/octet-stream, for pairs of embeddings; send multipart/form-data or "
            "application/json."
        )
    check_structure(
        body,
        max_bytes=len(body),  # bounded as it came
        max_objects=faces + faces // 4 + _SPARE,
        max_arrays=faces + _SPARE,
        max_values=faces * _FACE_VALUES + _SPARE,
    )
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        _refuse(error)


def _refuse(error: ValidationError) -> NoReturn:
    found = error.errors(include_url=False, include_input=False)
    # A list is first tried as one face, which it is not.
    told = [fault for fault in found if not _is_about_the_form(fault["loc"], fault["type"])]
    first = (told or found)[0]
    place = [part for part in first["loc"] if part not in _NO_FIELDS]
    where = shortened(".".join(map(str, place)))
    side = _SIDE_OF_FIELD.get(place[0]) if place else None
    if first["type"] == "extra_forbidden":
        failure: InvalidRequest | UnknownField = UnknownField(f"The field {where!r} is not known; see /docs.")
    else:
        failure = InvalidRequest(f"{where or 'The body'}: {first['msg'].removeprefix('Value error, ')}.")
    picture = place[1] if len(place) > 1 and isinstance(place[1], int) else None
    raise failure.about(side, picture) if side else failure


def _is_about_the_form(place: tuple[int | str, ...], kind: str) -> bool:
    """Return whether a fault says that a reference is not of the one form or the other, and not what is wrong in it."""
    return bool(place) and place[-1] in _NO_FIELDS and kind in ("model_type", "model_attributes_type", "list_type")


def to_reference(
    given: FaceT | list[FaceT],
    name: str,
    face_of: Callable[[FaceT, str], FaceInput],
    unusable: UnusablePictures,
) -> Reference:
    """Return the reference of a document: one face, or several pictures of one.

    Args:
        given: what the document has.
        name: its place there.
        face_of: returns the face of a part of the document at a place.
        unusable: what becomes of pictures that cannot be used.

    Raises:
        InvalidBase64: if one is not base64.
    """
    if not isinstance(given, list):
        return face_of(given, name)
    faces = []
    for place, one in enumerate(given):
        try:
            faces.append(face_of(one, f"{name}.{place}"))
        except InvalidBase64 as error:
            raise (error.about(name, place) if name in _SIDE_OF_FIELD else error) from None
    return Template(tuple(faces), unusable == "skip")


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
