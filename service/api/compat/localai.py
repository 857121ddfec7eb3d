"""LocalAI's ``POST /v1/face/verify``."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from service.api.body import parse_json, shortened
from service.api.compat.peer_bodies import JSON, PeerBody, PeerOptions, TypedBody, picture_of_text
from service.api.compat.peer_errors import PeerError
from service.api.compat.peer_openapi import peer_json, peer_responses
from service.api.compat.peer_pairs import AskedPair, box_within, compare, cosine_verdict, seconds_told, tell_decision
from service.api.problems import InvalidRequest, UnsupportedMediaType
from service.api.state import ServiceState, State
from service.api.wire.verify_wire import Problem
from service.faces.types import AlignedFace
from service.verifier import Photo

FACE_VERIFY = "/compat/localai/v1/face/verify"

router = APIRouter(tags=["compat"])


class LocalaiVerifyRequest(PeerOptions):
    """LocalAI's request: two pictures in base64, or data URIs of them."""

    model: str = Field(max_length=64, description="The pack that is served.")
    img1: str
    img2: str
    threshold: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="Of the cosine distance; that of the operating point if 0."
    )
    anti_spoofing: bool = False


class LocalaiArea(BaseModel):
    """Where a face is, in pixels."""

    x: float
    y: float
    w: float
    h: float


class LocalaiVerified(BaseModel):
    """What LocalAI answers; the liveness of both pictures where anti_spoofing asked for it."""

    verified: bool
    distance: float
    threshold: float
    confidence: float = Field(description="By LocalAI's formula: 100 (1 - distance / threshold), from 0 to 100.")
    model: str
    img1_area: LocalaiArea
    img2_area: LocalaiArea
    processing_time_ms: float = Field(description="From decoding to embedding.")
    img1_is_real: bool | None = None
    img1_antispoof_score: float | None = None
    img2_is_real: bool | None = None
    img2_antispoof_score: float | None = None


class LocalaiErrorDetail(BaseModel):
    """What went wrong."""

    code: int
    message: str
    type: str


class LocalaiError(BaseModel):
    """An error as LocalAI says it."""

    error: LocalaiErrorDetail


_EXAMPLE = {"model": "opencv-sface", "img1": "/9j/4AAQSkZJRg==", "img2": "/9j/4AAQSkZJRg=="}
_NO_FACE = {"error": {"code": 404, "message": "No face was found.", "type": "no_face"}}


@router.post(
    FACE_VERIFY,
    openapi_extra=peer_json(LocalaiVerifyRequest, _EXAMPLE),
    responses=peer_responses(LocalaiError, _NO_FACE),
    response_model_exclude_none=True,
    summary="LocalAI: compare two faces",
)
async def verify_as_localai(request: Request, state: ServiceState, response: Response) -> LocalaiVerified:
    """Compare two faces as LocalAI's API does; see service/COMPAT.md."""
    asked, result = await compare(request, state, lambda body: _pair(body, state))
    verdict = cosine_verdict(result, asked.threshold or None)
    tell_decision(response, result.judgement, verdict.method, result.operating_point)
    one, other = result.faces
    live: dict[str, Any] = {}
    if asked.anti_spoofing:
        for name, face in (("img1", one), ("img2", other)):
            found = None if face is None else face.liveness
            live[f"{name}_is_real"] = found is not None and found.verdict == "live"
            live[f"{name}_antispoof_score"] = 0.0 if found is None else round(found.score, 4)
    is_spoofed = asked.anti_spoofing and not (live["img1_is_real"] and live["img2_is_real"])
    share = verdict.distance / verdict.threshold if verdict.threshold > 0 else 1.0
    return LocalaiVerified(
        verified=verdict.is_match and not is_spoofed,
        distance=verdict.distance,
        threshold=verdict.threshold,
        confidence=round(100 * max(0.0, min(1.0, 1.0 - share)), 2),
        model=asked.model,
        img1_area=_area(one),
        img2_area=_area(other),
        processing_time_ms=round(1000 * seconds_told(result.timings_ms), 2),
        **live,
    )


def tell_error(problem: Problem) -> PeerError:
    """Say an error as LocalAI does: a picture without a face is not found, what cannot be read a bad request."""
    status = 404 if problem.code == "no_face" else 400 if problem.status in (415, 422) else problem.status
    return status, {"error": {"code": status, "message": problem.detail, "type": problem.code}}


def _pair(body: PeerBody, state: State) -> AskedPair[LocalaiVerifyRequest]:
    if not isinstance(body, TypedBody) or body.kind not in (JSON, ""):
        raise UnsupportedMediaType(f"The body is no JSON document; send {JSON} with both pictures in base64.")
    asked = parse_json(LocalaiVerifyRequest, body.content, faces=2)
    served = state.pipeline.manifest.name
    if asked.model != served:
        raise InvalidRequest(f"The model {shortened(asked.model)!r} is not served here: send {served!r}.")
    return AskedPair(
        Photo(picture_of_text(asked.img1, "img1", "probe")),
        Photo(picture_of_text(asked.img2, "img2", "reference")),
        # The pictures are held as the faces.
        asked.model_copy(update={"img1": "", "img2": ""}),
        liveness_policy="report" if asked.anti_spoofing else None,
    )


def _area(face: AlignedFace | None) -> LocalaiArea:
    if face is None:
        return LocalaiArea(x=0, y=0, w=0, h=0)
    box = box_within(face)
    return LocalaiArea(x=round(box.left, 1), y=round(box.top, 1), w=round(box.width, 1), h=round(box.height, 1))
