"""What the administration is answered."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from service.activation.loading import LoadedSnapshot
from service.scoring.parameters import Parameters
from service.store.records import ReplicaReport

AnchorSetState = Literal["active", "available", "built_in"]


class AnchorSetEntry(BaseModel):
    """One anchor set that can be activated."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    id: str = Field(description="Digest of all that the anchor set holds, by its manifest.")
    state: AnchorSetState = Field(
        description="active in the store, available there, or built_in: that of the settings, not in the store."
    )
    served_here: bool = Field(description="Whether the replica that answers serves it now.")
    retained: bool = Field(
        description="Whether DELETE without allow_retained refuses it now. What is active or served stays anyway."
    )
    pushed_at: datetime | None = None
    last_generation: int | None = Field(default=None, description="The newest generation that it was active as.")
    anchors_digest: str | None = Field(default=None, description="Digest of the embeddings and the backbone.")
    backbone_id: str | None = None
    count: int | None = Field(default=None, description="Number of anchors.")
    dimension: int | None = None
    default_method: str | None = None
    parameters: Parameters | None = None
    parts: dict[str, int] | None = Field(default=None, description="Bytes of each part.")
    operating_points: dict[str, dict[str, float]] | None = Field(
        default=None, description="Thresholds by method and operating point; null where it was not calibrated."
    )
    provenance: dict[str, JsonValue] | None = None
    signed_by: str | None = Field(
        default=None, description="Who signed it, by a key of IDA_BUNDLE_KEYS; null where nobody did."
    )
    key_id: str | None = Field(
        default=None, description="The key that its signature names; null where it is not signed."
    )
    error: str | None = Field(default=None, description="Why it cannot be looked at; null where it can.")


class Check(BaseModel):
    """One thing that was checked, and held."""

    name: str
    detail: str


class ActivationResult(BaseModel):
    """What an activation changed, or would change."""

    previous: str | None
    current: str = Field(description="The id of the active one; of a dry run, the one that was checked.")
    generation: int = Field(description="The newest generation now.")
    changed: bool = Field(description="false where it was active already, and of a dry run.")
    dry_run: bool
    checks: list[Check]
    golden_drift: dict[str, float] = Field(
        description="By method, the largest change of a golden pair's score over the largest score."
    )
    crop_similarity: float = Field(description="Cosine of the synthetic crop's embedding here and when it was made.")
    seconds: dict[str, float] = Field(description="How long each step took, by name, and in total.")


def result_of(
    loaded: LoadedSnapshot,
    previous: str | None,
    generation: int,
    began: float,
    objections: tuple[str, ...],
    *,
    changed: bool,
    dry_run: bool,
) -> ActivationResult:
    """Return what is answered of a bundle that passed its checks.

    Args:
        loaded: the bundle.
        previous: the bundle that was active before.
        generation: the newest generation now.
        began: when it was asked for, by ``time.perf_counter``.
        objections: what requests lose by it, which was allowed.
        changed: whether a record was written.
        dry_run: whether it stopped before that.

    Raises:
        ValueError: if it is no bundle's snapshot.
    """
    snapshot, golden = loaded.snapshot, loaded.golden
    manifest, signer = snapshot.manifest, snapshot.signer
    if manifest is None or golden is None or snapshot.bundle_id is None:
        raise ValueError("only an anchor set can be activated")
    drift = max(golden.score_drift.values(), default=0.0)
    points = sum(len(found.points) for found in snapshot.calibrations.methods) if snapshot.calibrations else 0
    seconds = {**loaded.seconds, "total": time.perf_counter() - began}
    checks = [
        *([] if signer is None else [_check("signature", f"by {signer.name}, key {signer.key_id}")]),
        _check("parts", f"all {len(manifest.parts)} parts are what the manifest says"),
        _check("backbone", f"made for {manifest.backbone_id}, which is served"),
        _check("anchors", f"{manifest.count} of {manifest.dimension} values, finite and of unit norm"),
        _check("search", f"answers at k = {snapshot.parameters.k}"),
        _check("thresholds", f"{points} operating points, each where its curve has its false-match rate"),
        _check("decisions", f"fewer than now: {'; '.join(objections)}" if objections else "all that there were"),
        _check("golden pairs", f"{golden.pairs} pairs by {len(golden.score_drift)} methods, largest drift {drift:.3g}"),
        _check("synthetic crop", f"cosine {golden.crop_similarity:.6f} with the maker's embedding"),
    ]
    return ActivationResult(
        previous=previous,
        current=snapshot.bundle_id,
        generation=generation,
        changed=changed,
        dry_run=dry_run,
        checks=checks,
        golden_drift=dict(golden.score_drift),
        crop_similarity=golden.crop_similarity,
        seconds={step: round(taken, 4) for step, taken in seconds.items()},
    )


def _check(name: str, detail: str) -> Check:
    return Check(name=name, detail=detail)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of an upload.

    Attributes:
        created: whether it is new; False where the same was there already.
        mended: files of it that were damaged in the store, and are put right.
    """

    created: bool
    mended: tuple[str, ...]


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
