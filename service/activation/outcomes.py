"""What the administration is answered."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from service.activation.loading import LoadedSnapshot
from service.scoring.parameters import Parameters
from service.store.records import ReplicaReport

AnchorSetState = Literal["active", "available", "built_in"]


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
        anchors_digest: digest of its anchors.
        backbone_id: the backbone that it was made for.
        count: number of anchors.
        dimension: values of one embedding.
        default_method: the method of a request that names none.
        parameters: k, tau, strength and the others.
        parts: size of each part in bytes, by name.
        provenance: where the anchors came from.
        operating_points: by method, the names of its operating points and their thresholds; None where not known.
        error: why it could not be looked at; None where it could.
        signed_by: who signed it, by a key that is trusted here; None where nobody did.
        key_id: the key that its signature names; None where it is not signed.
    """

    id: str
    state: AnchorSetState
    is_served: bool
    is_retained: bool
    pushed_at: datetime | None
    last_activation: int | None
    anchors_digest: str | None = None
    backbone_id: str | None = None
    count: int | None = None
    dimension: int | None = None
    default_method: str | None = None
    parameters: Parameters | None = None
    parts: dict[str, int] | None = None
    provenance: dict[str, Any] | None = None
    operating_points: dict[str, dict[str, float]] | None = None
    error: str | None = None
    signed_by: str | None = None
    key_id: str | None = None


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
        crop_similarity: cosine of the synthetic crop's embedding here and when the anchor set was made.
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


def result_of(
    loaded: LoadedSnapshot,
    previous: str | None,
    generation: int,
    began: float,
    objections: tuple[str, ...],
    *,
    is_changed: bool,
    is_dry_run: bool,
) -> ActivationResult:
    """Return what is answered of a bundle that passed its checks.

    Args:
        loaded: the bundle.
        previous: the bundle that was active before.
        generation: the newest generation now.
        began: when it was asked for, by ``time.perf_counter``.
        objections: what requests lose by it, which was allowed.
        is_changed: whether a record was written.
        is_dry_run: whether it stopped before that.
    """
    snapshot, golden = loaded.snapshot, loaded.golden
    manifest, signer = snapshot.manifest, snapshot.signer
    drift = max(golden.score_drift.values(), default=0.0)
    points = sum(len(found.points) for found in snapshot.calibrations.methods) if snapshot.calibrations else 0
    checks = (
        *([] if signer is None else [Check("signature", f"by {signer.name}, key {signer.key_id}")]),
        Check("parts", f"all {len(manifest.parts)} parts are what the manifest says"),
        Check("backbone", f"made for {manifest.backbone_id}, which is served"),
        Check("anchors", f"{manifest.count} of {manifest.dimension} values, finite and of unit norm"),
        Check("search", f"answers at k = {snapshot.parameters.k}"),
        Check("thresholds", f"{points} operating points, each where its curve has its false-match rate"),
        Check("decisions", f"fewer than now: {'; '.join(objections)}" if objections else "all that there were"),
        Check("golden pairs", f"{golden.pairs} pairs by {len(golden.score_drift)} methods, largest drift {drift:.3g}"),
        Check("synthetic crop", f"cosine {golden.crop_similarity:.6f} with the maker's embedding"),
    )
    return ActivationResult(
        previous=previous,
        current=snapshot.bundle_id,
        generation=generation,
        is_changed=is_changed,
        is_dry_run=is_dry_run,
        checks=checks,
        golden_drift=dict(golden.score_drift),
        crop_similarity=golden.crop_similarity,
        seconds={**loaded.seconds, "total": time.perf_counter() - began},
    )


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
