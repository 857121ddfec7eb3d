"""Scores of all pairs among many faces, by blocks: every mated one, and the highest of the non-mated.

It decides nothing: what is read from the scores (rates, thresholds, intervals) is computed elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.labelled.pairs.tally import Histogram, Scored, TopScores
from models.progress import Tick, silent
from service.arrays import Bools, Floats, Floats32, Floats64, Ints
from service.scoring.methods import Method
from service.scoring.parameters import Parameters
from service.scoring.similarity import require_unit
from service.scoring.terms import FaceTerms

DEFAULT_BLOCK = 2048
# Faces whose pairs tell, beforehand, the range that the histogram spans.
_SAMPLE = 500
# Given pairs scored at a time.
_PAIRS = 50_000
DEFAULT_BINS = 4096
# Enough for every rate up to 1e-2, also where a bootstrap's weights move it, without holding all pairs.
DEFAULT_KEEP_SHARE = 0.03
_LEAST_KEEP = 100_000


class BlockScorer:
    """Scores any pairs among n faces with one method, on the scale of ``Method.combine``. Never changes.

    On that scale a DAO score is its logarithm: the order of the pairs is the same, and no tau leaves float32.
    """

    def __init__(self, embeddings: Floats, method: Method, terms: FaceTerms | None, parameters: Parameters) -> None:
        """Take n faces.

        Args:
            embeddings: (n, d), unit norm.
            method: the method.
            terms: of the n faces; None where the method needs none.
            parameters: those that gave the terms.

        Raises:
            InvalidEmbedding: if an embedding has another norm, so that no cosine above 1 is ever counted.
        """
        self.embeddings: Floats32 = np.ascontiguousarray(embeddings, dtype=np.float32)
        require_unit(self.embeddings)
        self.method = method
        self.parameters = parameters
        self._terms = (terms or FaceTerms()).map(lambda term: np.asarray(term, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.embeddings)

    def subset(self, faces: Ints) -> "BlockScorer":
        """Return the scorer of some of the faces, in the order of ``faces`` (m,)."""
        return BlockScorer(
            self.embeddings[faces], self.method, self._terms.map(lambda term: term[faces]), self.parameters
        )

    def block(self, rows: slice, columns: slice) -> Floats32:
        """Return the scores of all pairs of two runs of faces, (r, c) float32."""
        similarity = self.embeddings[rows] @ self.embeddings[columns].T
        probe = self._terms.map(lambda term: term[rows, None])
        reference = self._terms.map(lambda term: term[None, columns])
        scores: Floats32 = self.method.combine(similarity, probe, reference, self.parameters).astype(
            np.float32, copy=False
        )
        return scores

    def pairs(self, first: Ints, second: Ints) -> Floats32:
        """Return the scores of given pairs of faces, (m,) float32."""
        scores = np.empty(len(first), np.float32)
        for start in range(0, len(first), _PAIRS):
            i, j = first[start : start + _PAIRS], second[start : start + _PAIRS]
            similarity = np.einsum("nd,nd->n", self.embeddings[i], self.embeddings[j])
            probe, reference = self._terms.map(lambda term, i=i: term[i]), self._terms.map(lambda term, j=j: term[j])  # type: ignore[misc]
            scores[start : start + _PAIRS] = self.method.combine(similarity, probe, reference, self.parameters)
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class ExcludedPairs:
    """Pairs that count neither as mated nor as non-mated.

    Attributes:
        faces: (e, 2) int64, pairs of faces by their rows.
        identities: (f, 2) int64, pairs of identities: all pairs of a face of one and a face of the other.
    """

    faces: Ints
    identities: Ints

    @classmethod
    def none(cls) -> "ExcludedPairs":
        """Return no pairs."""
        return cls(np.empty((0, 2), np.int64), np.empty((0, 2), np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """What all pairs of a set of faces score.

    Attributes:
        mated: every mated pair, in no promised order of scores.
        top: the highest non-mated pairs, their scores in descending order.
        non_mated_count: number of non-mated pairs.
        edges: (b + 1,) float64, edges of the histograms' bins; the first and last bin also hold what lies beyond.
        mated_histogram: (b,) int64, mated pairs by score.
        non_mated_histogram: (b,) int64, all non-mated pairs by score.
    """

    mated: Scored
    top: Scored
    non_mated_count: int
    edges: Floats64
    mated_histogram: Ints
    non_mated_histogram: Ints


def mated_pairs(identities: Ints) -> tuple[Ints, Ints]:
    """Return all pairs of different faces of the same identity.

    Args:
        identities: (n,) int64.

    Returns:
        Rows (m,) int64 of the one and of the other face, the first below the second.
    """
    order = np.argsort(identities, kind="stable")
    _, starts, counts = np.unique(identities[order], return_index=True, return_counts=True)
    firsts, seconds = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for faces in np.unique(counts):
        i, j = np.triu_indices(faces, 1)
        of_size = starts[counts == faces, None]
        firsts.append(order[of_size + i].ravel())
        seconds.append(order[of_size + j].ravel())
    return np.concatenate(firsts), np.concatenate(seconds)


def sweep(
    scorer: BlockScorer,
    identities: Ints,
    *,
    exclude: ExcludedPairs | None = None,
    keep: int | None = None,
    bins: int = DEFAULT_BINS,
    block: int = DEFAULT_BLOCK,
    between: tuple[slice, slice] | None = None,
    tick: Tick = silent,
) -> Sweep:
    """Score all pairs of different faces, or those of two runs of them.

    Memory is bounded by the block size and by ``keep``, whatever the number of pairs.

    Args:
        scorer: the faces and the method.
        identities: (n,) int64, who each face is.
        exclude: pairs left out of everything.
        keep: how many of the highest non-mated pairs are kept; 3 % of all pairs, at least 100,000, by default.
        bins: of the histograms.
        block: faces a side of a block.
        between: two runs of faces, the same or the first before the second: only pairs of one face of each count, the
            mated ones aside, which are those of all faces. None for all pairs.
        tick: told the share done, from 0 to 1.
    """
    faces = len(scorer)
    excluded = _excluded_keys(identities, exclude or ExcludedPairs.none())
    first, second = mated_pairs(identities)
    counted = ~np.isin(first * faces + second, excluded)
    first, second = first[counted], second[counted]
    mated = Scored(scorer.pairs(first, second), first, second)
    runs = between or (slice(0, faces), slice(0, faces))
    total = _pairs_between(*runs)
    top = TopScores(max(_LEAST_KEEP, int(DEFAULT_KEEP_SHARE * total)) if keep is None else keep)
    histogram = Histogram(_range(scorer, mated.scores), bins)
    done = 0
    for rows, columns in _blocks(*runs, block):
        scores = scorer.block(rows, columns)
        absent = _absent(rows, columns, identities, excluded, faces)
        if absent is not None:
            scores = np.where(absent, np.float32(-np.inf), scores)
        histogram.add(scores, 0 if absent is None else int(np.count_nonzero(absent)))
        top.add(scores, rows.start, columns.start)
        done += (rows.stop - rows.start) * (columns.stop - columns.start)
        tick(min(1.0, done / max(1, total)))
    return Sweep(
        mated=mated,
        top=top.result(),
        non_mated_count=int(histogram.counts.sum()),
        edges=histogram.edges,
        mated_histogram=Histogram((histogram.edges[0], histogram.edges[-1]), bins).add(mated.scores, 0),
        non_mated_histogram=histogram.counts,
    )


def _pairs_between(one: slice, other: slice) -> int:
    faces: int = one.stop - one.start
    against: int = other.stop - other.start
    return faces * (faces - 1) // 2 if one == other else faces * against


def _blocks(one: slice, other: slice, block: int) -> Iterator[tuple[slice, slice]]:
    """Give the blocks that hold every pair of two runs once; those on the diagonal hold some twice."""
    for row in range(one.start, one.stop, block):
        for column in range(other.start, other.stop, block):
            if one != other or column >= row:
                yield slice(row, min(row + block, one.stop)), slice(column, min(column + block, other.stop))


def excluded_pairs(identities: Ints, exclude: ExcludedPairs | None) -> tuple[Ints, Ints]:
    """Return the excluded pairs of faces, each once: rows (e,) int64 of the lower and of the higher face."""
    lower, higher = np.divmod(_excluded_keys(identities, exclude or ExcludedPairs.none()), max(1, len(identities)))
    return lower[lower != higher], higher[lower != higher]


def _excluded_keys(identities: Ints, exclude: ExcludedPairs) -> Ints:
    """Return the excluded pairs as sorted keys: the lower row times the number of faces, plus the higher."""
    pairs = [exclude.faces]
    for one, other in exclude.identities:
        i, j = np.flatnonzero(identities == one), np.flatnonzero(identities == other)
        pairs.append(np.stack(np.meshgrid(i, j, indexing="ij"), axis=-1).reshape(-1, 2))
    ordered = np.sort(np.concatenate(pairs), axis=1)
    return np.unique(ordered[:, 0] * len(identities) + ordered[:, 1])


def _absent(rows: slice, columns: slice, identities: Ints, excluded: Ints, faces: int) -> Bools | None:
    """Return which cells (r, c) of a block hold no non-mated pair; None where all of them do."""
    absent = identities[rows, None] == identities[None, columns]
    if rows == columns:
        absent |= np.tri(rows.stop - rows.start, dtype=bool)
    low, high = np.searchsorted(excluded, [rows.start * faces, rows.stop * faces])
    i, j = np.divmod(excluded[low:high], faces)
    inside = (j >= columns.start) & (j < columns.stop)
    absent[i[inside] - rows.start, j[inside] - columns.start] = True
    return absent if np.any(absent) else None


def _range(scorer: BlockScorer, mated: Floats32) -> tuple[float, float]:
    faces = len(scorer)
    drawn = np.sort(np.random.default_rng(0).permutation(faces)[:_SAMPLE])
    among = slice(0, len(drawn))
    one, other = np.triu_indices(len(drawn), 1)
    seen = np.concatenate([scorer.subset(drawn).block(among, among)[one, other], mated])
    if not len(seen):
        return 0.0, 1.0
    low, high = float(seen.min()), float(seen.max())
    margin = 0.25 * (high - low) + 1e-3
    return low - margin, high + margin
