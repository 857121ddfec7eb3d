"""What the batch endpoints take and answer, as pydantic models."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Tag, model_validator

from service.api.wire.verify_wire import (
    ONE_PICTURE,
    SEVERAL_PICTURES,
    AnchorSetAnswer,
    BasicVerifyAnswer,
    DoubtAnswer,
    EmbedAnswer,
    FaceOptions,
    FaceRequest,
    FirstError,
    ModelAnswer,
    Name,
    PairOptions,
    PicturesLimit,
    Problem,
    VerifyAnswer,
)
from service.scoring.decision import Decision


class BatchFaceRequest(FaceRequest):
    """One face of a pair: a photograph, a crop, an embedding, or the name of one of the batch's faces."""

    face: Name | None = Field(default=None, description="Name of one of `faces`.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "BatchFaceRequest":
        given = [name for name in ("image", "crop", "embedding", "face") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of image, crop, embedding and face, not {' and '.join(given) or 'none'}"
            )
        return self


BatchReferences = Annotated[
    Annotated[BatchFaceRequest, Tag(ONE_PICTURE)]
    | Annotated[list[BatchFaceRequest], FirstError(), PicturesLimit, Tag(SEVERAL_PICTURES)],
    Field(union_mode="left_to_right"),
]


class PairRequest(BaseModel):
    """One pair of a batch."""

    model_config = ConfigDict(extra="forbid", strict=True)

    probe: BatchFaceRequest
    reference: BatchReferences


class VerifyBatchRequest(PairOptions):
    """Pairs to verify, all in the same way and with the same anchor set."""

    pairs: Annotated[list[PairRequest], FirstError()] = Field(
        min_length=1, description="The pairs; the answer has an item for each."
    )
    faces: dict[Name, FaceRequest] = Field(
        default_factory=dict, description="Faces that pairs name, so that one which recurs is sent once."
    )


class EmbedBatchRequest(FaceOptions):
    """Faces to embed, all in the same way."""

    faces: Annotated[list[FaceRequest], FirstError()] = Field(
        min_length=1, description="The faces; the answer has an item for each."
    )


class VerifyItem(BaseModel):
    """What became of one pair."""

    status: int = Field(description="What /verify would have answered: 200, or that of the problem.")
    answer: VerifyAnswer | BasicVerifyAnswer | None = Field(
        description="As /verify answers, without timings; null with a problem."
    )
    problem: Problem | None


class EmbedItem(BaseModel):
    """What became of one face."""

    status: int = Field(description="What /embed would have answered: 200, or that of the problem.")
    answer: EmbedAnswer | None = Field(description="As /embed answers, without timings; null with a problem.")
    problem: Problem | None


class BatchAnswer(BaseModel):
    """What all items share."""

    anchor_set: AnchorSetAnswer | None = Field(description="As in each answer.")
    model: ModelAnswer
    request_id: str
    timings_ms: dict[str, float] = Field(
        description="Milliseconds by stage, all items together; threads that worked side by side are added up."
    )


class VerifyBatchAnswer(BatchAnswer):
    """An item for each pair, in their order."""

    items: list[VerifyItem]


class PairReasons(BaseModel):
    """Why no rate is vouched for with a pair of the columns."""

    pair: int = Field(description="Which pair, from 0.")
    reasons: list[DoubtAnswer]


class PairProblem(BaseModel):
    """Why a pair of the columns was not scored."""

    pair: int = Field(description="Which pair, from 0.")
    status: int = Field(description="What /verify would have answered.")
    problem: Problem


class VerifyColumnsAnswer(BatchAnswer):
    """Pairs of embeddings that were sent as bytes: in each column a value for each pair, in their order.

    A pair that was not scored has null in every column, and its problem among `problems`. These answers are not signed.
    """

    decision: list[Decision | None]
    score: list[float | None]
    similarity: list[float | None]
    threshold: list[float | None]
    fmr_at_score: list[float | None]
    evidence: list[float | None]
    method: str
    operating_point: str | None
    no_decision_reason: str | None = Field(description="Why no pair has a decision; null where they have.")
    reasons: list[PairReasons] = Field(description="Of the pairs with a face that is doubted.")
    problems: list[PairProblem] = Field(description="Of the pairs that were not scored.")


class EmbedBatchAnswer(BatchAnswer):
    """An item for each face, in their order."""

    items: list[EmbedItem]
