"""What all answers share: how numbers are rounded, what is told of times, and what an answer was computed with."""

from typing import Any

from service.api.wire.verify_wire import AnchorSetAnswer, ModelAnswer
from service.pipeline import FacePipeline
from service.snapshot.snapshot import Snapshot
from service.telemetry import request_id

_TOLD_STAGES = ("decode", "detect", "align", "embed")


def rounded(value: float, digits: int = 7) -> float:
    """Return a number with so many significant digits; the embeddings, of float32, give scores no more than seven."""
    return float(f"{value:.{digits}g}")


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
