"""What is found when an anchor set is looked at, alone or against real faces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from models.anchors.inspection.geometry import Geometry, geometry
from models.anchors.inspection.neighbours import Neighbours, neighbours_of_anchors, neighbours_of_faces
from models.anchors.inspection.probes import Probes
from models.progress import Stage, unstaged
from service.arrays import Floats, Floats64
from service.bundle.anchors_part import Anchors
from service.scoring.parameters import Parameters
from service.search.search import Search

DUPLICATE_LEVELS = (0.9, 0.95, 0.99)
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
# A probe is covered if its nearest anchor is no farther than what all but this share of anchors have nearest.
_UNCOVERED_SHARE = 5
_SAMPLE = 20_000
_SHOWN_COLLISIONS = 20


@dataclass(frozen=True, slots=True)
class Collision:
    """An anchor so similar to a probe that it may be taken for the same person.

    Attributes:
        probe: the probe's name.
        anchor: the anchor's row.
        similarity: of the two.
    """

    probe: str
    anchor: int
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class ProbeFindings:
    """An anchor set against real faces.

    Attributes:
        count: number of probes.
        without_face: pictures that gave none.
        unreadable: a sentence about those that could not be read; "" where there are none.
        geometry: how the probes themselves lie on the sphere.
        neighbours: the anchors nearest to each.
        crowding: (n,) float64, how crowded each one's neighbourhood is.
        covered: share whose nearest anchor is as near as anchors have theirs.
        used: share of the anchors that are in the support set of one probe at least.
        used_by_chance: what that share would be if support sets were drawn by lot.
        colliding: probes with an anchor at or above the guard.
        collisions: those probes and their nearest anchor, most similar first, as many as are shown.
    """

    count: int
    without_face: int
    unreadable: str
    geometry: Geometry
    neighbours: Neighbours
    crowding: Floats64
    covered: float
    used: float
    used_by_chance: float
    colliding: int
    collisions: Sequence[Collision]


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What an anchor set looks like.

    Attributes:
        bundle_id: the bundle it is from.
        count: number of anchors.
        parameters: k and tau of what is said of crowding.
        guard: similarity from which an anchor may be taken for a probe's own person.
        geometry: how the anchors lie on the sphere.
        looked_at: number of anchors whose neighbours were searched, a random part of a large set.
        neighbours: the other anchors nearest to each of those.
        crowding: (m,) float64, how crowded each one's neighbourhood is.
        duplicates: share of the anchors with another at least this similar, by that similarity.
        probes: the set against real faces; None where there are none.
    """

    bundle_id: str
    count: int
    parameters: Parameters
    guard: float
    geometry: Geometry
    looked_at: int
    neighbours: Neighbours
    crowding: Floats64
    duplicates: dict[float, float]
    probes: ProbeFindings | None

    def as_json(self) -> dict[str, JsonValue]:
        """Return everything but the single anchors, for JSON."""
        found: dict[str, JsonValue] = {
            "anchor_set_id": self.bundle_id,
            "anchors": self.count,
            "k": self.parameters.k,
            "tau": self.parameters.tau,
            "mean_pair_cosine": self.geometry.mean_pair_cosine,
            "effective_dimension": self.geometry.effective_dimension,
            "looked_at": self.looked_at,
            "near_duplicates": {f"{level:g}": share for level, share in self.duplicates.items()},
            "nearest_anchor": percentiles(self.neighbours.nearest),
            "crowding": percentiles(self.crowding),
            "similarity_by_rank": by_rank(self.neighbours),
        }
        if self.probes is not None:
            found["probes"] = _probes_json(self.probes, self.guard)
        return found


def inspect_anchors(
    bundle_id: str,
    anchors: Anchors,
    search: Search,
    parameters: Parameters,
    probes: Probes | None,
    *,
    guard: float,
    depth: int = 100,
    stage: Stage = unstaged,
) -> Findings:
    """Look at an anchor set of two anchors or more.

    Args:
        bundle_id: the bundle it is from.
        anchors: the set.
        search: the search in it.
        parameters: k and tau.
        probes: real faces; None for none.
        guard: similarity from which an anchor may be taken for a probe's own person.
        depth: anchors looked at for each face, at least k where there are as many.
        stage: told how far each stage is.

    Raises:
        DimensionMismatch, SearchFailed: as ``Search.search`` says.
    """
    depth = min(max(depth, parameters.k), len(anchors) - 1)
    chosen = np.arange(len(anchors))
    if len(chosen) > _SAMPLE:
        chosen = np.sort(np.random.default_rng(0).choice(len(anchors), _SAMPLE, replace=False))
    own = neighbours_of_anchors(search, anchors.embeddings, chosen, depth, stage("anchors against anchors"))
    return Findings(
        bundle_id=bundle_id,
        count=len(anchors),
        parameters=parameters,
        guard=guard,
        geometry=geometry(anchors.embeddings),
        looked_at=len(chosen),
        neighbours=own,
        crowding=own.crowding(parameters.k, parameters.tau),
        duplicates={level: float(np.mean(own.nearest >= level)) for level in DUPLICATE_LEVELS},
        probes=None if probes is None else _against(probes, own, len(anchors), search, parameters, guard, depth, stage),
    )


def _against(
    probes: Probes,
    own: Neighbours,
    anchors: int,
    search: Search,
    parameters: Parameters,
    guard: float,
    depth: int,
    stage: Stage,
) -> ProbeFindings:
    found = neighbours_of_faces(search, probes.embeddings, depth, stage("probes against anchors"))
    near = np.flatnonzero(found.nearest >= guard)
    nearest_first = near[np.argsort(-found.nearest[near], kind="stable")][:_SHOWN_COLLISIONS]
    count, k = len(probes.embeddings), min(parameters.k, depth)
    return ProbeFindings(
        count=count,
        without_face=probes.without_face,
        unreadable=probes.unreadable,
        geometry=geometry(probes.embeddings),
        neighbours=found,
        crowding=found.crowding(parameters.k, parameters.tau),
        covered=float(np.mean(found.nearest >= np.percentile(own.nearest, _UNCOVERED_SHARE))),
        used=len(np.unique(found.rows[:, :k])) / anchors,
        used_by_chance=float(-np.expm1(count * np.log1p(-k / anchors))) if k < anchors else 1.0,
        colliding=len(near),
        collisions=tuple(
            Collision(probes.names[face], int(found.rows[face, 0]), float(found.nearest[face]))
            for face in nearest_first
        ),
    )


def percentiles(values: Floats) -> dict[str, JsonValue]:
    """Return percentiles of values, by name."""
    return dict(zip([f"p{p}" for p in PERCENTILES], np.percentile(values, PERCENTILES).tolist(), strict=True))


def by_rank(neighbours: Neighbours) -> dict[str, JsonValue]:
    """Return, for each rank from the nearest on, the mean similarity and its 10th and 90th percentile."""
    low, high = np.percentile(neighbours.similarities, (10, 90), axis=0)
    mean = neighbours.similarities.mean(axis=0)
    return {"mean": mean.tolist(), "p10": low.tolist(), "p90": high.tolist()}


def _probes_json(probes: ProbeFindings, guard: float) -> dict[str, JsonValue]:
    return {
        "probes": probes.count,
        "without_face": probes.without_face,
        "unreadable": probes.unreadable,
        "mean_pair_cosine": probes.geometry.mean_pair_cosine,
        "effective_dimension": probes.geometry.effective_dimension,
        "nearest_anchor": percentiles(probes.neighbours.nearest),
        "covered": probes.covered,
        "anchors_used": probes.used,
        "anchors_used_by_chance": probes.used_by_chance,
        "guard": guard,
        "colliding": probes.colliding,
        "collisions": [
            {"probe": hit.probe, "anchor": hit.anchor, "similarity": hit.similarity} for hit in probes.collisions
        ],
        "crowding": percentiles(probes.crowding),
        "similarity_by_rank": by_rank(probes.neighbours),
    }
