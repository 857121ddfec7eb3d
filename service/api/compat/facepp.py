"""Face++ Compare: ``POST /facepp/v3/compare``."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from service.api.body import FormBody, shortened
from service.api.compat.peer_bodies import PeerBody, form_of_peer, picture_of_text
from service.api.compat.peer_errors import PeerError
from service.api.compat.peer_openapi import peer_form, peer_responses
from service.api.compat.peer_pairs import (
    AskedPair,
    box_within,
    compare,
    rate_on_scale,
    seconds_told,
    tell_decision,
    vouched_rate,
)
from service.api.problems import InvalidRequest, UnknownField
from service.api.state import ServiceState
from service.api.wire.verify_wire import Problem
from service.errors import InputError
from service.faces.types import AlignedFace
from service.telemetry import request_id
from service.verifier import Photo

COMPARE = "/compat/facepp/facepp/v3/compare"

router = APIRouter(tags=["compat"])

THRESHOLD_RATES: Mapping[str, float] = MappingProxyType({"1e-3": 1e-3, "1e-4": 1e-4, "1e-5": 1e-5})
"""The error rates whose thresholds Face++ answers, by what it calls them."""

_SIDES: Mapping[str, str] = MappingProxyType({"1": "probe", "2": "reference"})
_PICTURE_FIELDS = frozenset(
    f"{name}{number}" for name in ("face_token", "image_url", "image_file", "image_base64_") for number in _SIDES
)
_OF_ITS_OWN = re.compile(r"[A-Z_]+: ")
_FORMAT, _TOO_LARGE, _DENIED = "IMAGE_ERROR_UNSUPPORTED_FORMAT", "IMAGE_FILE_TOO_LARGE", "AUTHORIZATION_ERROR"

# What Face++ calls them, and its status; those of a picture name it.
_MESSAGES: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "unsupported_image_type": (400, _FORMAT),
        "image_undecodable": (400, _FORMAT),
        "invalid_base64": (400, _FORMAT),
        "image_too_large": (400, _TOO_LARGE),
        "low_quality": (400, "LOW_QUALITY"),
        "several_faces": (400, "SEVERAL_FACES"),
        "face_too_small": (400, "FACE_TOO_SMALL"),
        "key_unknown": (401, "AUTHENTICATION_ERROR"),
        "scope_missing": (403, f"{_DENIED}:Denied by Admin"),
        "rate_limited": (403, "CONCURRENCY_LIMIT_EXCEEDED"),
        "overloaded": (403, "CONCURRENCY_LIMIT_EXCEEDED"),
        "not_found": (404, "API_NOT_FOUND"),
        "request_too_large": (413, "Request Entity Too Large"),
    }
)


class FaceppForm(BaseModel):
    """The fields of Face++ Compare: of each picture a file or its base64, in a form of either media type."""

    image_file1: bytes | None = Field(default=None, json_schema_extra={"format": "binary"})
    image_file2: bytes | None = Field(default=None, json_schema_extra={"format": "binary"})
    image_base64_1: str | None = None
    image_base64_2: str | None = None
    api_key: str | None = Field(default=None, description="The service's key, where it asks for one.")
    api_secret: str | None = Field(default=None, description="Passed over.")


class FaceppRectangle(BaseModel):
    """Where a face is, in pixels."""

    top: int
    left: int
    width: int
    height: int


class FaceppFace(BaseModel):
    """The face that was compared."""

    face_rectangle: FaceppRectangle


class FaceppCompared(BaseModel):
    """What Face++ Compare answers. Without a face in a picture there is no confidence, and its list is empty."""

    request_id: str
    time_used: int | None = Field(default=None, description="Milliseconds from decoding to embedding.")
    confidence: float | None = Field(
        default=None, description="The false-match rate of the score on a scale: 100 e / (e + 1.8), e = -log10."
    )
    thresholds: dict[str, float] | None = Field(default=None, description="The same of 1e-3, 1e-4 and 1e-5.")
    faces1: list[FaceppFace] | None = None
    faces2: list[FaceppFace] | None = None


class FaceppError(BaseModel):
    """An error as Face++ says it, and in words."""

    error_message: str
    request_id: str
    detail: str


@router.post(
    COMPARE,
    openapi_extra=peer_form(FaceppForm),
    responses=peer_responses(
        FaceppError,
        {
            "error_message": "IMAGE_FILE_TOO_LARGE: image_file1",
            "request_id": "order-17",
            "detail": "Send a smaller one.",
        },
    ),
    response_model_exclude_none=True,
    summary="Face++: compare two faces",
)
async def compare_as_facepp(request: Request, state: ServiceState, response: Response) -> FaceppCompared:
    """Compare two faces as Face++ does; see service/COMPAT.md."""
    _, result = await compare(request, state, _pair, _key)
    confidence = rate_on_scale(vouched_rate(result))
    tell_decision(response, result.judgement, result.method, result.operating_point)
    return FaceppCompared(
        request_id=request_id.get() or "",
        time_used=round(1000 * seconds_told(result.timings_ms)),
        confidence=round(100 * confidence, 3),
        thresholds={name: round(100 * rate_on_scale(rate), 3) for name, rate in THRESHOLD_RATES.items()},
        faces1=_faces(result.faces[0]),
        faces2=_faces(result.faces[1]),
    )


def tell_error(problem: Problem) -> PeerError:
    """Say an error as Face++ does; a picture without a face is none, but an answer without a confidence."""
    number = {"probe": "1", "reference": "2"}.get(problem.image or "", "1")
    if problem.code == "no_face":
        return 200, {"request_id": problem.request_id, f"faces{number}": []}
    if _OF_ITS_OWN.match(problem.detail):
        status, message = problem.status, problem.detail
    elif problem.code in _MESSAGES:
        status, message = _MESSAGES[problem.code]
        message = f"{message}: image_file{number}" if problem.image is not None else message
    elif problem.status < 500:
        status, message = 400 if problem.status in (415, 422) else problem.status, f"BAD_ARGUMENTS: {problem.detail}"
    else:
        status, message = problem.status, "INTERNAL_ERROR"
    return status, {"error_message": message, "request_id": problem.request_id, "detail": problem.detail}


def _key(body: PeerBody) -> tuple[PeerBody, str | None]:
    """Return the form and the key in it; what is no form has none."""
    try:
        form = form_of_peer(body)
    except InputError:
        return body, None
    return form, form.fields.get("api_key")


def _pair(body: PeerBody) -> AskedPair[None]:
    form = form_of_peer(body)
    for name in (*form.files, *form.fields):
        if name not in _PICTURE_FIELDS | {"api_key", "api_secret"}:
            raise UnknownField(f"BAD_ARGUMENTS: {shortened(name)}")
    probe, reference = (Photo(_picture(form, number, side)) for number, side in _SIDES.items())
    return AskedPair(probe, reference, None)


def _picture(form: FormBody, number: str, side: str) -> bytes:
    """Return the picture of a side, of several fields that which Face++ would take."""
    if f"face_token{number}" in form.fields:
        raise InvalidRequest(
            f"INVALID_FACE_TOKEN: face_token{number} (this service keeps no faces: send the picture itself)"
        ).about(side)
    if f"image_file{number}" in form.files:
        return form.files[f"image_file{number}"][0]
    text = form.fields.get(f"image_base64_{number}")
    if text is not None:
        return picture_of_text(text, f"image_base64_{number}", side)
    if f"image_url{number}" in form.fields:
        raise InvalidRequest(
            f"INVALID_IMAGE_URL: image_url{number} (this service fetches nothing: send the picture itself)"
        ).about(side)
    raise InvalidRequest(f"MISSING_ARGUMENTS: image_url{number}, image_file{number}, image_base64_{number}").about(side)


def _faces(face: AlignedFace | None) -> list[FaceppFace]:
    if face is None:
        return []
    box = box_within(face)
    rectangle = FaceppRectangle(
        top=round(box.top), left=round(box.left), width=round(box.width), height=round(box.height)
    )
    return [FaceppFace(face_rectangle=rectangle)]
