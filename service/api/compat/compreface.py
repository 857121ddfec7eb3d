"""CompreFace's face verification: ``POST /api/v1/verification/verify``."""

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from service.api.answering.shared import rounded, told
from service.api.body import parse_json, shortened
from service.api.compat.peer_bodies import (
    JSON,
    PeerBody,
    PeerOptions,
    TypedBody,
    form_of_peer,
    only_file,
    options_of_form,
    picture_of_text,
    require_known_files,
)
from service.api.compat.peer_errors import PeerError
from service.api.compat.peer_openapi import peer_body, peer_responses
from service.api.compat.peer_pairs import (
    AskedPair,
    box_within,
    compare,
    rate_on_scale,
    tell_decision,
    vouched_rate,
)
from service.api.problems import InvalidRequest, UnknownField
from service.api.state import ServiceState, State
from service.api.wire.verify_wire import Problem
from service.errors import NoFace, SeveralFaces
from service.faces.types import AlignedFace
from service.verifier import Crop, Photo, Verification
from service.verifier.results import ScoredEmbedding

VERIFICATION = "/compat/compreface/api/v1/verification/verify"
KEY_HEADER = "x-api-key"

router = APIRouter(tags=["compat"])

_PLUGINS = ("calculator", "landmarks")

# CompreFace's numbers of what went wrong; of all else it says 0.
_CODES: Mapping[str, int] = MappingProxyType(
    {
        "no_face": 28,
        "face_too_small": 28,
        "several_faces": 31,
        "unsupported_image_type": 21,
        "image_undecodable": 21,
        "unsupported_media_type": 21,
        "image_too_large": 26,
        "invalid_base64": 26,
        "unknown_field": 26,
        "low_quality": 26,
        "internal_error": 41,
    }
)
_KEY_IS_MISSING, _REQUEST_IS_WRONG, _NOT_FOUND = 20, 33, 10


class ComprefaceOptions(PeerOptions):
    """What stands in the query of CompreFace's request."""

    limit: int = Field(default=0, ge=0, le=1_000_000)
    prediction_count: int = Field(default=1, ge=0, description="Passed over: it means nothing for a comparison.")
    det_prob_threshold: float | None = Field(default=None, ge=0, le=1)
    face_plugins: str = Field(default="", max_length=256)
    status: bool = False
    detect_faces: bool = True


class ComprefaceVerifyRequest(PeerOptions):
    """CompreFace's request in JSON: two pictures in base64."""

    source_image: str
    target_image: str


class ComprefaceBox(BaseModel):
    """Where a face is, in pixels, and the detector's confidence in it."""

    probability: float
    x_max: int
    y_max: int
    x_min: int
    y_min: int


class ComprefaceFace(BaseModel):
    """The face of the source image; what plugins tell where they were asked for."""

    box: ComprefaceBox | None = None
    embedding: list[float] | None = None
    landmarks: list[tuple[int, int]] | None = None
    execution_time: dict[str, float] | None = None


class ComprefaceMatch(ComprefaceFace):
    """The face of the target image, and how alike they are: 0.625, 0.690, 0.735 at the FMR of 1e-3, 1e-4, 1e-5."""

    similarity: float


class ComprefaceResult(BaseModel):
    """The pair."""

    source_image_face: ComprefaceFace
    face_matches: list[ComprefaceMatch]
    plugins_versions: dict[str, str] | None = None


class ComprefaceVerified(BaseModel):
    """What CompreFace's verification answers."""

    result: list[ComprefaceResult]


class ComprefaceError(BaseModel):
    """An error as CompreFace says it."""

    message: str
    code: int


@router.post(
    VERIFICATION,
    openapi_extra=peer_body(
        ComprefaceVerifyRequest, {"source_image": "/9j/4AAQSkZJRg==", "target_image": "/9j/4AAQSkZJRg=="}
    ),
    responses=peer_responses(ComprefaceError, {"message": "No face was found.", "code": 28}),
    response_model_exclude_none=True,
    summary="CompreFace: compare two faces",
)
async def verify_as_compreface(request: Request, state: ServiceState, response: Response) -> ComprefaceVerified:
    """Compare two faces as CompreFace's verification does; see service/COMPAT.md."""
    query = request.query_params.multi_items()
    options, result = await compare(request, state, lambda body: _pair(body, query))
    _require_faces(result, options)
    rate = vouched_rate(result)
    tell_decision(response, result.judgement, result.method, result.operating_point)
    source, target = result.faces
    of_source, (of_target, *_) = result.embeddings
    spent = told(result.timings_ms)
    times = {"detector": spent["detect"], "calculator": spent["embed"]} if options.status else None
    return ComprefaceVerified(
        result=[
            ComprefaceResult(
                source_image_face=ComprefaceFace(**_face(source, of_source, options), execution_time=times),
                face_matches=[
                    ComprefaceMatch(**_face(target, of_target, options), similarity=round(rate_on_scale(rate), 5))
                ],
                plugins_versions=_versions(state) if options.status else None,
            )
        ]
    )


def tell_error(problem: Problem) -> PeerError:
    """Say an error as CompreFace does: nearly all of a caller's are 400, with a number."""
    status = 400 if problem.status in (415, 422) or problem.code == "image_too_large" else problem.status
    code = _CODES.get(problem.code, 0)
    if problem.code == "key_unknown":
        code = _KEY_IS_MISSING
    elif problem.code == "not_found":
        code = _NOT_FOUND
    elif problem.code == "invalid_request" and problem.image is not None:
        code = _REQUEST_IS_WRONG
    return status, {"message": problem.detail, "code": code}


def _pair(body: PeerBody, query: list[tuple[str, str]]) -> AskedPair[ComprefaceOptions]:
    names = [name for name, _ in query]
    if len(set(names)) < len(names):
        raise InvalidRequest("The query names an option twice.")
    options = options_of_form(ComprefaceOptions, dict(query))
    for plugin in _plugins(options):
        if plugin not in _PLUGINS:
            raise UnknownField(
                f"face_plugins: {shortened(plugin)!r} is not served here. Known are {', '.join(_PLUGINS)}."
            )
    if isinstance(body, TypedBody) and body.kind == JSON:
        asked = parse_json(ComprefaceVerifyRequest, body.content, faces=2)
        source = picture_of_text(asked.source_image, "source_image", "probe")
        target = picture_of_text(asked.target_image, "target_image", "reference")
    else:
        form = form_of_peer(body)
        require_known_files(form, ("source_image", "target_image"))
        if form.fields:
            raise UnknownField(
                f"The field {shortened(next(iter(form.fields)))!r} is not known; options are the query's."
            )
        source = only_file(form, "source_image", "probe")
        target = only_file(form, "target_image", "reference")
    kind = Photo if options.detect_faces else Crop
    return AskedPair(kind(source), kind(target), options)


def _require_faces(result: Verification, options: ComprefaceOptions) -> None:
    """Refuse pictures of which CompreFace would tell more, or less, than the one pair that is compared here."""
    source, target = result.faces
    if source is not None and source.faces_found > 1:
        raise SeveralFaces("source_image shows several faces, and may show one. Cut the picture.").about("probe")
    if target is not None and target.faces_found > 1 and options.limit != 1:
        raise SeveralFaces(
            "target_image shows several faces, and one is compared here. Send limit=1 for the one that the service's "
            "face policy chooses, or cut the picture."
        ).about("reference")
    least = options.det_prob_threshold or 0.0
    for face, side in ((source, "probe"), (target, "reference")):
        if face is not None and face.face.score < least:
            raise NoFace(f"No face was found with the det_prob_threshold of {least:g}.").about(side)


def _plugins(options: ComprefaceOptions) -> list[str]:
    return [name for name in (part.strip() for part in options.face_plugins.split(",")) if name]


def _face(face: AlignedFace | None, embedding: ScoredEmbedding | None, options: ComprefaceOptions) -> dict[str, object]:
    plugins = _plugins(options)
    found: dict[str, object] = {}
    if face is not None:
        box = box_within(face)
        found["box"] = ComprefaceBox(
            probability=round(float(face.face.score), 5),
            x_max=round(box.right),
            y_max=round(box.bottom),
            x_min=round(box.left),
            y_min=round(box.top),
        )
        if "landmarks" in plugins and face.face.landmarks is not None:
            found["landmarks"] = [(round(x), round(y)) for x, y in face.face.landmarks.tolist()]
    if "calculator" in plugins and embedding is not None:
        found["embedding"] = [rounded(value, 9) for value in embedding.values.tolist()]
    return found


def _versions(state: State) -> dict[str, str]:
    manifest = state.pipeline.manifest
    return {"detector": manifest.detector.adapter, "calculator": manifest.name}
