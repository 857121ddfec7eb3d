"""A scored pair as it goes over the wire."""

from collections.abc import Callable
from typing import Any

from service.api.answering.face_answer import face_answer, unified_quality
from service.api.answering.shared import identity, rounded, told
from service.api.problems import problem_of
from service.api.receipts import ReceiptSigner
from service.api.wire.receipt_wire import EmbeddingsAnswer, KeptEmbedding
from service.api.wire.verify_wire import (
    BasicVerifyAnswer,
    CheckedMeasureAnswer,
    Detail,
    DoubtAnswer,
    FacesAnswer,
    Meaning,
    MeasuredOnAnswer,
    PerSide,
    PictureAnswer,
    QualityCheckAnswer,
    TemplateAnswer,
    VerifyAnswer,
)
from service.pipeline import FacePipeline
from service.scoring.decision import Judgement
from service.scoring.methods import METHODS
from service.scoring.population import FaceCheck
from service.snapshot.snapshot import Snapshot
from service.verifier import ComparedTemplate, Density, Verification
from service.verifier.results import ScoredEmbedding


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


def _llr_interval(result: Verification) -> dict[str, Any]:
    """Return the interval of the log-likelihood ratio, or why there is none."""
    judged = result.judgement
    if not METHODS[result.method].tells_llr:
        return {"llr_interval": None}
    if judged.llr_interval is not None:
        # Its ends are no surer than to a hundredth.
        return {"llr_interval": (round(judged.llr_interval[0], 2), round(judged.llr_interval[1], 2))}
    if judged.doubts:
        reason: str | None = "none is vouched for, as no rate is: see reasons"
    elif judged.measured_on is None:
        reason = judged.reason
    elif result.template is not None:
        reason = "none is measured for references of several pictures"
    else:
        reason = (
            "the calibration measured none: it was made by an older version, without people's names, or on too few "
            "pairs; calibrate the anchor set again, with names"
        )
    return {"llr_interval": None, "no_llr_interval_reason": reason}


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
        face_answer(aligned, unified_quality(norm, result.snapshot, pipeline), detail)
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
                face=face_answer(picture.face, unified_quality(picture.norm, snapshot, pipeline), detail),
                reasons=[DoubtAnswer.model_validate(doubt) for doubt in picture.doubts],
                problem=None if picture.failure is None else problem_of(picture.failure),
            )
            for picture in template.pictures
        ],
    )
