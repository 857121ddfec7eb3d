"""What the store keeps besides bundles: which bundle was active when, and what each replica serves."""

import re
import secrets
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

BUNDLE_ID = re.compile(r"[0-9a-f]{16}")
BundleId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
ReplicaName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
Action = Literal["activate", "rollback"]


def now() -> datetime:
    """Return the time in UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Identity(_Record):
    """Which store it is.

    Attributes:
        format: version of the store's form.
        store_id: made by the first write.
    """

    format: int
    store_id: str = Field(max_length=128)


class Activation(_Record):
    """One change of what is active; written once, never updated.

    Attributes:
        generation: counts the activations of a store from 1.
        bundle_id: the bundle that became active.
        who: name of the token that asked for it.
        at: when.
        previous: the bundle that was active before; None where none was.
        action: whether it was chosen or gone back to.
        restores: of a rollback, the generation that was gone back to, 0 for the bundle of the settings; None of one
            that did not say so, and of what was chosen.
        allow_uncalibrated: whether a bundle is served although requests get no decisions by it. Records that do not
            say so are from before it was asked, and hold.
        nonce: tells this record from another writer's of the same generation.
    """

    generation: int = Field(ge=1)
    bundle_id: BundleId
    who: str = Field(max_length=256)
    at: AwareDatetime = Field(default_factory=now)
    previous: BundleId | None
    action: Action = "activate"
    restores: int | None = Field(default=None, ge=0)
    allow_uncalibrated: bool = True
    nonce: str = Field(default_factory=lambda: secrets.token_hex(8))


class ReplicaReport(_Record):
    """What one replica says of itself, for those who wait until all have followed.

    Attributes:
        replica: its name.
        at: when it said so.
        started: when it started.
        version: of the software.
        backbone_id: the backbone it serves.
        bundle_id: the bundle it serves; None where no anchor set is served.
        generation: the activation it serves; 0 where nothing was ever activated.
        lagging: whether a newer activation is known to it.
        store_id: the store that it follows.
        watch_interval: seconds between two looks at the store.
        failed_generation: the activation that it could not follow; None where there is none.
        failed_bundle_id: that activation's bundle.
        error_code: why not, by the failure's code.
        error: why not, in words.
    """

    replica: ReplicaName
    at: AwareDatetime = Field(default_factory=now)
    started: AwareDatetime
    version: str
    backbone_id: str
    bundle_id: BundleId | None
    generation: int = Field(ge=0)
    lagging: bool
    store_id: str | None
    watch_interval: float = Field(gt=0)
    failed_generation: int | None = None
    failed_bundle_id: str | None = None
    error_code: str | None = None
    error: str | None = None
