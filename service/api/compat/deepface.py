"""deepface's API server: ``POST /verify`` and ``POST /represent``."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from service.api.answering.shared import rounded
from service.api.body import FormBody, parse_json, shortened
from service.api.compat.deepface_wire import (
    DeepfaceArea,
    DeepfaceAreas,
    DeepfaceError,
    DeepfaceOptions,
    DeepfaceRepresentation,
    DeepfaceRepresented,
    DeepfaceRepresentOptions,
    DeepfaceRepresentRequest,
    DeepfaceVerified,
    DeepfaceVerifyOptions,
    DeepfaceVerifyRequest,
    DistanceMetric,
)
from service.api.compat.peer_bodies import (
    JSON,
    PeerBody,
    TypedBody,
    form_of_peer,
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
    cosine_verdict,
    embed,
    require_live,
    seconds_told,
    tell_decision,
)
from service.api.problems import InvalidRequest
from service.api.state import ServiceState, State
from service.api.wire.verify_wire import Problem
from service.choices import FacePolicy, LivenessPolicy
from service.errors import SeveralFaces
from service.faces.types import AlignedFace
from service.verifier import Crop, Embedding, FaceInput, Photo

VERIFY, REPRESENT = "/compat/deepface/verify", "/compat/deepface/represent"

router = APIRouter(tags=["compat"])

_ALONE: Mapping[str, object] = MappingProxyType(
    {"enforce_detection": True, "align": True, "expand_percentage": 0, "normalization": "base"}
)
"""The only values of options that nothing else can be made of here: deepface's own defaults."""

# Of the cosine s of two unit vectors, by what each metric makes of the distance 1 - s.
_METRICS: Mapping[DistanceMetric, Callable[[float], float]] = MappingProxyType(
    {
        "cosine": lambda distance: distance,
        "euclidean_l2": lambda distance: math.sqrt(max(0.0, 2 * distance)),  # |a - b|^2 = 2 - 2 s
        "angular": lambda distance: math.acos(max(-1.0, min(1.0, 1 - distance))) / math.pi,
    }
)
_BACK: Mapping[DistanceMetric, Callable[[float], float]] = MappingProxyType(
    {
        "cosine": lambda value: value,
        "euclidean_l2": lambda value: math.copysign(value * value / 2, value),
        "angular": lambda value: 1 - math.cos(math.pi * min(1.0, value)) if value >= 0 else value,
    }
)


_PICTURE = "data:image/jpeg;base64,/9j/4AAQSkZJRg=="
_AREA = {"x": 211, "y": 67, "w": 91, "h": 114, "left_eye": [281, 117], "right_eye": [239, 117]}
_RESPONSES = peer_responses(DeepfaceError, {"error": "Exception while verifying: No face was found."})


@router.post(
    VERIFY,
    openapi_extra=peer_body(DeepfaceVerifyRequest, {"img1": _PICTURE, "img2": _PICTURE}),
    responses=_RESPONSES,
    summary="deepface: compare two faces",
)
async def verify_as_deepface(request: Request, state: ServiceState, response: Response) -> DeepfaceVerified:
    """Compare two faces as deepface's API does; see service/COMPAT.md."""
    options, result = await compare(request, state, lambda body: _pair(body, state))
    if options.anti_spoofing:
        require_live(result.faces, ("img1", "img2"))
    own = options.threshold
    verdict = cosine_verdict(result, None if own is None else _BACK[options.distance_metric](own))
    tell_decision(response, result.judgement, verdict.method, result.operating_point)
    measure = _METRICS[options.distance_metric]
    return DeepfaceVerified(
        verified=verdict.is_match,
        distance=measure(verdict.distance),
        threshold=measure(verdict.threshold) if own is None else own,
        model=state.pipeline.manifest.name,
        detector_backend=options.detector_backend or state.pipeline.manifest.detector.adapter,
        similarity_metric=options.distance_metric,
        facial_areas=DeepfaceAreas(img1=_area(result.faces[0]), img2=_area(result.faces[1])),
        time=round(seconds_told(result.timings_ms), 2),
    )


@router.post(
    REPRESENT,
    openapi_extra=peer_body(DeepfaceRepresentRequest, {"img": _PICTURE}),
    responses=_RESPONSES,
    summary="deepface: embed a face",
)
async def represent_as_deepface(request: Request, state: ServiceState) -> DeepfaceRepresented:
    """Embed the face of a picture as deepface's API does; see service/COMPAT.md."""
    result, options = None, None

    def parse(body: PeerBody) -> tuple[FaceInput, FacePolicy | None, LivenessPolicy]:
        nonlocal options
        options, face = _single(body, state)
        policy: FacePolicy = "largest" if options.max_faces == 1 else "reject"
        return face, policy, "report" if options.anti_spoofing else "off"

    try:
        result = await embed(request, state, parse)
    except SeveralFaces as error:
        raise SeveralFaces(f"{error.message} One face is embedded at a time: send max_faces=1 for the largest.").about(
            "image"
        ) from error
    if options is not None and options.anti_spoofing:
        require_live((result.face,), ("img",))
    found = DeepfaceRepresentation(
        embedding=[rounded(value, 9) for value in result.embedding.tolist()],
        facial_area=_area(result.face),
        face_confidence=None if result.face is None else round(float(result.face.face.score), 2),
    )
    return DeepfaceRepresented(results=[found])


def tell_error(problem: Problem) -> PeerError:
    """Say an error as deepface does."""
    if problem.code in ("key_unknown", "scope_missing", "keys_unavailable"):
        return problem.status, {"message": problem.detail}
    is_unreadable = problem.status in (400, 415)
    status = 400 if problem.status in (415, 422) else problem.status
    return status, {"exception" if is_unreadable else "error": problem.detail}


def _pair(body: PeerBody, state: State) -> AskedPair[DeepfaceVerifyOptions]:
    if isinstance(body, TypedBody) and body.kind == JSON:
        asked = parse_json(DeepfaceVerifyRequest, body.content, faces=2)
        given = {name: _one_of(asked, name) for name in ("img1", "img2")}
        options: DeepfaceVerifyOptions = asked
    else:
        form = form_of_peer(body)
        given, rest = _pictures_of_form(form, ("img1", "img2"))
        options = options_of_form(DeepfaceVerifyOptions, rest)
    _require_served(options, state)
    liveness: LivenessPolicy | None = "report" if options.anti_spoofing else None
    probe, reference = (
        _face(given[name], name, side, options) for name, side in (("img1", "probe"), ("img2", "reference"))
    )
    return AskedPair(probe, reference, options, liveness_policy=liveness)


def _single(body: PeerBody, state: State) -> tuple[DeepfaceRepresentOptions, FaceInput]:
    if isinstance(body, TypedBody) and body.kind == JSON:
        asked = parse_json(DeepfaceRepresentRequest, body.content, faces=1)
        options: DeepfaceRepresentOptions = asked
        given = _one_of(asked, "img")
    else:
        found, rest = _pictures_of_form(form_of_peer(body), ("img",))
        options, given = options_of_form(DeepfaceRepresentOptions, rest), found["img"]
    _require_served(options, state)
    return options, _face(given, "img", "image", options)


def _one_of(asked: BaseModel, name: str) -> Any:
    given = [value for value in (getattr(asked, name), getattr(asked, f"{name}_path")) if value is not None]
    if len(given) > 1:
        raise InvalidRequest(f"{name} and {name}_path are one and the same: send one of them.")
    return given[0] if given else None


def _pictures_of_form(form: FormBody, names: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the pictures of a form, files or texts, and its other fields."""
    require_known_files(form, names)
    texts = {name: form.fields.get(name, form.fields.get(f"{name}_path")) for name in names}
    rest = {key: value for key, value in form.fields.items() if key.removesuffix("_path") not in names}
    return {name: form.files[name][0] if name in form.files else texts[name] for name in names}, rest


def _face(given: Any, name: str, side: str, options: DeepfaceOptions) -> FaceInput:
    if not given:
        raise InvalidRequest(f"'{name}' not found: send it as a file, or as a data URI in JSON.").about(side)
    if isinstance(given, list):
        return Embedding(tuple(given))
    data = given if isinstance(given, bytes) else picture_of_text(given, name, side, takes_plain=False)
    return Crop(data) if options.detector_backend == "skip" else Photo(data)


def _require_served(options: DeepfaceOptions, state: State) -> None:
    manifest = state.pipeline.manifest
    if options.model_name not in (None, manifest.name):
        raise InvalidRequest(
            f"model_name {shortened(options.model_name or '')!r} is not served here, and thresholds of one model mean "
            f"nothing for another. Leave it out, or send {manifest.name!r}."
        )
    if options.detector_backend not in (None, "skip", manifest.detector.adapter):
        raise InvalidRequest(
            f"detector_backend {shortened(options.detector_backend or '')!r} is not served here. Leave it out, or send "
            f"{manifest.detector.adapter!r}, or 'skip' for aligned 112x112 pictures."
        )
    for name, only in _ALONE.items():
        if getattr(options, name) != only:
            told = str(only).lower() if isinstance(only, bool) else only
            raise InvalidRequest(f"{name} can be nothing but {told} here. Leave it out.")


def _area(face: AlignedFace | None) -> DeepfaceArea:
    if face is None:
        return DeepfaceArea()
    box = box_within(face)
    eyes: tuple[tuple[int, int] | None, ...] = (None, None)
    if face.face.landmarks is not None:
        # As seen in the picture, the eye on its left is the person's right one.
        (right_x, right_y), (left_x, left_y) = face.face.landmarks[:2].astype(float).round().tolist()
        eyes = (int(left_x), int(left_y)), (int(right_x), int(right_y))
    return DeepfaceArea(
        x=round(box.left),
        y=round(box.top),
        w=round(box.width),
        h=round(box.height),
        left_eye=eyes[0],
        right_eye=eyes[1],
    )
