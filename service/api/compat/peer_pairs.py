"""A pair or a face that was asked in another's shape: computed as ``/verify`` and ``/embed`` do, and what it means."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from fastapi import Request, Response

from service.api.access.key_door import enter_late
from service.api.answering.shared import told
from service.api.audit import Digests
from service.api.compat.peer_bodies import PeerBody, read_peer_body
from service.api.observe import observe_face, observe_pair
from service.api.pair_log import log_pair
from service.api.problems import InvalidRequest
from service.api.state import State
from service.choices import FacePolicy, LivenessPolicy
from service.errors import Doubt, LowQuality
from service.faces.types import AlignedFace, Box
from service.scoring.calibration import on_scale
from service.scoring.decision import Judgement, decide
from service.scoring.methods import COSINE, METHODS
from service.verifier import EmbeddedFace, FaceInput, Verification

OptionsT = TypeVar("OptionsT")

# Where half of the scale from 0 to 1 lies, in powers of ten of the false-match rate: 1e-3, 1e-4 and 1e-5 then stand at
# 0.625, 0.690 and 0.735, beside the thresholds that Face++ answers for the same rates.
_HALF_EVIDENCE = 1.8


@dataclass(frozen=True, slots=True)
class AskedPair(Generic[OptionsT]):
    """What another's request for a comparison was taken for.

    Attributes:
        probe: the face presented now.
        reference: the face of the claimed identity.
        options: what its answer depends on besides.
        face_policy: which of several faces is chosen, the service's default where None.
        liveness_policy: holds where it is stricter than the service's own.
    """

    probe: FaceInput
    reference: FaceInput
    options: OptionsT
    face_policy: FacePolicy | None = None
    liveness_policy: LivenessPolicy | None = None


async def compare(
    request: Request,
    state: State,
    parse: Callable[[PeerBody], AskedPair[OptionsT]],
    key_of: Callable[[PeerBody], tuple[PeerBody, str | None]] | None = None,
) -> tuple[OptionsT, Verification]:
    """Compare the faces of a request, by the service's default method and at its operating point.

    Args:
        request: one that ``Door`` let in.
        state: the service's.
        parse: takes the body for what is asked, in a worker's thread.
        key_of: finds the caller's key in the body, in a worker's thread, and gives the body as far as it was parsed for
            that; None where the key stands in a header. Where keys are asked for, nothing more is done without one.

    Raises: what ``POST /verify`` may.
    """
    async with state.gate.admitted_as(request, read_peer_body) as (sent, place):
        body, key = (sent, None) if key_of is None else await place.run(partial(key_of, sent))
        del sent
        with enter_late(state.keys, request.scope, key, "verify"):
            asked = await place.run(partial(parse, body))
            del body  # its faces are held

            def work(may_be_large: bool) -> tuple[Verification, Digests] | None:
                faces = (asked.probe, asked.reference)
                if not may_be_large and state.verifier.is_large(faces):
                    return None
                result = state.verifier.verify(*faces, policy=asked.face_policy, liveness_policy=asked.liveness_policy)
                return result, state.auditor.digests([faces])[0]

            result, digests = await place.run_sized(work)
            await state.auditor.pairs([(result, digests)])
    state.metrics.observe_stages(result.timings_ms)
    observe_pair(result, state.metrics)
    if state.settings.log_pairs:
        log_pair(result)
    return asked.options, result


async def embed(
    request: Request, state: State, parse: Callable[[PeerBody], tuple[FaceInput, FacePolicy | None, LivenessPolicy]]
) -> EmbeddedFace:
    """Embed the face of a request; arguments as for ``compare``, the body holding a face and how it is chosen."""
    async with state.gate.admitted_as(request, read_peer_body) as (body, place):
        face, policy, liveness = await place.run(partial(parse, body))
        del body

        def work(may_be_large: bool) -> tuple[EmbeddedFace, Digests] | None:
            if not may_be_large and state.verifier.is_large((face,)):
                return None
            result = state.verifier.embed(face, policy=policy, liveness_policy=liveness)
            return result, state.auditor.digests([(face,)])[0]

        result, digests = await place.run_sized(work)
    await state.auditor.faces([(result, digests)])
    state.metrics.observe_stages(result.timings_ms)
    observe_face(result, state.metrics)
    return result


@dataclass(frozen=True, slots=True)
class CosineVerdict:
    """A decision as those tell it who compare a cosine distance with a threshold.

    Attributes:
        is_match: whether the pair is one person's.
        distance: 1 - similarity.
        threshold: the largest distance that is a match, for this pair.
        method: by which it was decided.
    """

    is_match: bool
    distance: float
    threshold: float
    method: str


def cosine_verdict(result: Verification, threshold: float | None = None) -> CosineVerdict:
    """Return the decision on a pair as a cosine distance and its threshold.

    A DAO score is exp(tau s) G with the G of this pair, so that it reaches its threshold t where the similarity s does
    s + ln(t / score) / tau: the threshold of the pair, in cosine, which a crowd around the faces raises. By a method
    whose score does not follow the similarity alone so plainly, the pair is decided by its cosine.

    Args:
        result: the pair.
        threshold: the caller's own, of the distance; None for that of the operating point.

    Raises:
        LowQuality: if it would be a match that cannot be vouched for: there is no word for that.
        InvalidRequest: if there is no decision.
    """
    distance = 1.0 - result.similarity
    slope = _slope(result)
    method, judged = (COSINE, result.cosine_judgement) if slope is None else (result.method, result.judgement)
    if threshold is not None:
        decision = decide(distance <= threshold, bool(judged.doubts))
        method = COSINE
    elif judged.decision is None or judged.threshold is None:
        raise InvalidRequest(
            f"There is no decision on this pair: {judged.reason}. Send a threshold of your own where the request has "
            "one, or have the operator set IDA_OPERATING_POINT."
        )
    else:
        decision, threshold = judged.decision, distance
        if slope is None:
            threshold = 1.0 - judged.threshold
        else:
            scale = METHODS[method].scale
            missing = on_scale(judged.threshold, scale) - on_scale(result.score, scale)
            threshold = distance - missing / slope
    if decision == "inconclusive":
        raise LowQuality.of(judged.doubts)
    return CosineVerdict(decision == "match", distance, threshold, method)


def _slope(result: Verification) -> float | None:
    """Return by how much the score rises with the similarity, on its method's scale; None where it is no constant."""
    tau = result.snapshot.parameters.tau
    slopes = {COSINE: 1.0, "csls": 2.0, "ida-r": tau, "ida-l": tau}
    slope = slopes.get(result.method)
    # A score that left the range of numbers tells no distance any more.
    return slope if slope is None or abs(on_scale(result.score, METHODS[result.method].scale)) < 700 else None


def rate_on_scale(fmr: float) -> float:
    """Return a false-match rate on a scale from 0, where every pair scores so much, to 1: e / (e + 1.8), e = -log10."""
    evidence = max(0.0, -math.log10(fmr))
    return evidence / (evidence + _HALF_EVIDENCE)


def vouched_rate(result: Verification) -> float:
    """Return the false-match rate of a pair's score.

    Raises:
        LowQuality: if a face is beyond what was calibrated: no rate is vouched for.
        InvalidRequest: if the anchor set was not calibrated for such pairs.
    """
    judged = result.judgement
    if judged.doubts:
        raise LowQuality.of(judged.doubts)
    if judged.fmr is None:
        raise InvalidRequest(
            f"There is no rate for this pair, and so no number to answer: {judged.reason}. Have the operator serve an "
            "anchor set that is calibrated for two photographs by this method."
        )
    return judged.fmr.fmr


def require_live(faces: Sequence[AlignedFace | None], names: Sequence[str]) -> None:
    """Refuse photographs one of which is not shown to be of a live face.

    Args:
        faces: of a pair, or of one photograph; their liveness told.
        names: what the peer calls them.

    Raises:
        LowQuality: naming the first that is not.
    """
    sides = ("probe", "reference") if len(faces) > 1 else ("image",)
    for side, face, name in zip(sides, faces, names, strict=True):
        verdict = "unknown" if face is None or face.liveness is None else face.liveness.verdict
        if verdict != "live":
            says = f"{name} is not shown to be live ({verdict})"
            raise LowQuality.of([Doubt(side, "not_live", says, "Let the person stand before the camera.")])


def seconds_told(timings_ms: dict[str, float]) -> float:
    """Return the seconds that an answer may tell: of what depends on the pictures alone."""
    return told(timings_ms)["total"] / 1000


def box_within(face: AlignedFace) -> Box:
    """Return a face's box, cut at the edges of its picture."""
    return face.face.box.within(*face.image_size)


def tell_decision(response: Response, judgement: Judgement, method: str, operating_point: str | None) -> None:
    """Say in headers what a peer's shape has no place for."""
    response.headers["X-Ida-Decision"] = judgement.decision or "none"
    response.headers["X-Ida-Method"] = method
    if judgement.decision is not None and operating_point is not None:
        response.headers["X-Ida-Operating-Point"] = operating_point
    if judgement.fmr is not None:
        response.headers["X-Ida-Evidence"] = f"{judgement.fmr.evidence:.2f}"
