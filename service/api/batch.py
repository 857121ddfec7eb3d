"""``POST /verify/batch`` and ``POST /embed/batch``: many at once, with one anchor set."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from fastapi import APIRouter, Depends, Request

from service.api.answering.face_answer import embed_answer
from service.api.answering.pair_answer import verify_answer
from service.api.answering.shared import identity, told
from service.api.binary_pairs import verify_octets
from service.api.body import Body, FormBody, RawBody, parse_json, shortened, to_face, to_reference
from service.api.observe import observe_face, observe_pair
from service.api.openapi import DEADLINE, QUERY_OF_OCTETS, answers, json_or_form
from service.api.pair_log import log_pair
from service.api.parts import read_parts
from service.api.problem_examples import OF_A_REQUEST
from service.api.problems import STATUS, InvalidRequest, UnsupportedMediaType, problem_of
from service.api.query import only_known_query
from service.api.state import ServiceState
from service.api.wire import face_examples as examples
from service.api.wire.batch_wire import (
    BatchFaceRequest,
    EmbedBatchAnswer,
    EmbedBatchRequest,
    EmbedItem,
    PairRequest,
    VerifyBatchAnswer,
    VerifyBatchRequest,
    VerifyColumnsAnswer,
    VerifyItem,
)
from service.api.wire.verify_wire import BasicVerifyAnswer, Detail, FaceRequest, VerifyAnswer
from service.choices import FacePolicy, LivenessPolicy, QualityPolicy
from service.errors import DimensionMismatch, InputError, InvalidBase64, UnknownOperatingPoint
from service.verifier import FaceInput, Verification
from service.verifier.face_batch import Pair, faces_of, in_parts

FoundT = TypeVar("FoundT")

PATHS = ("/verify/batch", "/embed/batch")

router = APIRouter(tags=["faces"], dependencies=[Depends(only_known_query)])


@dataclass(frozen=True, slots=True)
class _Options:
    """What a batch was asked beside its faces; the document itself, with its long texts, is let go."""

    method: str | None
    policy: FacePolicy | None
    liveness_policy: LivenessPolicy | None
    operating_point: str | None = None
    quality_policy: QualityPolicy | None = None
    detail: Detail = "full"
    return_embeddings: bool = False


@router.post(
    PATHS[0],
    openapi_extra={
        "parameters": [*DEADLINE["parameters"], *QUERY_OF_OCTETS],
        **json_or_form(VerifyBatchRequest, examples.VERIFY_BATCH_REQUESTS, octets=True),
    },
    responses=answers(*OF_A_REQUEST, UnknownOperatingPoint, DimensionMismatch, examples=examples.VERIFIED_BATCH),
    summary="Compare many pairs",
)
async def verify_batch(request: Request, state: ServiceState) -> VerifyBatchAnswer | VerifyColumnsAnswer:
    """Compare many pairs of faces, all with the anchor set that is served when the batch begins.

    Each face is detected and embedded once, however many pairs it is in. A pair that cannot be scored has a problem in
    its item, and the others are scored all the same.

    Pairs of embeddings alone may be sent as `application/octet-stream`: float32, little-endian, each pair's probe and
    then its reference, with the options in the query. They are answered in columns.
    """
    pipeline = state.pipeline
    async with state.gate.admitted(request) as (body, place):
        if isinstance(body, RawBody):
            return await verify_octets(body, request.query_params, place, state)
        asked, given, parts = await place.run(partial(_pairs, body, state.settings.max_batch))
        del body  # its faces are held, and nothing of it is needed any more
        batch = state.verifier.batch(
            method=asked.method,
            operating_point=asked.operating_point,
            policy=asked.policy,
            quality_policy=asked.quality_policy,
            liveness_policy=asked.liveness_policy,
        )
        pairs = [pair for pair in given if not isinstance(pair, InvalidBase64)]
        read = await read_parts(batch, parts, place, state.verifier)
        result, digests = await place.run(
            lambda: (batch.verify(pairs, read), state.auditor.digests(map(faces_of, pairs)))
        )
    scored = zip(result.items, digests, strict=True)
    await state.auditor.pairs((item, found) for item, found in scored if not isinstance(item, InputError))
    state.metrics.observe_stages(result.timings_ms)
    found_items = _in_places(given, result.items)
    for item in found_items:
        if isinstance(item, InputError):
            state.metrics.item_failures.labels(item.code).inc()
        else:
            observe_pair(item, state.metrics)
            if state.settings.log_pairs:
                log_pair(item)

    def answer_of(item: Verification) -> VerifyAnswer | BasicVerifyAnswer:
        return verify_answer(item, pipeline, asked.detail, state.receipts, with_embeddings=asked.return_embeddings)

    items = [
        VerifyItem(status=STATUS[type(item)], answer=None, problem=problem_of(item))
        if isinstance(item, InputError)
        else VerifyItem(status=200, answer=answer_of(item), problem=None)
        for item in found_items
    ]
    return VerifyBatchAnswer(items=items, timings_ms=told(result.timings_ms), **identity(batch.snapshot, pipeline))


@router.post(
    PATHS[1],
    openapi_extra={**DEADLINE, **json_or_form(EmbedBatchRequest, examples.EMBED_BATCH_REQUESTS)},
    responses=answers(*OF_A_REQUEST, examples=examples.EMBEDDED_BATCH),
    summary="Embed many faces",
)
async def embed_batch(request: Request, state: ServiceState) -> EmbedBatchAnswer:
    """Embed many faces; see `/verify/batch`."""
    pipeline = state.pipeline
    async with state.gate.admitted(request) as (body, place):
        asked, given, parts = await place.run(partial(_faces, body, state.settings.max_batch))
        del body
        batch = state.verifier.batch_of_faces(
            method=asked.method, policy=asked.policy, liveness_policy=asked.liveness_policy
        )
        faces = [face for face in given if not isinstance(face, InvalidBase64)]
        read = await read_parts(batch, parts, place, state.verifier)
        found, digests = await place.run(
            lambda: (batch.embed(faces, read), state.auditor.digests([(face,) for face in faces]))
        )
    embedded = zip(found, digests, strict=True)
    await state.auditor.faces((item, told) for item, told in embedded if not isinstance(item, InputError))
    state.metrics.observe_stages(batch.clock.timings_ms)
    found_items = _in_places(given, found)
    for item in found_items:
        if isinstance(item, InputError):
            state.metrics.item_failures.labels(item.code).inc()
        else:
            observe_face(item, state.metrics)
    items = [
        EmbedItem(status=STATUS[type(item)], answer=None, problem=problem_of(item.about("image")))
        if isinstance(item, InputError)
        else EmbedItem(status=200, answer=embed_answer(item, pipeline), problem=None)
        for item in found_items
    ]
    return EmbedBatchAnswer(items=items, timings_ms=told(batch.clock.timings_ms), **identity(batch.snapshot, pipeline))


def _in_places(given: Sequence[object], found: Sequence[FoundT]) -> list[FoundT | InvalidBase64]:
    """Return what became of each item, in their order: those that were no base64, and the others as they were found."""
    others = iter(found)
    return [item if isinstance(item, InvalidBase64) else next(others) for item in given]


def _pairs(body: Body, most: int) -> tuple[_Options, list[Pair | InvalidBase64], list[list[FaceInput]]]:
    asked = parse_json(VerifyBatchRequest, _document(body), 4 * most)
    _check_count(len(asked.pairs), "pairs", most)
    named = {name: _face(face, f"faces.{name}") for name, face in asked.faces.items()}

    def face_of(side: BatchFaceRequest, name: str) -> FaceInput:
        if side.face is None:
            return to_face(side, name)
        if side.face not in named:
            raise InvalidRequest(f"{name} names the face {shortened(side.face)!r}, which is not among `faces`.")
        found = named[side.face]
        if isinstance(found, InvalidBase64):
            raise InvalidBase64(found.message)  # a new one: the same face may be another pair's other side
        return found

    def pair_of(pair: PairRequest, place: int) -> Pair | InvalidBase64:
        side = "probe"
        try:
            probe = face_of(pair.probe, f"pairs.{place}.probe")
            side = "reference"
            name = f"pairs.{place}.reference"
            return probe, to_reference(pair.reference, name, face_of, asked.unusable_pictures)
        except InvalidBase64 as error:
            return _bare(error.about(side))

    pairs = [pair_of(pair, place) for place, pair in enumerate(asked.pairs)]
    options = _Options(
        asked.method,
        asked.face_policy,
        asked.liveness_policy,
        asked.operating_point,
        asked.quality_policy,
        asked.detail,
        asked.return_embeddings,
    )
    readable = [pair for pair in pairs if not isinstance(pair, InvalidBase64)]
    return options, pairs, in_parts([face for pair in readable for face in faces_of(pair)])


def _faces(body: Body, most: int) -> tuple[_Options, list[FaceInput | InvalidBase64], list[list[FaceInput]]]:
    asked = parse_json(EmbedBatchRequest, _document(body), 4 * most)
    _check_count(len(asked.faces), "faces", most)
    faces = [_face(face, f"faces.{place}") for place, face in enumerate(asked.faces)]
    readable = [face for face in faces if not isinstance(face, InvalidBase64)]
    return _Options(asked.method, asked.face_policy, asked.liveness_policy), faces, in_parts(readable)


def _face(request: FaceRequest, name: str) -> FaceInput | InvalidBase64:
    """Return a face of a batch, or why it is none: that fails what it is in, and nothing else."""
    try:
        return to_face(request, name)
    except InvalidBase64 as error:
        return _bare(error)


def _bare(error: InvalidBase64) -> InvalidBase64:
    """Return an error without where it was raised: those calls hold the document's long texts."""
    error.__cause__ = error.__context__ = None
    error.__traceback__ = None
    return error


def _document(body: Body) -> RawBody | bytes:
    if isinstance(body, FormBody):
        raise UnsupportedMediaType("A batch is a JSON document; send application/json with the images in base64.")
    return body


def _check_count(count: int, what: str, most: int) -> None:
    if count > most:
        raise InvalidRequest(
            f"The batch has {count} {what}, the limit is {most}. Send several, or raise IDA_MAX_BATCH."
        )
