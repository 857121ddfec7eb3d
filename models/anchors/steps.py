"""What is done to the embeddings of an anchor set: near-duplicates dropped, what all share removed, the set thinned."""

from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
from pydantic import JsonValue

from models.anchors.rows import BLOCK, AnchorRows, SharedDirections, mean_of_sum, mean_pair_cosine, row_sum
from models.progress import Stage, Tick, silent, unstaged
from models.tool_errors import AnchorSourceInvalid
from service.arrays import Ints
from service.errors import TooFewAnchors

Shared = Literal["none", "mean", "principal"]

# Anchors looked at for one round of thinning, as a share of those that are left.
_ROUND = 0.01


@dataclass(frozen=True, slots=True)
class AnchorSteps:
    """What is done to the embeddings as a set, in this order.

    Attributes:
        duplicates: of two anchors at least this similar the later is dropped; None drops none.
        shared: what all anchors share and is removed: nothing, their mean, or their first principal directions.
        directions: how many principal directions.
        spread: the mean pair cosine that the set is thinned to; None thins nothing.
    """

    duplicates: float | None = None
    shared: Shared = "none"
    directions: int = 1
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class SetReport:
    """What the steps did.

    Attributes:
        given: anchors before the first step.
        near_duplicates: anchors dropped as near-duplicates.
        shared_share: the part of the embeddings' squared length that was removed as shared.
        thinned: anchors dropped to spread the set.
        mean_pair_cosine_given: before the first step.
        mean_pair_cosine: after the last one.
    """

    given: int
    near_duplicates: int
    shared_share: float
    thinned: int
    mean_pair_cosine_given: float
    mean_pair_cosine: float

    def as_json(self, steps: AnchorSteps) -> dict[str, JsonValue]:
        """Return the report and what was asked for, for the bundle's provenance."""
        # Rounded, since the last digits depend on the processor and would give the bundle another id.
        done = {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(self).items()}
        return {"asked": asdict(steps), **done}


def shape_set(
    anchors: AnchorRows, steps: AnchorSteps, *, least: int, stage: Stage = unstaged
) -> tuple[AnchorRows, SetReport]:
    """Return the anchors that remain, and what was done.

    Args:
        anchors: the set as it was embedded.
        steps: what is done.
        least: anchors that must remain.
        stage: told how far each step is.

    Raises:
        TooFewAnchors: if fewer remain.
        AnchorSourceInvalid: if an anchor has nothing beside what all share.
    """
    given, crowded = len(anchors), mean_pair_cosine(anchors)
    if steps.duplicates is not None:
        anchors = anchors.keeping(distinct(anchors, steps.duplicates, stage("dropping near-duplicates")))
    duplicates = given - len(anchors)
    if len(anchors) < least:
        raise TooFewAnchors(
            f"Of {given} anchors {duplicates} are near-duplicates of others, and {least} or more must remain: use "
            "other images, or a higher --duplicates."
        )
    shared = shared_directions(anchors, steps.shared, steps.directions)
    anchors = replace(anchors, shared=shared)
    left = len(anchors)
    if steps.spread is not None:
        anchors = anchors.keeping(thinned(anchors, steps.spread, least=least, tick=stage("thinning")))
    report = SetReport(
        given=given,
        near_duplicates=duplicates,
        shared_share=0.0 if shared is None else shared.share,
        thinned=left - len(anchors),
        mean_pair_cosine_given=crowded,
        mean_pair_cosine=mean_pair_cosine(anchors),
    )
    return anchors, report


def distinct(anchors: AnchorRows, threshold: float, tick: Tick = silent) -> Ints:
    """Return the positions of the anchors that remain when near-duplicates are dropped: of each two the later one.

    Args:
        anchors: the set.
        threshold: a similarity of this or more makes a near-duplicate.
        tick: told the share done.
    """
    count = len(anchors)
    kept = np.ones(count, dtype=bool)
    starts = range(0, count, BLOCK)
    total = len(starts) * (len(starts) + 1) / 2
    done = 0
    for start in starts:
        rows = anchors.rows(slice(start, start + BLOCK))
        mine = kept[start : start + BLOCK]
        for earlier in range(0, start, BLOCK):
            others = anchors.rows(slice(earlier, earlier + BLOCK))[kept[earlier : earlier + BLOCK]]
            mine &= ~np.any(rows @ others.T >= threshold, axis=1)
            done += 1
            tick(done / total)
        near = np.tril(rows @ rows.T >= threshold, -1)
        for row in np.flatnonzero(near.any(axis=1)):
            # In their order, since a dropped anchor must not drop another one.
            if mine[row]:
                mine[row] = not np.any(near[row] & mine)
        done += 1
        tick(done / total)
    return np.flatnonzero(kept)


def shared_directions(anchors: AnchorRows, shared: Shared, directions: int = 1) -> SharedDirections | None:
    """Return what a set shares: its mean, or its first principal directions (about the origin); None for "none".

    Raises:
        AnchorSourceInvalid: if there are as many directions as dimensions.
    """
    if shared == "none":
        return None
    dimension = anchors.stored.shape[1]
    nothing = np.zeros((0, dimension), np.float32)
    if shared == "mean":
        mean = row_sum(anchors) / len(anchors)
        return SharedDirections(mean.astype(np.float32), nothing, float(mean @ mean))
    if not 1 <= directions < dimension:
        raise AnchorSourceInvalid(f"From 1 to {dimension - 1} directions can be removed, not {directions}.")
    moment = np.zeros((dimension, dimension))
    for block in anchors.blocks():
        moment += block.T.astype(np.float64) @ block
    values, vectors = np.linalg.eigh(moment / len(anchors))
    share = float(np.sum(values[-directions:]) / np.sum(values))
    chosen = np.ascontiguousarray(vectors[:, : -directions - 1 : -1].T, dtype=np.float32)
    return SharedDirections(np.zeros(dimension, np.float32), chosen, share)


def thinned(anchors: AnchorRows, target: float, *, least: int, tick: Tick = silent) -> Ints:
    """Return the positions of the anchors that remain when the most crowded are dropped until the set is as spread.

    The one whose mean similarity to all others is highest goes first.

    Args:
        anchors: the set.
        target: the mean pair cosine that is reached, or passed by less than one anchor's part.
        least: anchors that must remain.
        tick: told the share done, as far as it can be known.

    Raises:
        TooFewAnchors: if the target is not reached with as many.
    """
    remaining = np.arange(len(anchors))
    total = row_sum(anchors)
    first = now = mean_of_sum(total, len(remaining))
    while now > target:
        likeness = np.concatenate([block @ total.astype(np.float32) for block in anchors.keeping(remaining).blocks()])
        size = max(1, int(_ROUND * len(remaining)))
        # Stable, so that of equally crowded anchors the first goes first.
        crowded = np.argsort(-likeness, kind="stable")[:size]
        dropped = 0
        for row in anchors.rows(remaining[crowded]).astype(np.float64):
            if now <= target:
                break
            if len(remaining) - dropped <= least:
                raise TooFewAnchors(
                    f"With {least} anchors left their mean pair cosine is {now:.3f}, and {target} was asked for: use "
                    "more or other images, remove the shared direction, or ask for less spread."
                )
            total -= row
            dropped += 1
            now = mean_of_sum(total, len(remaining) - dropped)
        remaining = np.delete(remaining, crowded[:dropped])
        tick(min(1.0, (first - now) / (first - target)))
    return remaining
