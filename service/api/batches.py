"""``POST /verify/batch`` and ``POST /embed/batch``: many at once, with one anchor set."""

import asyncio
from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Request

from service.api.batch_schemas import (
    EmbedBatchAnswer,
    EmbedBatchRequest,
    EmbedItem,
    VerifyBatchAnswer,
    VerifyBatchRequest,
    VerifyItem,
)
from service.api.faces import embed_answer, identity, rounded, verify_answer
from service.api.inputs import Body, FormBody, parse_json, to_face
from service.api.openapi import BATCH_PROBLEMS, json_body
from service.api.problems import STATUS, InvalidRequest, UnsupportedMediaType, problem_of
from service.api.receiving import receive
from service.api.state import ServiceState, State
from service.errors import InputError
from service.verifier import FaceInput
from service.verifier.batch import Batch, Pair, ReadFaces

PATHS = ("/verify/batch", "/embed/batch")
# Faces that one worker reads before others have their turn.
_CHUNK = 4

router = APIRouter(tags=["faces"])


@router.post(
    PATHS[0], openapi_extra=json_body(VerifyBatchRequest), responses=BATCH_PROBLEMS, summary="Compare many pairs"
)
async def verify_batch(request: Request, state: ServiceState) -> VerifyBatchAnswer:
    """Compare many pairs of faces, all with the anchor set that is served when the batch begins.

    Each face is detected and embedded once, however many pairs it is in. A pair that cannot be scored has a problem in
    its item, and the others are scored all the same.
    """
    body, deadline = await receive(request, state)
    workers = state["workers"]
    asked, pairs = await workers.run(partial(_pairs, body, state["settings"].max_batch), deadline)
    batch = state["verifier"].batch(
        method=asked.method, operating_point=asked.operating_point, policy=asked.face_policy
    )
    read = await _read(batch, list(dict.fromkeys(face for pair in pairs for face in pair)), state, deadline)
    result = await workers.run(partial(batch.verify, pairs, read), deadline, is_part=True)
    pipeline = state["pipeline"]
    items = [
        VerifyItem(status=STATUS[type(item)], answer=None, problem=problem_of(item))
        if isinstance(item, InputError)
        else VerifyItem(status=200, answer=verify_answer(item, pipeline), problem=None)
        for item in result.items
    ]
    return VerifyBatchAnswer(items=items, timings_ms=rounded(result.timings_ms), **identity(batch.snapshot, pipeline))


@router.post(PATHS[1], openapi_extra=json_body(EmbedBatchRequest), responses=BATCH_PROBLEMS, summary="Embed many faces")
async def embed_batch(request: Request, state: ServiceState) -> EmbedBatchAnswer:
    """Embed many faces; see `/verify/batch`."""
    body, deadline = await receive(request, state)
    workers = state["workers"]
    asked, faces = await workers.run(partial(_faces, body, state["settings"].max_batch), deadline)
    batch = state["verifier"].batch_of_faces(method=asked.method, policy=asked.face_policy)
    read = await _read(batch, list(dict.fromkeys(faces)), state, deadline)
    found = await workers.run(partial(batch.embed, faces, read), deadline, is_part=True)
    pipeline = state["pipeline"]
    items = [
        EmbedItem(status=STATUS[type(item)], answer=None, problem=problem_of(item.about("image")))
        if isinstance(item, InputError)
        else EmbedItem(status=200, answer=embed_answer(item, pipeline), problem=None)
        for item in found
    ]
    return EmbedBatchAnswer(
        items=items, timings_ms=rounded(batch.clock.timings_ms), **identity(batch.snapshot, pipeline)
    )


async def _read(batch: Batch, faces: Sequence[FaceInput], state: State, deadline: float) -> ReadFaces:
    """Read a batch's faces, a few to each worker, so that all of them work and other requests come in between."""
    chunks = [faces[start : start + _CHUNK] for start in range(0, len(faces), _CHUNK)]
    parts = await asyncio.gather(
        *(state["workers"].run(partial(batch.read, chunk), deadline, is_part=True) for chunk in chunks)
    )
    return {face: side for part in parts for face, side in part.items()}


def _pairs(body: Body, most: int) -> tuple[VerifyBatchRequest, list[Pair]]:
    asked = parse_json(VerifyBatchRequest, _document(body))
    _check_count(len(asked.pairs), "pairs", most)
    named = {name: to_face(face, f"faces.{name}") for name, face in asked.faces.items()}
    pairs = []
    for place, pair in enumerate(asked.pairs):
        sides = []
        for name, side in (("probe", pair.probe), ("reference", pair.reference)):
            if side.face is None:
                sides.append(to_face(side, f"pairs.{place}.{name}"))
            elif side.face in named:
                sides.append(named[side.face])
            else:
                raise InvalidRequest(f"pairs.{place}.{name} names the face {side.face!r}, which is not among `faces`.")
        pairs.append((sides[0], sides[1]))
    return asked, pairs


def _faces(body: Body, most: int) -> tuple[EmbedBatchRequest, list[FaceInput]]:
    asked = parse_json(EmbedBatchRequest, _document(body))
    _check_count(len(asked.faces), "faces", most)
    return asked, [to_face(face, f"faces.{place}") for place, face in enumerate(asked.faces)]


def _document(body: Body) -> bytes:
    if isinstance(body, FormBody):
        raise UnsupportedMediaType("A batch is a JSON document; send application/json with the images in base64.")
    return body


def _check_count(count: int, what: str, most: int) -> None:
    if count > most:
        raise InvalidRequest(
            f"The batch has {count} {what}, the limit is {most}. Send several, or raise IDA_MAX_BATCH."
        )
