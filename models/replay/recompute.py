"""Computing an answer again: the embeddings scored by the bundle, by the service's own code."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from types import SimpleNamespace
from typing import cast, get_args

import numpy as np

from service.api.answering.pair_answer import full_answer
from service.api.wire.verify_wire import CheckedMeasureAnswer, FaceAnswer, VerifyAnswer
from service.choices import FacePolicy
from service.errors import InputError, LowQuality, NoFace
from service.faces.quality.face_quality import FaceQuality
from service.faces.types import CROP_SIZE, AlignedFace, Box, DetectedFace, Liveness
from service.pipeline import FacePipeline
from service.scoring.calibration import InputForm
from service.snapshot.snapshot import Snapshot
from service.verifier import Embedding, FaceInput, Template
from service.verifier.clock import Clock
from service.verifier.liveness_gate import LIVENESS_CODES
from service.verifier.pair_scoring import EmbeddedFaces, PairScorer
from service.verifier.pooling import PooledFaces, pool_templates
from service.verifier.results import ScoredEmbedding


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What was compared, as it was kept.

    Attributes:
        answer: what was answered.
        probe: its embedding.
        references: of each picture of the reference; None for one that could not be read.
    """

    answer: VerifyAnswer
    probe: ScoredEmbedding
    references: tuple[ScoredEmbedding | None, ...]


def recomputed(compared: Compared, snapshot: Snapshot) -> Iterator[VerifyAnswer]:
    """Give what the service would answer, one answer for each way in which the request may have been made.

    An answer does not say by which policy one of several faces was chosen, and not whether what was no photograph was a
    crop or an embedding; a calibration holds for one of each. The likeliest comes first.

    Args:
        compared: what was compared.
        snapshot: of the bundle.

    Raises:
        UnknownMethod, MethodNotServed: if the bundle does not serve the answer's method.
        DimensionMismatch, InvalidEmbedding, TooFewAnchors, InferenceFailed, SearchFailed: as ``Snapshot.terms`` says.
    """
    answer = compared.answer
    told = [answer.faces.probe, *_reference_faces(answer)]
    chose = any(face is not None and face.faces_found > 1 for face in told)
    own = "prominent" if snapshot.calibrations is None else snapshot.calibrations.face_policy
    policies = [own, *(policy for policy in get_args(FacePolicy) if policy != own)] if chose else [own]
    others: tuple[InputForm, ...] = ("embedding", "crop")
    unknown = others if any(face is None for face in told) else others[:1]
    for policy, form in product(policies, unknown):
        yield _recomputed(compared, snapshot, policy, form)


def _recomputed(compared: Compared, snapshot: Snapshot, face_policy: FacePolicy, form: InputForm) -> VerifyAnswer:
    answer = compared.answer
    scorer = PairScorer(
        snapshot,
        snapshot.method(answer.method),
        answer.operating_point,
        is_point_required=False,
        quality_policy=answer.quality_check.policy,
        face_policy=face_policy,
        requires_liveness=any(reason.code in LIVENESS_CODES for reason in answer.reasons),
        pipeline_id=answer.model.pipeline_id,
        agreement=None,
    )
    checks = [answer.quality_check.probe, *_reference_checks(answer)]
    told = [answer.faces.probe, *_reference_faces(answer)]
    scored = [compared.probe, *compared.references]
    aligned = [None if face is None else _aligned(face, check) for face, check in zip(told, checks, strict=True)]
    # Names of the faces, as whoever reads them would have them.
    names: list[FaceInput] = [Embedding((float(place),)) for place in range(len(scored))]
    there = [place for place, one in enumerate(scored) if one is not None]
    faces = _faces([one for one in scored if one is not None], [aligned[place] for place in there], form, scorer)
    rows = {names[place]: row for row, place in enumerate(there)}
    clock = Clock()
    pooled, reference = PooledFaces(faces, rows), names[1]
    if answer.template is not None:
        missing: dict[FaceInput, InputError] = {
            names[place]: NoFace("") for place, one in enumerate(scored) if one is None
        }
        template = Template(tuple(names[1:]), skips=True)
        pooled = pool_templates([template], faces, rows, missing, scorer, clock)
        if template in pooled.failures:
            raise pooled.failures[template]
        row = pooled.row(template)
    else:
        row = rows[reference]
    (result,) = scorer.score(pooled.faces or faces, [(rows[names[0]], row)], clock, pooled.templates)
    if isinstance(result, LowQuality):
        raise result
    # What the answer is rendered with: names alone, since no network runs here.
    models = SimpleNamespace(
        pipeline_id=answer.model.pipeline_id,
        backbone_id=answer.model.backbone_id if snapshot.manifest is None else snapshot.manifest.backbone_id,
        manifest=SimpleNamespace(name=answer.model.pack),
    )
    return full_answer(result, cast("FacePipeline", models))


def _faces(
    scored: Sequence[ScoredEmbedding], aligned: Sequence[AlignedFace | None], form: InputForm, scorer: PairScorer
) -> EmbeddedFaces:
    embeddings = np.stack([one.values for one in scored])
    norms = np.array([one.norm or 0.0 for one in scored], np.float32)
    forms: list[InputForm] = ["photo" if face is not None else form for face in aligned]
    return EmbeddedFaces(embeddings, norms, forms, aligned, scorer.terms(embeddings, norms, Clock()))


def _reference_faces(answer: VerifyAnswer) -> list[FaceAnswer | None]:
    if answer.template is None:
        return [answer.faces.reference]
    return [picture.face for picture in answer.template.pictures]


def _reference_checks(answer: VerifyAnswer) -> list[dict[str, CheckedMeasureAnswer]]:
    if answer.template is None:
        return [answer.quality_check.reference]
    return [picture.quality_check or {} for picture in answer.template.pictures]


def _aligned(face: FaceAnswer, check: dict[str, CheckedMeasureAnswer]) -> AlignedFace:
    """Return the face of a photograph as far as an answer tells of it; its pixels are not known."""
    value = {name: measure.value for name, measure in check.items()}
    score = value.get("detection_score")
    return AlignedFace(
        crop=np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8),
        face=DetectedFace(
            Box(face.box.left, face.box.top, face.box.right, face.box.bottom),
            face.detection_score if score is None else score,
            np.array(face.landmarks, np.float32) if face.landmarks else None,
        ),
        faces_found=face.faces_found,
        image_size=(face.image_width, face.image_height),
        exif_rotated=face.exif_rotated,
        quality=FaceQuality({} if face.quality.components is None else face.quality.components.model_dump()),
        rotated_by=face.rotated_by,
        landmark_score=face.landmark_score,
        evenness=value.get("evenness_of_detail"),
        eye_light=value.get("eye_light"),
        liveness=None
        if face.liveness is None
        else Liveness(face.liveness.verdict, face.liveness.score, face.liveness.reason),
        cut_off=face.cut_off,
    )
