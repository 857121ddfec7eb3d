"""``POST /verify`` and ``POST /embed``."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from fastapi import APIRouter, Depends, Request, Response

from service.api.audit import Digests
from service.api.body import PairInput, parse_face, parse_pair
from service.api.openapi import DEADLINE, OCTETS, answers, json_or_form, or_octets
from service.api.pair_log import log_pair
from service.api.parts import read_parts, read_side_by_side
from service.api.places import Place
from service.api.problem_examples import OF_A_FACE, OF_A_PAIR, OF_A_REQUEST
from service.api.problems import problem_of
from service.api.query import only_known_query
from service.api.receipts import ReceiptSigner
from service.api.state import ServiceState
from service.api.wire import face_examples as examples
from service.api.wire.quality_wire import QualityAnswer, QualityComponentsAnswer
from service.api.wire.receipt_wire import EmbeddingsAnswer, KeptEmbedding
from service.api.wire.template_examples import VERIFIED_TEMPLATE
from service.api.wire.verify_wire import (
    AnchorSetAnswer,
    BasicVerifyAnswer,
    BoxAnswer,
    CheckedMeasureAnswer,
    Detail,
    DoubtAnswer,
    EmbedAnswer,
    EmbedForm,
    EmbedRequest,
    FaceAnswer,
    FacesAnswer,
    LivenessAnswer,
    Meaning,
    MeasuredOnAnswer,
    ModelAnswer,
    PerSide,
    PictureAnswer,
    QualityCheckAnswer,
    TemplateAnswer,
    VerifyAnswer,
    VerifyForm,
    VerifyRequest,
)
from service.errors import InputError
from service.faces.quality.face_quality import FaceQuality
from service.faces.types import AlignedFace, Liveness
from service.pipeline import FacePipeline
from service.scoring.decision import Judgement
from service.scoring.methods import METHODS
from service.scoring.population import FaceCheck
from service.snapshot.snapshot import Snapshot
from service.telemetry import Metrics, request_id, tell
from service.verifier import ComparedTemplate, Density, EmbeddedFace, Photo, Template, Verification
from service.verifier.face_batch import faces_of, in_parts
from service.verifier.results import ScoredEmbedding

PATHS = ("/verify", "/embed")

_TOLD_STAGES = ("decode", "detect", "align", "embed")

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


def observe_pair(result: Verification, metrics: Metrics) -> None:
    """Take note of a scored pair in the metrics, and in the request's log line."""
    _tell(result.method, result.snapshot)
    metrics.observe_pair(result.method, result.similarity, result.score)
    judged = result.judgement
    # The name of a point comes from the caller, and is a label only once a calibration was found to have it.
    point = (result.operating_point or "") if judged.decision else ""
    reason = judged.doubts[0].code if judged.decision == "inconclusive" else judged.undecided or ""
    metrics.count_decision(point, result.method, judged.decision or "none", reason)
    # A template is no face that came: its density would be counted among those of pictures.
    sides = 1 if result.template is not None else 2
    for density, norm in list(zip(result.densities or (None, None), result.norms, strict=True))[:sides]:
        metrics.observe_face(result.density_method, None if density is None else density.crowding, norm)
    of_template = () if result.template is None else (picture.face for picture in result.template.pictures)
    faces = (*result.faces, *of_template)
    metrics.count_liveness(*(face.liveness.verdict for face in faces if face and face.liveness))


def observe_face(result: EmbeddedFace, metrics: Metrics) -> None:
    """Take note of an embedded face in the metrics, and in the request's log line."""
    _tell(result.density_method, result.snapshot)
    crowding = None if result.density is None else result.density.crowding
    metrics.observe_face(result.density_method, crowding, result.norm)
    if result.face and result.face.liveness:
        metrics.count_liveness(result.face.liveness.verdict)


def _tell(method: str | None, snapshot: Snapshot) -> None:
    tell(scoring_method=method, anchor_set_id=snapshot.bundle_id, generation=snapshot.generation)


def verify_answer(
    result: Verification,
    pipeline: FacePipeline,
    detail: Detail,
    receipts: ReceiptSigner | None = None,
    *,
    with_embeddings: bool = False,
) -> VerifyAnswer | BasicVerifyAnswer:
    """Return a scored pair as it goes over the wire.

    Args:
        result: the pair.
        pipeline: what embedded it.
        detail: how much is told.
        receipts: signs answers; None for nobody.
        with_embeddings: whether the embeddings that were compared are told.
    """
    answer = full_answer(result, pipeline) if detail == "full" else _basic_answer(result, pipeline)
    if with_embeddings:
        answer.embeddings = embeddings_answer(result)
    if receipts is not None:
        receipts.sign(answer, result)
    return answer


def _basic_answer(result: Verification, pipeline: FacePipeline) -> BasicVerifyAnswer:
    meaning = _meaning(result.judgement)
    return BasicVerifyAnswer(
        decision=meaning.decision,
        threshold=meaning.threshold,
        score=rounded(result.score),
        similarity=rounded(result.similarity),
        fmr_at_score=meaning.fmr_at_score,
        evidence=meaning.evidence,
        extrapolated=meaning.extrapolated,
        operating_point=result.operating_point,
        method=result.method,
        no_decision_reason=meaning.no_decision_reason,
        reasons=meaning.reasons,
        faces=_faces(result, pipeline, "basic"),
        template=result.template and _template(result.template, result.snapshot, pipeline, "basic"),
    )


def full_answer(result: Verification, pipeline: FacePipeline) -> VerifyAnswer:
    """Return a scored pair as it goes over the wire, with the evidence."""
    return VerifyAnswer(
        **dict(_meaning(result.judgement)),
        operating_point=result.operating_point,
        method=result.method,
        llr=rounded(result.score) if METHODS[result.method].tells_llr else None,
        **_llr_interval(result),
        score=rounded(result.score),
        similarity=rounded(result.similarity),
        dao_score=None if result.dao_score is None else rounded(result.dao_score),
        cosine=_meaning(result.cosine_judgement),
        density_method=result.density_method,
        density=_per_side(result, lambda density: density.density),
        crowding=_per_side(result, lambda density: density.crowding),
        quality_check=_quality_check(result),
        faces=_faces(result, pipeline, "full"),
        timings_ms=told(result.timings_ms),
        template=result.template and _template(result.template, result.snapshot, pipeline, "full"),
        **identity(result.snapshot, pipeline),
    )


def _llr_interval(result: Verification) -> dict[str, Any]:
    """Return the interval of the log-likelihood ratio, or why there is none."""
    judged = result.judgement
    if not METHODS[result.method].tells_llr:
        return {"llr_interval": None}
    if judged.llr_interval is not None:
        # Its ends are no surer than to a hundredth.
        return {"llr_interval": (round(judged.llr_interval[0], 2), round(judged.llr_interval[1], 2))}
    reason = judged.reason
    if judged.doubts:
        reason = "none is vouched for, as no rate is: see reasons"
    elif judged.measured_on is None:
        reason = judged.reason
    else:
        reason = (
            "the anchor set was calibrated by a version that measured none, or on too few pairs: calibrate it again"
        )
    return {"llr_interval": None, "no_llr_interval_reason": reason}


def embed_answer(result: EmbeddedFace, pipeline: FacePipeline) -> EmbedAnswer:
    """Return an embedded face as it goes over the wire."""
    return EmbedAnswer(
        # Nine digits tell one float32 from the next.
        embedding=[rounded(value, 9) for value in result.embedding.tolist()],
        norm=None if result.norm is None else rounded(result.norm),
        dimension=len(result.embedding),
        density_method=result.density_method,
        density=result.density and rounded(result.density.density),
        crowding=result.density and rounded(result.density.crowding),
        face=_face(result.face, _unified(result.norm, result.snapshot, pipeline), "full"),
        timings_ms=told(result.timings_ms),
        **identity(result.snapshot, pipeline),
    )


def embeddings_answer(result: Verification) -> EmbeddingsAnswer:
    """Return the embeddings that were compared as they go over the wire."""
    probe, references = result.embeddings
    listed = [None if one is None else _kept(one) for one in references]
    first = listed[0]
    of_reference = listed if result.template is not None or first is None else first
    return EmbeddingsAnswer(probe=_kept(probe), reference=of_reference)


def _kept(embedding: ScoredEmbedding) -> KeptEmbedding:
    # Nine digits tell one float32 from the next.
    values = [rounded(value, 9) for value in embedding.values.tolist()]
    return KeptEmbedding(embedding=values, norm=None if embedding.norm is None else rounded(embedding.norm, 9))


def rounded(value: float, digits: int = 7) -> float:
    """Return a number with so many significant digits; the embeddings, of float32, give scores no more than seven."""
    return float(f"{value:.{digits}g}")


def _meaning(judgement: Judgement) -> Meaning:
    fmr = judgement.fmr
    return Meaning(
        decision=judgement.decision,
        threshold=None if judgement.threshold is None else rounded(judgement.threshold),
        # Three digits: its interval spans a tenth of it at best.
        fmr_at_score=fmr and rounded(fmr.fmr, 3),
        fmr_interval=fmr and (rounded(fmr.low, 3), rounded(fmr.high, 3)),
        fmr_sampling_interval=fmr and (rounded(fmr.sampling[0], 3), rounded(fmr.sampling[1], 3)),
        fmr_between_sets=None if fmr is None or fmr.between_sets is None else rounded(fmr.between_sets, 3),
        extrapolated=fmr and fmr.extrapolated,
        # A hundredth of it is a fortieth of the rate, as little as the third digit of that.
        evidence=fmr and round(fmr.evidence, 2),
        evidence_interval=fmr and (round(fmr.evidence_interval[0], 2), round(fmr.evidence_interval[1], 2)),
        population=judgement.measured_on and MeasuredOnAnswer.model_validate(judgement.measured_on),
        no_decision_reason=judgement.reason,
        reasons=[DoubtAnswer.model_validate(doubt) for doubt in judgement.doubts],
    )


def _per_side(result: Verification, number: Callable[[Density], float]) -> PerSide | None:
    if result.densities is None:
        return None
    probe, reference = map(number, result.densities)
    return PerSide(probe=rounded(probe), reference=rounded(reference))


def _quality_check(result: Verification) -> QualityCheckAnswer:
    probe, reference = map(_checked, result.checks)
    return QualityCheckAnswer(policy=result.quality_policy, probe=probe, reference=reference)


def _checked(check: FaceCheck) -> dict[str, CheckedMeasureAnswer]:
    return {
        found.measure.name: CheckedMeasureAnswer(
            value=None if found.value is None else rounded(found.value),
            limit=found.limit,
            within=None if found.not_judged else not found.is_beyond,
            not_judged=found.not_judged,
        )
        for found in check.measures
    }


def _faces(result: Verification, pipeline: FacePipeline, detail: Detail) -> FacesAnswer:
    probe, reference = (
        _face(aligned, _unified(norm, result.snapshot, pipeline), detail)
        for aligned, norm in zip(result.faces, result.norms, strict=True)
    )
    return FacesAnswer(probe=probe, reference=reference)


def _template(template: ComparedTemplate, snapshot: Snapshot, pipeline: FacePipeline, detail: Detail) -> TemplateAnswer:
    return TemplateAnswer(
        pictures_used=template.size,
        calibrated_pictures=template.calibrated_pictures,
        pictures=[
            PictureAnswer(
                weight=rounded(picture.weight),
                similarity=None if picture.similarity is None else rounded(picture.similarity),
                quality_check=None if picture.check is None or detail == "basic" else _checked(picture.check),
                face=_face(picture.face, _unified(picture.norm, snapshot, pipeline), detail),
                reasons=[DoubtAnswer.model_validate(doubt) for doubt in picture.doubts],
                problem=None if picture.failure is None else problem_of(picture.failure),
            )
            for picture in template.pictures
        ],
    )


def _unified(norm: float | None, snapshot: Snapshot, pipeline: FacePipeline) -> float | None:
    found = snapshot.unified_quality(norm, "photo", pipeline.pipeline_id)
    return None if found is None else round(found, 1)


def identity(snapshot: Snapshot, pipeline: FacePipeline) -> dict[str, Any]:
    """Return what an answer must name for its score to be replayed later."""
    return {
        "model": ModelAnswer(
            pack=pipeline.manifest.name, backbone_id=pipeline.backbone_id, pipeline_id=pipeline.pipeline_id
        ),
        "anchor_set": anchor_set_answer(snapshot),
        "request_id": request_id.get() or "",
    }


def anchor_set_answer(snapshot: Snapshot) -> AnchorSetAnswer | None:
    """Return what an answer says of the anchor set; None where none is served."""
    if snapshot.bundle_id is None:
        return None
    return AnchorSetAnswer(id=snapshot.bundle_id, generation=snapshot.generation)


def _face(aligned: AlignedFace | None, unified: float | None, detail: Detail) -> FaceAnswer | None:
    if aligned is None:
        return None
    face, box = aligned.face, aligned.face.box.within(*aligned.image_size)
    # In float64, or the rounded values get the digits of their float32 neighbours.
    landmarks = [] if face.landmarks is None else face.landmarks.astype(float).round(1).tolist()
    return FaceAnswer(
        box=BoxAnswer(
            left=round(box.left, 1), top=round(box.top, 1), right=round(box.right, 1), bottom=round(box.bottom, 1)
        ),
        landmarks=[(x, y) for x, y in landmarks],
        cut_off=round(aligned.cut_off, 3),
        rotated_by=aligned.rotated_by,
        detection_score=round(face.score, 4),
        landmark_score=None if aligned.landmark_score is None else round(aligned.landmark_score, 4),
        faces_found=aligned.faces_found,
        image_width=aligned.image_size[0],
        image_height=aligned.image_size[1],
        exif_rotated=aligned.exif_rotated,
        quality=_quality(aligned.quality, unified, detail),
        liveness=_liveness(aligned.liveness),
    )


def _quality(quality: FaceQuality, unified: float | None, detail: Detail) -> QualityAnswer:
    if detail == "basic":
        return QualityAnswer(unified=unified, components=None)
    scores = {name: None if score is None else round(score, 1) for name, score in quality.components.items()}
    return QualityAnswer(unified=unified, components=QualityComponentsAnswer(**scores))


def _liveness(found: Liveness | None) -> LivenessAnswer | None:
    if found is None:
        return None
    return LivenessAnswer(verdict=found.verdict, score=round(found.score, 4), reason=found.reason)


def told(timings_ms: dict[str, float]) -> dict[str, float]:
    """Return milliseconds as they go over the wire: those of the stages that depend on the pictures alone.

    How long a search took would tell whether exactly these faces were compared before, by whomever: their densities are
    kept. The metrics have every stage.
    """
    if not timings_ms:  # an item of a batch, whose times are told together
        return {}
    stages = {stage: round(timings_ms[stage], 2) for stage in _TOLD_STAGES}
    if timings_ms["liveness"]:
        stages["liveness"] = round(timings_ms["liveness"], 2)
    return {**stages, "total": round(sum(stages.values()), 2)}
