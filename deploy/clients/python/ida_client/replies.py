"""What calls return, as small objects; ``document`` holds the whole answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from ida_client.failures import Problem

Decision = Literal["match", "non_match", "inconclusive"]


class CallOptions(TypedDict, total=False):
    """How a call is made.

    Keys:
        deadline: seconds for all its tries together; the client's own by default.
        request_id: what the service's log knows it by; drawn by default.
    """

    deadline: float
    request_id: str


class FaceOptions(CallOptions, total=False):
    """How a face is embedded; what is absent is the service's default."""

    method: str
    face_policy: Literal["prominent", "largest", "most_central", "reject"]
    liveness_policy: Literal["off", "report", "require"]


class PairOptions(FaceOptions, total=False):
    """How pairs are compared; what is absent is the service's default."""

    operating_point: str
    quality_policy: Literal["report", "gate", "decide"]
    detail: Literal["full", "basic"]
    return_embeddings: bool
    unusable_pictures: Literal["refuse", "skip"]


class ColumnOptions(CallOptions, total=False):
    """How pairs of embeddings are compared; what is absent is the service's default."""

    method: str
    operating_point: str
    quality_policy: Literal["report", "gate", "decide"]


@dataclass(frozen=True, slots=True)
class DoubtedFace:
    """Why no rate is vouched for with one of the faces.

    Attributes:
        image: "probe" or "reference".
        code: stable name of the reason.
        advice: what to do about it.
    """

    image: str
    code: str
    advice: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "DoubtedFace":
        """Return what a part of an answer says."""
        return cls(*(str(document.get(name) or "") for name in ("image", "code", "advice")))


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """A pair that was compared; each number is what the service's documents say of its name.

    Attributes:
        decision: None where none is made; then ``no_decision_reason`` says why.
        score: what the threshold is compared with.
        similarity: the plain cosine.
        threshold: of the operating point for pairs like this one.
        fmr_at_score: the false-match rate of the score.
        evidence: -log10 of it.
        reasons: why no rate is vouched for.
        no_decision_reason: in words; None with ``detail="basic"``.
        anchor_set_id: what it was scored with; None with ``detail="basic"``.
        request_id: by which the service's log knows it.
        document: the whole answer.
    """

    decision: Decision | None
    score: float
    similarity: float
    threshold: float | None
    fmr_at_score: float | None
    evidence: float | None
    reasons: tuple[DoubtedFace, ...]
    no_decision_reason: str | None
    anchor_set_id: str | None
    request_id: str
    document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, document: Mapping[str, Any], request_id: str) -> "ComparedPair":
        """Return what an answer says."""
        return cls(
            decision=document["decision"],
            score=document["score"],
            similarity=document["similarity"],
            threshold=document["threshold"],
            fmr_at_score=document["fmr_at_score"],
            evidence=document["evidence"],
            reasons=tuple(DoubtedFace.of(reason) for reason in document["reasons"]),
            no_decision_reason=document.get("no_decision_reason"),
            anchor_set_id=(document.get("anchor_set") or {}).get("id"),
            request_id=request_id,
            document=document,
        )


@dataclass(frozen=True, slots=True)
class FoundEmbedding:
    """An embedded face.

    Attributes:
        values: the embedding, of unit norm.
        norm: length of what the backbone gave; None where it is not known.
        density: of its neighbourhood; None where no anchor set is served.
        backbone_id: of the network that gave it: embeddings of two networks cannot be compared.
        request_id: by which the service's log knows it.
        document: the whole answer.
    """

    values: tuple[float, ...] = field(repr=False)
    norm: float | None
    density: float | None
    backbone_id: str
    request_id: str
    document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, document: Mapping[str, Any], request_id: str) -> "FoundEmbedding":
        """Return what an answer says."""
        return cls(
            values=tuple(document["embedding"]),
            norm=document["norm"],
            density=document["density"],
            backbone_id=document["model"]["backbone_id"],
            request_id=request_id,
            document=document,
        )

    @property
    def for_comparison(self) -> tuple[float, ...]:
        """The embedding as long as the backbone gave it: to be kept and compared without losing its quality."""
        return tuple(value * (self.norm or 1.0) for value in self.values)


@dataclass(frozen=True, slots=True)
class ComparedColumns:
    """Pairs of embeddings that were compared: in each column a value for each pair, None for one that was not scored.

    Attributes:
        decision: None also where none is made.
        score: of the method.
        similarity: the plain cosine.
        threshold: of the operating point for pairs like this one.
        fmr_at_score: the false-match rate of the score.
        evidence: -log10 of it.
        reasons: why no rate is vouched for with a pair, by its place.
        problems: why a pair was not scored, by its place.
        no_decision_reason: why no pair has a decision; None where they have.
        anchor_set_ids: what they were scored with: more than one where the set was swapped between two parts.
    """

    decision: list[Decision | None] = field(default_factory=list)
    score: list[float | None] = field(default_factory=list)
    similarity: list[float | None] = field(default_factory=list)
    threshold: list[float | None] = field(default_factory=list)
    fmr_at_score: list[float | None] = field(default_factory=list)
    evidence: list[float | None] = field(default_factory=list)
    reasons: dict[int, tuple[DoubtedFace, ...]] = field(default_factory=dict)
    problems: dict[int, Problem] = field(default_factory=dict)
    no_decision_reason: str | None = None
    anchor_set_ids: tuple[str | None, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence[Mapping[str, Any]]) -> "ComparedColumns":
        """Return the columns of the answers to several parts, in their order."""
        columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        reasons: dict[int, tuple[DoubtedFace, ...]] = {}
        problems: dict[int, Problem] = {}
        for part in parts:
            before = len(columns["score"])
            for one in part["reasons"]:
                reasons[before + one["pair"]] = tuple(DoubtedFace.of(reason) for reason in one["reasons"])
            for one in part["problems"]:
                problems[before + one["pair"]] = Problem.of(one["status"], one["problem"])
            for name, column in columns.items():
                column.extend(part[name])
        ids = dict.fromkeys((part["anchor_set"] or {}).get("id") for part in parts)
        reason = next((part["no_decision_reason"] for part in parts if part["no_decision_reason"]), None)
        return cls(**columns, reasons=reasons, problems=problems, no_decision_reason=reason, anchor_set_ids=tuple(ids))


_COLUMNS = ("decision", "score", "similarity", "threshold", "fmr_at_score", "evidence")
