"""A face as it goes over the wire, embedded or as one side of a pair."""

from service.api.answering.shared import identity, rounded, told
from service.api.wire.quality_wire import QualityAnswer, QualityComponentsAnswer
from service.api.wire.verify_wire import BoxAnswer, Detail, EmbedAnswer, FaceAnswer, LivenessAnswer
from service.faces.quality.face_quality import FaceQuality
from service.faces.types import AlignedFace, Liveness
from service.pipeline import FacePipeline
from service.snapshot.snapshot import Snapshot
from service.verifier import EmbeddedFace


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
        face=face_answer(result.face, unified_quality(result.norm, result.snapshot, pipeline), "full"),
        timings_ms=told(result.timings_ms),
        **identity(result.snapshot, pipeline),
    )


def face_answer(aligned: AlignedFace | None, unified: float | None, detail: Detail) -> FaceAnswer | None:
    """Return a face of a photograph as it goes over the wire, with its quality; None for what was no photograph."""
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


def unified_quality(norm: float | None, snapshot: Snapshot, pipeline: FacePipeline) -> float | None:
    """Return a face's quality in one number, 0 to 100, by its embedding's norm; None where that is not known."""
    found = snapshot.unified_quality(norm, "photo", pipeline.pipeline_id)
    return None if found is None else round(found, 1)


def _quality(quality: FaceQuality, unified: float | None, detail: Detail) -> QualityAnswer:
    if detail == "basic":
        return QualityAnswer(unified=unified, components=None)
    scores = {name: None if score is None else round(score, 1) for name, score in quality.components.items()}
    return QualityAnswer(unified=unified, components=QualityComponentsAnswer(**scores))


def _liveness(found: Liveness | None) -> LivenessAnswer | None:
    if found is None:
        return None
    return LivenessAnswer(verdict=found.verdict, score=round(found.score, 4), reason=found.reason)
