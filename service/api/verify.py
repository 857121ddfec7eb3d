"""``POST /verify`` and ``POST /embed``."""

from dataclasses import replace

import numpy as np
from fastapi import APIRouter, Depends, Request, Response

from service.api.answering.face_answer import embed_answer
from service.api.answering.pair_answer import verify_answer
from service.api.audit import Digests
from service.api.body import PairInput, parse_face, parse_pair
from service.api.observe import observe_face, observe_pair
from service.api.openapi import DEADLINE, OCTETS, answers, json_or_form, or_octets
from service.api.pair_log import log_pair
from service.api.parts import read_parts, read_side_by_side
from service.api.places import Place
from service.api.problem_examples import OF_A_FACE, OF_A_PAIR, OF_A_REQUEST
from service.api.query import only_known_query
from service.api.state import ServiceState
from service.api.wire import face_examples as examples
from service.api.wire.template_examples import VERIFIED_TEMPLATE
from service.api.wire.verify_wire import (
    BasicVerifyAnswer,
    EmbedAnswer,
    EmbedForm,
    EmbedRequest,
    VerifyAnswer,
    VerifyForm,
    VerifyRequest,
)
from service.errors import InputError
from service.verifier import EmbeddedFace, Photo, Template, Verification
from service.verifier.face_batch import faces_of, in_parts

PATHS = ("/verify", "/embed")

router = APIRouter(tags=["faces"], dependencies=[Depends(only_known_query)])


@router.post(
    PATHS[0],
    openapi_extra={**DEADLINE, **json_or_form(VerifyRequest, examples.VERIFY_REQUESTS, form=VerifyForm)},
    responses=answers(
        *OF_A_REQUEST, *OF_A_PAIR, *OF_A_FACE, examples={**examples.VERIFIED, **VERIFIED_TEMPLATE}, image="probe"
    ),
    summary="Compare two faces",
)
async def verify_pair(request: Request, state: ServiceState) -> VerifyAnswer | BasicVerifyAnswer:
    """Compare two faces: the decision and the false-match rate of the score, and the evidence for both.

    Send the photographs as the multipart files `probe` and `reference`, or as JSON, where a side may instead be an
    aligned crop or an embedding. "No face" is an error that names the image, never a non-match.
    """
    async with state.gate.admitted(request) as (body, place):
        # A thread that nobody wants reads the other photograph: the answer comes in little more than half the time.
        has_idle = state.workers.idle > 1

        def work(may_be_large: bool) -> tuple[Verification, Digests, PairInput] | PairInput | None:
            pair = parse_pair(body)
            sides = (pair.probe, pair.reference)
            if isinstance(pair.reference, Template) or (has_idle and all(isinstance(side, Photo) for side in sides)):
                return pair
            if not may_be_large and state.verifier.is_large((pair.probe, pair.reference)):
                return None
            result = state.verifier.verify(
                pair.probe,
                pair.reference,
                method=pair.method,
                operating_point=pair.operating_point,
                policy=pair.face_policy,
                quality_policy=pair.quality_policy,
                liveness_policy=pair.liveness_policy,
            )
            return result, state.auditor.digests([(pair.probe, pair.reference)])[0], pair

        done: tuple[Verification, Digests, PairInput] | PairInput = await place.run_sized(work)
        if isinstance(done, PairInput):
            del body  # its pictures are held
            (result, digests), asked = await _verify_in_parts(done, place, state), done
        else:
            result, digests, asked = done
    await state.auditor.pairs([(result, digests)])
    state.metrics.observe_stages(result.timings_ms)
    observe_pair(result, state.metrics)
    if state.settings.log_pairs:
        log_pair(result)
    return verify_answer(result, state.pipeline, asked.detail, state.receipts, with_embeddings=asked.return_embeddings)


async def _verify_in_parts(pair: PairInput, place: Place, state: ServiceState) -> tuple[Verification, Digests]:
    """Compare pictures that are read side by side; other requests have their turns in between."""
    batch = state.verifier.batch(
        method=pair.method,
        operating_point=pair.operating_point,
        policy=pair.face_policy,
        quality_policy=pair.quality_policy,
        liveness_policy=pair.liveness_policy,
    )
    compared = (pair.probe, pair.reference)
    faces = faces_of(compared)
    if isinstance(pair.reference, Template):
        read = await read_parts(batch, in_parts(faces), place, state.verifier)
    else:
        batch.require_point(pair.probe, pair.reference)
        read = await read_side_by_side(batch, faces, place, state.verifier)
    result, digests = await place.run(lambda: (batch.verify([compared], read), state.auditor.digests([faces])[0]))
    (verification,) = result.items
    if isinstance(verification, InputError):
        raise verification
    return replace(verification, timings_ms=result.timings_ms), digests


@router.post(
    PATHS[1],
    openapi_extra={**DEADLINE, **json_or_form(EmbedRequest, examples.EMBED_REQUESTS, form=EmbedForm)},
    response_model=EmbedAnswer,
    responses=or_octets(
        answers(*OF_A_REQUEST, *OF_A_FACE, examples=examples.EMBEDDED, image="image"),
        "With `Accept: application/octet-stream` the embedding alone.",
    ),
    summary="Embed one face",
)
async def embed_face(request: Request, state: ServiceState) -> EmbedAnswer | Response:
    """Embed one face: its unit embedding and the density of its neighbourhood.

    Who accepts `application/octet-stream` gets the embedding alone, float32, little-endian, as long as the backbone
    gave it (of unit norm where that is not known): as it is, it may be a part of a body of `/verify/batch`.
    """
    async with state.gate.admitted(request) as (body, place):

        def work(may_be_large: bool) -> tuple[EmbeddedFace, Digests] | None:
            asked = parse_face(body)
            if not may_be_large and state.verifier.is_large((asked.face,)):
                return None
            result = state.verifier.embed(
                asked.face, method=asked.method, policy=asked.face_policy, liveness_policy=asked.liveness_policy
            )
            return result, state.auditor.digests([(asked.face,)])[0]

        result, digests = await place.run_sized(work)
    await state.auditor.faces([(result, digests)])
    state.metrics.observe_stages(result.timings_ms)
    observe_face(result, state.metrics)
    if _accepts_octets(request):
        long = result.embedding * np.float32(result.norm or 1.0)
        return Response(long.astype("<f4").tobytes(), media_type=OCTETS)
    return embed_answer(result, state.pipeline)


def _accepts_octets(request: Request) -> bool:
    """Return whether a request names bytes among what it accepts, and JSON not before them."""
    named = [one.partition(";")[0].strip().lower() for one in request.headers.get("accept", "").split(",")]
    return next((one for one in named if one in (OCTETS, "application/json")), None) == OCTETS
