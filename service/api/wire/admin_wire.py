"""What the admin API takes and answers, as pydantic models."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.activation.outcomes import AnchorSetEntry


class ActivateRequest(BaseModel):
    """Which anchor set is to be active."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str = Field(pattern=r"^[0-9a-f]{16}$", description="Of the anchor set, as GET /admin/anchor-sets lists it.")
    expected_generation: int | None = Field(
        default=None,
        ge=0,
        description="The newest generation that you know: 412 where there is a newer one. Absent: whatever it is.",
    )
    dry_run: bool = Field(default=False, description="Load and check it, and change nothing.")
    allow_uncalibrated: bool = Field(
        default=False,
        description="Activate it although requests lose decisions or methods that they get now, or get no decision.",
    )


class RollbackRequest(BaseModel):
    """Go back to what was active before; every field may be absent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expected_generation: int | None = Field(default=None, ge=0, description="As for the activation.")
    to_generation: int | None = Field(
        default=None,
        ge=0,
        description="The generation to go back to; 0: the settings' anchor set. Absent: that before the active one.",
    )
    dry_run: bool = Field(default=False, description="As for the activation.")
    allow_uncalibrated: bool = Field(default=False, description="As for the activation.")


class AnchorSetsAnswer(BaseModel):
    """All anchor sets that can be activated."""

    generation: int = Field(description="The newest generation.")
    active: str | None = Field(description="The id of the active one; null while none was ever activated.")
    anchor_sets: list[AnchorSetEntry]


class UploadAnswer(BaseModel):
    """What became of an upload."""

    id: str
    created: bool = Field(description="false where the same was there already.")
    repaired: list[str] = Field(description="Files of it that were damaged in the store, and are put right.")


class RecordAnswer(BaseModel):
    """One activation."""

    generation: int
    anchor_set_id: str
    who: str
    at: datetime
    previous: str | None
    action: Literal["activate", "rollback"]
    restores: int | None = Field(description="Of a rollback, the generation gone back to; 0: that of the settings.")
    allow_uncalibrated: bool = Field(description="Whether it may be served although requests get no decisions by it.")


class HistoryAnswer(BaseModel):
    """Activations, the newest first."""

    activations: list[RecordAnswer]


class ReplicaAnswer(BaseModel):
    """What one replica last said of itself."""

    replica: str
    alive: bool = Field(description="Whether it said so lately enough.")
    seen_seconds_ago: float
    started: datetime
    version: str
    backbone_id: str
    anchor_set_id: str | None = Field(description="null where it serves none, but cosine alone.")
    generation: int
    lagging: bool
    store_id: str | None
    failed_generation: int | None = Field(description="The activation that it could not follow.")
    failed_anchor_set_id: str | None
    error_code: str | None
    error: str | None


class ReplicasAnswer(BaseModel):
    """All replicas that share the store."""

    generation: int = Field(description="The newest generation.")
    replicas: list[ReplicaAnswer]


class FailureAnswer(BaseModel):
    """An activation that a replica could not follow."""

    generation: int
    anchor_set_id: str | None = Field(description="null where the record cannot be read.")
    code: str
    message: str
    attempts: int


class StoreAnswer(BaseModel):
    """How the replica that answers stands to the store."""

    replica: str
    url: str = Field(description="Folder or URL, without credentials.")
    store_id: str | None = Field(description="null while nothing was ever written to it.")
    reachable: bool
    since: datetime = Field(description="Since when that is so.")
    error: str | None = Field(description="Why it cannot be reached; null where it can.")
    newest_generation: int
    last_error: FailureAnswer | None
