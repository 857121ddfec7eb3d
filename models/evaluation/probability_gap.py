"""The gap between probability and similarity (section 4.6): faces sure and unsure of their class, by their scores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.evaluation.systems import System, Variant, cosine_scorer, scorers
from models.labelled.pairs.resampling import WeightArray, interval
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.interval import Interval
from models.tool_errors import LabelsInvalid
from service.arrays import Floats32, Floats64, Ints
from service.scoring.methods import COSINE

DEFAULT_SCALE = 64.0
"""The scale of the logits in training by ArcFace and CosFace."""

# Shares of the faces in the order of their probability; what lies between and beyond them is left out.
_SEGMENTS = ((0.1, 0.3), (0.7, 0.9))
_BINS = 40
_LEAST_FACES = 50


@dataclass(frozen=True, slots=True)
class GapCurves:
    """The scores that faces of the two segments have with the centre of their own class.

    Attributes:
        label: what tables call the method.
        bundle: name of the bundle; None for the cosine.
        edges: of the bins, logarithms of the scores where the method's are.
        low: share of the faces of the lower segment by bin.
        high: share of those of the upper one.
        overlap: the area under both.
        closed: by how much less they overlap than by the cosine, people resampled; None for the cosine, and where
            nobody was resampled.
        overlap_interval: the overlap with its interval; None where nobody was resampled.
    """

    label: str
    bundle: str | None
    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    overlap: float
    closed: Interval | None = None
    overlap_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class ProbabilityGap:
    """How far apart two disjoint segments of probability are by each method's score.

    Attributes:
        scale: of the logits in the softmax.
        classes: people with two or more faces, each a class.
        faces: faces of those.
        segments: least and greatest probability of the lower and the upper segment.
        methods: the cosine first.
    """

    scale: float
    classes: int
    faces: int
    segments: tuple[tuple[float, float], tuple[float, float]]
    methods: tuple[GapCurves, ...]


def probability_gap(
    embeddings: Floats32,
    norms: Floats32,
    identities: Ints,
    systems: Sequence[tuple[System, Sequence[Variant]]],
    *,
    scale: float,
    weights: WeightArray | None = None,
) -> ProbabilityGap:
    """Compare what a softmax over class centres says of faces with what pair scores say.

    A face's own class centre is the mean of the other faces of its person, so that no face vouches for itself.

    Args:
        embeddings: (n, d) float32, unit norm.
        norms: (n,) float32, lengths of what the backbone gave, 0 where one is not known.
        identities: (n,) int64, who each face is of; from 0 to u - 1 where people are resampled.
        systems: bundles, and the methods measured with each.
        scale: of the logits.
        weights: (b, u), how often each person is drawn; None to resample nobody.

    Raises:
        LabelsInvalid: if fewer than 50 faces are of people with two or more.
    """
    _, classes, counts = np.unique(identities, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(counts[classes] > 1)
    if len(rows) < _LEAST_FACES or len(set(classes[rows].tolist())) < 2:
        raise LabelsInvalid(
            f"The probability gap needs {_LEAST_FACES} faces or more of people with several, and there are {len(rows)}."
        )
    faces, (names, own) = embeddings[rows].astype(np.float64), np.unique(classes[rows], return_inverse=True)
    sums, norm_sums, sizes = np.zeros((len(names), faces.shape[1])), np.zeros(len(names)), np.bincount(own)
    np.add.at(sums, own, faces)
    np.add.at(norm_sums, own, norms[rows])
    others = _unit(sums[own] - faces)
    probability = own_probability(faces, own, _unit(sums), others, scale)
    order = np.argsort(probability, kind="stable")
    low, high = (order[int(start * len(order)) : int(end * len(order))] for start, end in _SEGMENTS)
    both = np.concatenate([low, high])
    # Each face, then the centre that it is compared with.
    compared = np.concatenate([faces[both], others[both]]).astype(np.float32)
    of_others = (norm_sums[own] - norms[rows]) / (sizes[own] - 1)
    lengths = np.concatenate([norms[rows][both], of_others[both]]).astype(np.float32)
    drawn = None if weights is None else weights[:, identities[rows][both]].astype(np.float64)
    reference = _scores(cosine_scorer(compared))
    curves = [_curves(COSINE, None, reference, len(low))]
    if drawn is not None:
        ends = map(float, interval(_overlaps(reference, len(low), drawn)))
        curves[0] = replace(curves[0], overlap_interval=Interval(curves[0].overlap, *ends))
    for system, wanted in systems:
        built = scorers(compared, lengths, system, wanted)
        for variant, scorer in zip(wanted, built, strict=True):
            scores = _scores(scorer)
            found = _curves(variant.label, system.name, scores, len(low))
            closed = None if drawn is None else _closed(reference, scores, len(low), drawn)
            curves.append(replace(found, closed=closed))
    segments = tuple((float(probability[s].min()), float(probability[s].max())) for s in (low, high))
    return ProbabilityGap(scale, len(names), len(rows), (segments[0], segments[1]), tuple(curves))


def own_probability(faces: Floats64, own: Ints, centres: Floats64, others: Floats64, scale: float) -> Floats64:
    """Return the softmax probability of each face's own class.

    Args:
        faces: (n, d), unit norm.
        own: (n,), the class of each face.
        centres: (m, d), unit norm, the centre of each class.
        others: (n, d), unit norm, the centre of a face's own class without the face.
        scale: of the logits.

    Returns:
        (n,) float64 in [0, 1].
    """
    found = np.empty(len(faces))
    for block in _blocks(len(faces)):
        logits = scale * (faces[block] @ centres.T)
        mine = scale * np.sum(faces[block] * others[block], axis=1)
        logits[np.arange(len(mine)), own[block]] = mine
        largest = logits.max(axis=1)
        # p_y = exp(s cos_y) / sum_j exp(s cos_j), the largest logit taken out so that no scale overflows.
        found[block] = np.exp(mine - largest) / np.exp(logits - largest[:, None]).sum(axis=1)
    return found


def _scores(scorer: BlockScorer) -> Floats64:
    """Return the score of each face with the centre that follows the faces."""
    count = len(scorer) // 2
    return scorer.pairs(np.arange(count), np.arange(count, 2 * count)).astype(np.float64)


def _closed(cosine: Floats64, method: Floats64, of_low: int, drawn: Floats64) -> Interval:
    """Return the cosine's overlap less the method's, faces weighing as often as their person is drawn (b, n)."""
    every = np.ones((1, drawn.shape[1]))
    value = float((_overlaps(cosine, of_low, every) - _overlaps(method, of_low, every))[0])
    low, high = interval(_overlaps(cosine, of_low, drawn) - _overlaps(method, of_low, drawn))
    return Interval(value, float(low), float(high))


def _overlaps(scores: Floats64, of_low: int, drawn: Floats64) -> Floats64:
    """Return the overlap (b,) of both segments' histograms in each replicate."""
    edges = np.histogram_bin_edges(scores, bins=_BINS)
    inside = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, _BINS - 1)
    member = np.zeros((len(scores), _BINS))
    member[np.arange(len(scores)), inside] = 1.0
    shares = []
    for part in (slice(0, of_low), slice(of_low, len(scores))):
        counts = drawn[:, part] @ member[part]
        shares.append(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0))
    overlaps: Floats64 = np.minimum(*shares).sum(axis=1)
    return overlaps


def _curves(label: str, bundle: str | None, scores: Floats64, of_low: int) -> GapCurves:
    edges = np.histogram_bin_edges(scores, bins=_BINS)
    low, high = (np.histogram(part, edges)[0] / len(part) for part in (scores[:of_low], scores[of_low:]))
    overlap = float(np.minimum(low, high).sum())
    return GapCurves(label, bundle, tuple(edges.tolist()), tuple(low.tolist()), tuple(high.tolist()), overlap)


def _unit(rows: Floats64) -> Floats64:
    unit: Floats64 = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def _blocks(count: int, size: int = 4096) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
