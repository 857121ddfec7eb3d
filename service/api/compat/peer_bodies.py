"""Bodies of other people's requests: read in any of their media types, and the pictures and options in them."""

import json
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel

from service.api.base64_text import decode_base64
from service.api.body import FormBody, media_type, parse_json, read_form, shortened
from service.api.problems import InvalidRequest, UnknownField, UnsupportedMediaType
from service.documents import ModelT
from service.errors import InvalidBase64

JSON, FORM, URLENCODED = "application/json", "multipart/form-data", "application/x-www-form-urlencoded"

# No peer's request has so many; of a form in urlencoding none above them is parsed.
_MOST_FIELDS = 32
_LINKS = ("http:", "https:", "ftp:", "file:", "s3:", "//")
_PATHS = ("./", "../", "~")


class PeerOptions(BaseModel, extra="forbid"):
    """Options of a peer's request. Where a form has them, all are text: "true" is a truth, and "0.4" a number."""


@dataclass(frozen=True, slots=True)
class TypedBody:
    """A body that is yet to be parsed, in a worker's thread.

    Attributes:
        content: its bytes.
        kind: its media type, in small letters, without parameters.
    """

    content: bytes
    kind: str


PeerBody = FormBody | TypedBody


async def read_peer_body(request: Request) -> PeerBody:
    """Receive a body of any media type; a multipart one is parsed as it comes.

    Raises:
        InvalidRequest: if a multipart body is malformed, cut short or names a field twice.
        UnsupportedMediaType: if it is compressed.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("The body is compressed, which is not taken here: send it as it is.")
    kind = media_type(request)
    if kind == FORM:
        # Peers take a picture in base64 as a text field; the body's limit bounds all of them together.
        return await read_form(request, max_fields=_MOST_FIELDS, max_field_bytes=sys.maxsize)
    return TypedBody(await request.body(), kind)


def form_of_peer(body: PeerBody) -> FormBody:
    """Return a body that must be a form, multipart or in urlencoding.

    Raises:
        UnsupportedMediaType: if it is none.
        InvalidRequest: if it cannot be parsed, or names a field twice.
    """
    if isinstance(body, FormBody):
        return body
    if body.kind != URLENCODED:
        raise UnsupportedMediaType(
            f"The body's type is {shortened(body.kind) or 'not stated'}; send {FORM} or {URLENCODED}."
        )
    try:
        pairs = parse_qsl(
            body.content.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:  # UnicodeDecodeError among them
        raise InvalidRequest("The form cannot be read: it is no urlencoding, or has too many fields.") from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise InvalidRequest(f"The form names {shortened(name)!r} twice.")
        fields[name] = value
    return FormBody({}, fields)


def options_of_form(model: type[ModelT], fields: Mapping[str, str]) -> ModelT:
    """Return the text fields of a form, or of a query, as options; none of them may be long.

    Raises:
        InvalidRequest, UnknownField: naming the field.
    """
    for name, value in fields.items():
        if name not in model.model_fields:
            raise UnknownField(
                f"The field {shortened(name)!r} is not known. Known are {', '.join(sorted(model.model_fields))}."
            )
        if len(value) > 256:
            raise InvalidRequest(f"The field {name!r} has {len(value)} characters, the limit is 256.")
    return parse_json(model, json.dumps(dict(fields)).encode(), faces=1)


def only_file(form: FormBody, name: str, side: str) -> bytes:
    """Return a form's file, which must be there, ``side`` being the input that it is.

    Raises:
        InvalidRequest: if it is not.
    """
    if name not in form.files:
        raise InvalidRequest(f"The file {name!r} is missing: with curl, -F {name}=@photo.jpg.").about(side)
    return form.files[name][0]


def require_known_files(form: FormBody, known: Collection[str]) -> None:
    """Refuse files that a request does not take.

    Raises:
        UnknownField: naming one.
    """
    for name in form.files:
        if name not in known:
            raise UnknownField(f"The file {shortened(name)!r} is not known. Known are {', '.join(sorted(known))}.")


def picture_of_text(text: str, field: str, side: str, *, takes_plain: bool = True) -> bytes:
    """Return the bytes of a picture that a text holds in base64, or in a data URI. Nothing is fetched and no file read.

    Args:
        text: the field's.
        field: its name.
        side: the input that it is: "probe", "reference" or "image".
        takes_plain: whether base64 may stand without ``data:`` in front, where the peer takes a path without it.

    Raises:
        InvalidRequest: if it is a link, or a path.
        InvalidBase64: if it is neither, and no base64.
    """
    head = text[:16].strip().lower()
    if head.startswith(_LINKS):
        raise InvalidRequest(
            f"{field} is a link, and this service fetches nothing. Send the picture itself: its bytes in base64, as "
            "data:image/jpeg;base64,... ."
        ).about(side)
    if head.startswith(_PATHS) or not (takes_plain or head.startswith("data:")):
        raise InvalidRequest(
            f"{field} is no data URI, and this service opens no file by its path. Send the picture itself: its bytes "
            "in base64, as data:image/jpeg;base64,... ."
        ).about(side)
    try:
        return decode_base64(text)
    except ValueError as error:
        raise InvalidBase64(
            f"{field} is not base64: {error}. Send the picture's bytes in base64; links and paths are not followed."
        ).about(side) from error
