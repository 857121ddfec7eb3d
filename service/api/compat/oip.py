"""The Open Inference Protocol v2 over REST, as KServe and Triton have it: three models, ``verify`` being one."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, cast, get_args

import numpy as np
from fastapi import APIRouter, Request, Response

from service.api.compat.oip_models import (
    EMBED_PICTURES,
    FOLDER,
    MODELS,
    PAIR,
    WORDS,
    OipAlive,
    OipError,
    OipInferred,
    OipModel,
    OipModelMetadata,
    OipReady,
    OipServer,
    tensor_told,
)
from service.api.compat.oip_tensors import (
    HEADER_LENGTH,
    InferInputs,
    InferRequest,
    Parameter,
    TensorOutput,
    embeddings_of,
    infer_answer,
    parse_infer,
    pictures_of,
    tensors_by_name,
)
from service.api.compat.peer_bodies import PeerBody, TypedBody, read_peer_body
from service.api.compat.peer_errors import PeerError
from service.api.compat.peer_openapi import peer_json, peer_responses
from service.api.observe import observe_face, observe_pair
from service.api.pair_log import log_pair
from service.api.parts import read_parts
from service.api.problems import InvalidRequest, UnknownField, UnsupportedMediaType
from service.api.state import ServiceState, State
from service.api.wire.verify_wire import Problem
from service.errors import InputError
from service.verifier import EmbeddedFace, Embedding, FaceInput, Photo, Verification
from service.verifier.face_batch import Pair, faces_of, in_parts

router = APIRouter(tags=["compat"])

_RESPONSES = peer_responses(OipError, {"error": "The input 'probe' must be of the datatype BYTES."})


@router.get(FOLDER, responses=_RESPONSES, summary="OIP: the server")
async def get_oip_server() -> OipServer:
    """Tell what serves, and that it knows the binary tensor data extension."""
    return OipServer(name="ida-verify", version=version("ida-verify"), extensions=["binary_tensor_data"])


@router.get(f"{FOLDER}/health/live", responses=_RESPONSES, summary="OIP: whether the server is there")
async def get_oip_live() -> OipAlive:
    """Answer as ``/healthz`` does."""
    return OipAlive(live=True)


@router.get(f"{FOLDER}/health/ready", responses=_RESPONSES, summary="OIP: whether the server can answer")
async def get_oip_ready(state: ServiceState, response: Response) -> OipAlive:
    """Answer as ``/readyz`` does: 200 or 503."""
    response.status_code = 200 if state.readiness.is_ready else 503
    return OipAlive(live=True)


def _add(model: OipModel) -> None:
    """Add what is asked of one model. No path has the name of a model that is not there."""
    name = model.name.replace("-", "_")

    async def metadata(state: ServiceState) -> OipModelMetadata:
        """Tell the model's tensors."""
        dimension = state.pipeline.dimension
        return OipModelMetadata(
            name=model.name,
            platform="ida-verify",
            inputs=[tensor_told(one, kind, dimension) for one, kind in model.inputs.items()],
            outputs=[tensor_told(one, kind, dimension) for one, kind in model.outputs.items()],
        )

    async def ready(state: ServiceState, response: Response) -> OipReady:
        """Tell whether the model answers."""
        response.status_code = 200 if state.readiness.is_ready else 503
        return OipReady(name=model.name, ready=state.readiness.is_ready)

    async def infer(request: Request, state: ServiceState) -> Response:
        """Run the model; see service/COMPAT.md."""
        return await _infer(request, state, model)

    folder = f"{FOLDER}/models/{model.name}"
    router.add_api_route(
        folder, metadata, name=f"get_oip_{name}", summary=f"OIP: the model {model.name}", responses=_RESPONSES
    )
    router.add_api_route(
        f"{folder}/ready",
        ready,
        name=f"get_oip_{name}_ready",
        summary=f"OIP: whether {model.name} answers",
        responses=_RESPONSES,
    )
    datatypes = [{"name": one, "datatype": kind, "shape": [1], "data": ["/9j/"]} for one, kind in model.inputs.items()]
    router.add_api_route(
        model.infer_path,
        infer,
        methods=["POST"],
        name=f"infer_oip_{name}",
        summary=f"OIP: run the model {model.name}",
        response_model=None,
        openapi_extra=peer_json(InferRequest, {"inputs": datatypes}),
        responses={
            **_RESPONSES,
            200: {
                "model": OipInferred,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
        },
    )


def tell_error(problem: Problem) -> PeerError:
    """Say an error as the protocol does; what the request is to blame for is 400."""
    return 400 if problem.status in (415, 422) else problem.status, {"error": problem.detail}


async def _infer(request: Request, state: State, model: OipModel) -> Response:
    length = request.headers.get(HEADER_LENGTH)
    most = state.settings.max_batch
    async with state.gate.admitted_as(request, read_peer_body) as (body, place):
        inputs, faces, options = await place.run(partial(_asked, body, length, model, most))
        del body
        if model.name == EMBED_PICTURES:
            batch = state.verifier.batch_of_faces(policy=options.get("face_policy"))
            read = await read_parts(batch, in_parts([one for group in faces for one in group]), place, state.verifier)
            found, digests = await place.run(
                lambda: (batch.embed([face for (face,) in faces], read), state.auditor.digests(faces))
            )
            embedded = [_sound(item, at) for at, item in enumerate(found)]
            await state.auditor.faces(zip(embedded, digests, strict=True))
            timings, outputs = batch.clock.timings_ms, _embedded(embedded)
            for face in embedded:
                observe_face(face, state.metrics)
        else:
            pairs = cast("list[Pair]", faces)
            batch = state.verifier.batch(
                method=options.get("method"),
                operating_point=options.get("operating_point"),
                policy=options.get("face_policy"),
                quality_policy=options.get("quality_policy"),
                liveness_policy=options.get("liveness_policy"),
            )
            parts = in_parts([face for pair in pairs for face in faces_of(pair)])
            read = await read_parts(batch, parts, place, state.verifier)
            result, digests = await place.run(
                lambda: (batch.verify(pairs, read), state.auditor.digests(map(faces_of, pairs)))
            )
            scored = [_sound(item, at) for at, item in enumerate(result.items)]
            await state.auditor.pairs(zip(scored, digests, strict=True))
            timings, outputs = result.timings_ms, _verified(scored)
            for pair in scored:
                observe_pair(pair, state.metrics)
                if state.settings.log_pairs:
                    log_pair(pair)
    state.metrics.observe_stages(timings)
    content, header = infer_answer(model.name, inputs, outputs)
    if header is None:
        return Response(content, media_type="application/json")
    return Response(content, media_type="application/octet-stream", headers={HEADER_LENGTH: str(header)})


def _asked(
    body: PeerBody, length: str | None, model: OipModel, most: int
) -> tuple[InferInputs, list[tuple[FaceInput, ...]], dict[str, Any]]:
    """Return a request taken apart: its document, what each of its elements compares or embeds, its parameters."""
    if not isinstance(body, TypedBody):
        raise UnsupportedMediaType("The body is a form; send the protocol's JSON document, with or without tensors.")
    inputs = parse_infer(body.content, length, 4 * most)
    tensors = tensors_by_name(inputs, model.inputs)
    sides: list[list[FaceInput]] = []
    for name, kind in model.inputs.items():
        if kind == "BYTES":
            sides.append([Photo(data) for data in pictures_of(tensors[name], inputs, name, most)])
        else:
            rows = embeddings_of(tensors[name], inputs, most).tolist()
            sides.append([Embedding(tuple(row)) for row in rows])
    if len({len(side) for side in sides}) > 1:
        raise InvalidRequest("The inputs must have as many elements each: one probe to one reference.")
    known = {tensor.name for tensor in inputs.request.inputs if set(tensor.parameters) - {"binary_data_size"}}
    if known:
        raise UnknownField(f"The input {min(known)!r} has a parameter besides binary_data_size.")
    return inputs, list(zip(*sides, strict=True)), _options(inputs.request.parameters, model)


def _options(parameters: Mapping[str, Parameter], model: OipModel) -> dict[str, Any]:
    found = {}
    for name, value in parameters.items():
        if name == "binary_data_output":
            continue
        if name not in model.options:
            raise UnknownField(f"The parameter {name!r} is not known. {model.name} takes {', '.join(model.options)}.")
        if (
            not isinstance(value, str)
            or len(value) > 64
            or value not in get_args(WORDS.get(name)) + (() if name in WORDS else (value,))
        ):
            known = ", ".join(get_args(WORDS[name])) if name in WORDS else "a text"
            raise InvalidRequest(f"The parameter {name!r} must be {known}.")
        found[name] = value
    return found


def _sound(item: Any, at: int) -> Any:
    """Return what was made of an element, or fail the request by it: the protocol knows no error of a part."""
    if isinstance(item, InputError):
        raise type(item)(f"Element {at}: {item.message}").about(item.image or "image")
    return item


def _verified(scored: Sequence[Verification]) -> list[TensorOutput]:
    def rate(of: Callable[[Any], float]) -> list[float]:
        return [math.nan if pair.judgement.fmr is None else of(pair.judgement.fmr) for pair in scored]

    values: dict[str, Any] = {
        "decision": [pair.judgement.decision or "none" for pair in scored],
        "score": [pair.score for pair in scored],
        "threshold": [math.nan if pair.judgement.threshold is None else pair.judgement.threshold for pair in scored],
        "similarity": [pair.similarity for pair in scored],
        "fmr_at_score": rate(lambda fmr: fmr.fmr),
        "evidence": rate(lambda fmr: fmr.evidence),
    }
    return [TensorOutput(name, kind, (len(scored),), values[name]) for name, kind in PAIR.items()]


def _embedded(faces: Sequence[EmbeddedFace]) -> list[TensorOutput]:
    embeddings = np.stack([face.embedding for face in faces])
    norms = [math.nan if face.norm is None else face.norm for face in faces]
    return [
        TensorOutput("embedding", "FP32", embeddings.shape, embeddings),
        TensorOutput("norm", "FP32", (len(faces),), np.array(norms)),
    ]


for _model in MODELS.values():
    _add(_model)
