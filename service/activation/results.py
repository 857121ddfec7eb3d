"""What the administration is answered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from service.store.records import ReplicaReport

State = Literal["active", "available", "built_in"]


@dataclass(frozen=True, slots=True)
class AnchorSetEntry:
    """One bundle that can be activated.

    Attributes:
        id: its bundle_id, which is the digest of all it holds.
        state: ``active`` in the store, ``available`` there, or ``built_in``: that of the settings, not in the store.
        is_served: whether this replica serves it now.
        is_retained: whether it cannot be deleted now.
        pushed_at: when it came into the store; None where it is not there.
        last_activation: the newest generation that it was active as; None where it never was.
        anchor_set_id: digest of its anchors.
        backbone_id: the backbone that it was made for.
        count: number of anchors.
        dimension: values of one embedding.
        default_method: the method of a request that names none.
        parameters: k, tau, strength and the others.
        parts: size of each part in bytes, by name.
        provenance: where the anchors came from.
        operating_points: by method, the names of its operating points and their thresholds; None where not known.
        error: why it could not be looked at; None where it could.
    """

    id: str
    state: State
    is_served: bool
    is_retained: bool
    pushed_at: datetime | None
    last_activation: int | None
    anchor_set_id: str | None = None
    backbone_id: str | None = None
    count: int | None = None
    dimension: int | None = None
    default_method: str | None = None
    parameters: dict[str, Any] | None = None
    parts: dict[str, int] | None = None
    provenance: dict[str, Any] | None = None
    operating_points: dict[str, dict[str, float]] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked before a bundle was put in force.

    Attributes:
        name: what.
        detail: what was found.
    """

    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class ActivationResult:
    """What an activation did, or a dry run would do.

    Attributes:
        previous: the bundle that was active before; None where none was.
        current: the bundle that is active now; of a dry run, the one that was looked at.
        generation: the newest generation now.
        is_changed: whether a record was written.
        is_dry_run: whether it stopped before that.
        checks: what was checked; all of it held.
        golden_drift: by method, the largest change of a golden pair's score over the largest score.
        crop_similarity: cosine of the synthetic crop's embedding here and when the bundle was made.
        seconds: how long each step took, by name, and in total.
    """

    previous: str | None
    current: str
    generation: int
    is_changed: bool
    is_dry_run: bool
    checks: tuple[Check, ...]
    golden_drift: dict[str, float]
    crop_similarity: float
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """What a replica last said of itself.

    Attributes:
        report: that.
        seen_seconds_ago: how long ago.
        is_alive: whether that is recent enough for its interval.
    """

    report: ReplicaReport
    seen_seconds_ago: float
    is_alive: bool
