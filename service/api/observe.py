"""What the metrics and a request's log line are told of an answer."""

from service.snapshot.snapshot import Snapshot
from service.telemetry import Metrics, tell
from service.verifier import EmbeddedFace, Verification


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
