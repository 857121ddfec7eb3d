"""The similarities of faces to all anchors in descending order: the shape of the paper's Fig. 3."""

from dataclasses import dataclass

import numpy as np

from models.evaluation.systems import System
from models.labelled.comparable import Comparable
from models.labelled.pairs.resampling import WeightArray, share_interval
from models.labelled.rates.interval import Interval
from service.arrays import Floats64

NEAREST = 0.01
"""Share of the anchors that count as the nearest."""
# As many faces as the paper draws.
_FACES = 500
_BLOCK = 50
_POINTS = 48


@dataclass(frozen=True, slots=True)
class Descent:
    """How the similarities of faces to the anchors of a bundle fall.

    Attributes:
        bundle: name of the bundle.
        faces: how many faces were drawn.
        anchors: how many anchors there are.
        ranks: places in the descending order, from 1.
        mean: mean similarity over the faces at each.
        lowest: the 5th percentile of the faces there.
        highest: the 95th.
        nearest: share of the fall from the nearest anchor to the median one that the nearest hundredth of the anchors
            makes, the mean over faces, people resampled. A bell-shaped spread of similarities gives about a third.
    """

    bundle: str
    faces: int
    anchors: int
    ranks: tuple[int, ...]
    mean: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    nearest: Interval


def descent(found: Comparable, system: System, weights: WeightArray, seed: int) -> Descent:
    """Return how the similarities of some of the faces fall.

    Args:
        found: the faces.
        system: has the anchors.
        weights: (b, u), how often each person is drawn.
        seed: draws the faces.
    """
    anchors = system.bundle.anchors.embeddings
    rows = np.sort(np.random.default_rng(seed).permutation(len(found.rows))[:_FACES])
    last = len(anchors) - 1
    ranks = np.unique(np.geomspace(1, len(anchors), _POINTS).round().astype(np.int64))
    told = np.concatenate([ranks - 1, [0, round(NEAREST * last), last // 2]])
    curves = np.empty((len(rows), len(told)))
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        # Descending: the k-th highest similarity stands in column k - 1.
        falling = -np.sort(-(found.embeddings[rows[block]] @ anchors.T), axis=1)
        curves[block] = falling[:, told]
    first, near, middle = curves[:, -3], curves[:, -2], curves[:, -1]
    share = (first - near) / np.maximum(first - middle, 1e-9)
    low, high = np.quantile(curves[:, : len(ranks)], [0.05, 0.95], axis=0)
    return Descent(
        bundle=system.name,
        faces=len(rows),
        anchors=len(anchors),
        ranks=tuple(ranks.tolist()),
        mean=_floats(curves[:, : len(ranks)].mean(axis=0)),
        lowest=_floats(low),
        highest=_floats(high),
        nearest=_over_people(share, weights[:, found.identities[rows]].astype(np.float64)),
    )


def _over_people(shares: Floats64, drawn: Floats64) -> Interval:
    """Return the mean of the faces' shares (n,), each weighing as often as its person is drawn (b, n)."""
    low, high = share_interval(drawn @ shares, drawn.sum(axis=1))
    return Interval(float(shares.mean()), float(low), float(high))


def _floats(values: Floats64) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
