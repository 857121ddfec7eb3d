"""``POST /verify`` and ``POST /embed``."""

from typing import Any

from fastapi import APIRouter, Request

from service.api.admission import admitted
from service.api.body import parse_face, parse_pair
from service.api.openapi import EMBED_BODY, EMBED_PROBLEMS, VERIFY_BODY, VERIFY_PROBLEMS
from service.api.state import ServiceState
from service.api.wire.verify_wire import (
    AnchorSetAnswer,
    BoxAnswer,
    CosineAnswer,
    EmbedAnswer,
    FaceAnswer,
    FacesAnswer,
    ModelAnswer,
    PerSide,
    VerifyAnswer,
)
from service.faces.types import AlignedFace
from service.pipeline import FacePipeline
from service.scoring.decision import Judgement
from service.snapshot.snapshot import Snapshot
from service.telemetry import request_id
from service.verifier import EmbeddedFace, Verification

PATHS = ("/verify", "/embed")

_TOLD_STAGES = ("decode", "detect", "align", "embed")

router = APIRouter(tags=["faces"])


@router.post(PATHS[0], openapi_extra=VERIFY_BODY, responses=VERIFY_PROBLEMS, summary="Compare two faces")
async def verify(request: Request, state: ServiceState) -> VerifyAnswer:
    """Compare two faces: the raw cosine and the asked method's score, with the evidence for it.

    Send the photographs as the multipart files `probe` and `reference`, or as JSON, where a side may instead be an
    aligned crop or an embedding. "No face" is an error that names the image, never a non-match.
    """
    async with admitted(request, state) as (body, place):

        def work(may_be_large: bool) -> Verification | None:
            pair = parse_pair(body)
            if not may_be_large and state["verifier"].is_large((pair.probe, pair.reference)):
                return None
            return state["verifier"].verify(
                pair.probe,
                pair.reference,
                method=pair.method,
                operating_point=pair.operating_point,
                policy=pair.face_policy,
            )

        return verify_answer(await place.run_sized(work), state["pipeline"])


@router.post(PATHS[1], openapi_extra=EMBED_BODY, responses=EMBED_PROBLEMS, summary="Embed one face")
async def embed(request: Request, state: ServiceState) -> EmbedAnswer:
    """Embed one face: its unit embedding and the density of its neighbourhood."""
    async with admitted(request, state) as (body, place):

        def work(may_be_large: bool) -> EmbeddedFace | None:
            asked = parse_face(body)
            if not may_be_large and state["verifier"].is_large((asked.face,)):
                return None
            return state["verifier"].embed(asked.face, method=asked.method, policy=asked.face_policy)

        return embed_answer(await place.run_sized(work), state["pipeline"])


def verify_answer(result: Verification, pipeline: FacePipeline) -> VerifyAnswer:
    """Return a scored pair as it goes over the wire."""
    probe, reference = result.densities or (None, None)
    return VerifyAnswer(
        similarity=result.similarity,
        score=result.score,
        dao_score=result.dao_score,
        density=PerSide(probe=probe and probe.density, reference=reference and reference.density),
        crowding=PerSide(probe=probe and probe.crowding, reference=reference and reference.crowding),
        method=result.method,
        operating_point=result.operating_point,
        **_meaning(result.judgement),
        cosine=CosineAnswer(score=result.similarity, **_meaning(result.cosine_judgement)),
        faces=FacesAnswer(probe=_face(result.faces[0]), reference=_face(result.faces[1])),
        timings_ms=told(result.timings_ms),
        **identity(result.snapshot, pipeline),
    )


def embed_answer(result: EmbeddedFace, pipeline: FacePipeline) -> EmbedAnswer:
    """Return an embedded face as it goes over the wire."""
    return EmbedAnswer(
        embedding=result.embedding.tolist(),
        norm=result.norm,
        dimension=len(result.embedding),
        method=result.method,
        density=result.density and result.density.density,
        crowding=result.density and result.density.crowding,
        face=_face(result.face),
        timings_ms=told(result.timings_ms),
        **identity(result.snapshot, pipeline),
    )


def _meaning(judgement: Judgement) -> dict[str, Any]:
    fmr = judgement.fmr
    return {
        "decision": judgement.decision,
        "threshold": judgement.threshold,
        "fmr_at_score": fmr and fmr.fmr,
        "fmr_interval": fmr and (fmr.low, fmr.high),
        "extrapolated": fmr and fmr.extrapolated,
        "no_decision_reason": judgement.reason,
    }


def identity(snapshot: Snapshot, pipeline: FacePipeline) -> dict[str, Any]:
    """Return what an answer must name for its score to be replayed later."""
    return {
        "bundle_id": snapshot.bundle_id,
        "model": ModelAnswer(
            pack=pipeline.manifest.name, backbone_id=pipeline.backbone_id, pipeline_id=pipeline.pipeline_id
        ),
        "anchor_set": AnchorSetAnswer(id=snapshot.manifest.anchors_digest, generation=snapshot.generation),
        "request_id": request_id.get() or "",
    }


def _face(aligned: AlignedFace | None) -> FaceAnswer | None:
    if aligned is None:
        return None
    face, box = aligned.face, aligned.face.box
    # In float64, or the rounded values get the digits of their float32 neighbours.
    landmarks = [] if face.landmarks is None else face.landmarks.astype(float).round(2).tolist()
    return FaceAnswer(
        box=BoxAnswer(
            left=round(box.left, 2), top=round(box.top, 2), right=round(box.right, 2), bottom=round(box.bottom, 2)
        ),
        landmarks=[(x, y) for x, y in landmarks],
        detection_score=face.score,
        faces_found=aligned.faces_found,
        image_width=aligned.image_size[0],
        image_height=aligned.image_size[1],
        exif_rotated=aligned.exif_rotated,
    )


def told(timings_ms: dict[str, float]) -> dict[str, float]:
    """Return milliseconds as they go over the wire: those of the stages that depend on the pictures alone.

    How long a search took would tell whether exactly these faces were compared before, by whomever: their densities are
    kept. The metrics have every stage.
    """
    if not timings_ms:  # an item of a batch, whose times are told together
        return {}
    stages = {stage: round(timings_ms[stage], 3) for stage in _TOLD_STAGES}
    return {**stages, "total": round(sum(stages.values()), 3)}
