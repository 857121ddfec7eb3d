"""What the batch endpoints take and answer, as pydantic models."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Tag, model_validator

from service.api.wire.verify_wire import (
    ONE_PICTURE,
    SEVERAL_PICTURES,
    AnchorSetAnswer,
    BasicVerifyAnswer,
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


class EmbedBatchAnswer(BatchAnswer):
    """An item for each face, in their order."""

    items: list[EmbedItem]
