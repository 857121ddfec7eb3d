"""Scored pairs by the people in them: what rates, thresholds and their intervals are computed from."""

from dataclasses import dataclass

import numpy as np

from models.labelled.pairs.sweep import BlockScorer, ExcludedPairs, excluded_pairs, sweep
from models.labelled.pairs.tally import Scored
from models.progress import Tick, silent
from service.arrays import Bools, Floats, Floats64, Ints


@dataclass(frozen=True, slots=True, eq=False)
class NonMatedTotals:
    """How many non-mated pairs there are between which people.

    Attributes:
        faces: (u,) int64, faces of each person, all pairs of which are compared; zeros where pairs were given.
        people: (e, 2) int64, pairs of people with more or fewer comparisons than that.
        difference: (e,) int64, how many more; below 0 for pairs left out.
        others: (u,) int64, other faces of each person, where every face of the one kind is compared with every one of
            the other kind; None where there is one kind.
    """

    faces: Ints
    people: Ints
    difference: Ints
    others: Ints | None = None

    @property
    def pairs(self) -> int:
        """Number of non-mated pairs of faces."""
        return round(float(self.weigh(np.ones((1, len(self.faces))))[0]))

    @property
    def identity_pairs(self) -> int:
        """Number of pairs of people that are compared at least once."""
        one, other = self.people.T
        if self.others is None:
            present = int(np.count_nonzero(self.faces))
            compared, changed = present * (present - 1) // 2, self.faces[one] * self.faces[other]
        else:
            first, second = self.faces > 0, self.others > 0
            both = int(np.count_nonzero(first & second))
            # Two people who have faces of both kinds would be counted twice.
            compared = int(first.sum()) * int(second.sum()) - both - both * (both - 1) // 2
            changed = self.faces[one] * self.others[other] + self.others[one] * self.faces[other]
        return (
            compared
            + int(np.count_nonzero((changed == 0) & (self.difference > 0)))
            - int(np.count_nonzero((changed > 0) & (changed + self.difference == 0)))
        )

    def of_people(self) -> Ints:
        """Return in how many non-mated pairs of faces each person is, (u,) int64."""
        others = self.faces if self.others is None else self.others
        pairs = self.faces * (np.sum(others) - others)
        if self.others is not None:
            pairs = pairs + self.others * (np.sum(self.faces) - self.faces)
        changed = np.zeros(len(self.faces), np.int64)
        np.add.at(changed, self.people.ravel(), np.repeat(self.difference, 2))
        found: Ints = pairs + changed
        return found

    def weigh(self, weights: Floats) -> Floats64:
        """Return the weight of all non-mated pairs, (b,) float64.

        Args:
            weights: (b, u), of each person; a pair of i and j weighs w_i * w_j, and no one meets himself.
        """
        weighted = weights.astype(np.float64) * self.faces
        if self.others is None:
            total: Floats64 = (np.sum(weighted, axis=1) ** 2 - np.sum(weighted**2, axis=1)) / 2
        else:
            against = weights.astype(np.float64) * self.others
            total = np.sum(weighted, axis=1) * np.sum(against, axis=1) - np.sum(weighted * against, axis=1)
        one, other = weights[:, self.people[:, 0]], weights[:, self.people[:, 1]]
        return total + (one.astype(np.float64) * other) @ self.difference


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """The scored pairs of one set of people with one method.

    Attributes:
        name: of the set.
        mated_scores: (m,) float64, in descending order.
        mated_person: (m,) int64, who each is of.
        failed: (u,) int64, mated pairs of each person lost because a face was not detected; they count as non-matches.
        top_scores: (t,) float64, the highest non-mated scores, in descending order.
        top_people: (t, 2) int64, who each is of.
        top_faces: (t, 2) int64, the rows of the faces.
        totals: how many non-mated pairs there are.
        edges: (b + 1,) float64, edges of the bins of all non-mated scores; the outer bins hold what lies beyond.
        histogram: (b,) int64, all non-mated pairs by score.
    """

    name: str
    mated_scores: Floats64
    mated_person: Ints
    failed: Ints
    top_scores: Floats64
    top_people: Ints
    top_faces: Ints
    totals: NonMatedTotals
    edges: Floats64
    histogram: Ints

    @property
    def people(self) -> int:
        """Number of people."""
        return len(self.failed)

    @property
    def non_mated(self) -> int:
        """Number of non-mated pairs."""
        return self.totals.pairs

    @property
    def mated(self) -> int:
        """Number of mated pairs, those that failed among them."""
        return len(self.mated_scores) + int(self.failed.sum())

    @property
    def people_with_mated_pairs(self) -> int:
        """Number of people who have a mated pair, failed or not."""
        return int(np.count_nonzero(np.bincount(self.mated_person, minlength=self.people) + self.failed))

    @property
    def complete_above(self) -> float:
        """The score above which every non-mated pair is among the top ones; minus infinity where all are kept."""
        if len(self.top_scores) >= self.non_mated:
            return -np.inf
        return float(self.top_scores[-1])

    def non_mated_at_least(self, scores: Floats64) -> Floats64:
        """Return how many non-mated pairs score at least so much, (s,) float64.

        Exact where all such pairs were kept, otherwise interpolated in the histogram.
        """
        exact = len(self.top_scores) - np.searchsorted(self.top_scores[::-1], scores, side="left")
        beyond = np.concatenate([np.cumsum(self.histogram[::-1])[::-1], [0]])
        binned = np.interp(scores, self.edges, beyond, left=beyond[0])
        # The top's lowest score may be shared with pairs that were not kept.
        return np.where(scores > self.complete_above, exact, np.maximum(binned, exact)).astype(np.float64)

    def mated_below(self, scores: Floats64) -> Ints:
        """Return how many mated pairs score less, (s,) int64, those that failed among them."""
        return self.mated - np.searchsorted(-self.mated_scores, -scores, side="right")


def compare_all(
    name: str,
    scorer: BlockScorer,
    identities: Ints,
    failed: Ints,
    *,
    exclude: ExcludedPairs | None = None,
    keep: int | None = None,
    tick: Tick = silent,
) -> Comparisons:
    """Compare all pairs of faces.

    Args:
        name: of the set.
        scorer: its n faces and the method.
        identities: (n,) int64, who each face is, from 0 to u - 1.
        failed: (u,) int64, mated pairs of each person lost for want of a detected face.
        exclude: pairs that count for nothing.
        keep: how many of the highest non-mated pairs are kept; see ``sweep``.
        tick: told the progress.
    """
    found = sweep(scorer, identities, exclude=exclude, keep=keep, tick=tick)
    first, second = excluded_pairs(identities, exclude)
    left_out = np.sort(np.stack([identities[first], identities[second]], axis=1), axis=1)
    people, count = np.unique(left_out[left_out[:, 0] != left_out[:, 1]], axis=0, return_counts=True)
    totals = NonMatedTotals(np.bincount(identities, minlength=len(failed)), people, -count)
    return _comparisons(
        name, found.mated, found.top, identities, failed, totals, found.edges, found.non_mated_histogram
    )


def compare_between(
    name: str,
    scorer: BlockScorer,
    identities: Ints,
    people: int,
    runs: tuple[slice, slice],
    *,
    exclude: ExcludedPairs | None = None,
    keep: int | None = None,
) -> Comparisons:
    """Compare one run of faces with another, or all pairs of one run.

    Args:
        name: of the set.
        scorer: its n faces and the method.
        identities: (n,) int64, who each face is.
        people: how many people there are, u; some may have no face.
        runs: both runs of faces, the same or the first before the second.
        exclude: pairs that count for nothing.
        keep: how many of the highest non-mated pairs are kept; see ``sweep``.

    No pair is said to have been lost for want of a face: whoever was not found is in no run.
    """
    found = sweep(scorer, identities, exclude=exclude, keep=keep, between=runs)
    inside = np.zeros((2, len(identities)), dtype=bool)
    inside[0, runs[0]] = inside[1, runs[1]] = True

    def meets(first: Ints, second: Ints) -> Bools:
        found: Bools = (inside[0, first] & inside[1, second]) | (inside[1, first] & inside[0, second])
        return found

    counted = meets(found.mated.first, found.mated.second)
    mated = Scored(found.mated.scores[counted], found.mated.first[counted], found.mated.second[counted])
    first, second = excluded_pairs(identities, exclude)
    left_out = identities[np.stack([first, second], axis=1)[meets(first, second)]]
    left_out = np.sort(left_out, axis=1)
    pairs, count = np.unique(left_out[left_out[:, 0] != left_out[:, 1]], axis=0, return_counts=True)
    faces = [np.bincount(identities[run], minlength=people) for run in runs]
    totals = NonMatedTotals(faces[0], pairs, -count, None if runs[0] == runs[1] else faces[1])
    failed = np.zeros(people, np.int64)
    return _comparisons(name, mated, found.top, identities, failed, totals, found.edges, found.non_mated_histogram)


def compare_given(
    name: str,
    scorer: BlockScorer,
    identities: Ints,
    failed: Ints,
    mated: tuple[Ints, Ints],
    non_mated: tuple[Ints, Ints],
) -> Comparisons:
    """Compare given pairs of faces only; arguments as for ``compare_all``, the pairs as rows of both faces."""
    scored = Scored(scorer.pairs(*mated), *mated)
    scores = scorer.pairs(*non_mated)
    order = np.argsort(-scores, kind="stable")
    top = Scored(scores[order], non_mated[0][order], non_mated[1][order])
    met = np.sort(np.stack([identities[top.first], identities[top.second]], axis=1), axis=1)
    people, count = np.unique(met, axis=0, return_counts=True)
    totals = NonMatedTotals(np.zeros(len(failed), np.int64), people, count)
    edges = np.array([scores.min(initial=0.0), scores.max(initial=1.0)], dtype=np.float64)
    return _comparisons(name, scored, top, identities, failed, totals, edges, np.array([len(scores)]))


def _comparisons(
    name: str,
    mated: Scored,
    top: Scored,
    identities: Ints,
    failed: Ints,
    totals: NonMatedTotals,
    edges: Floats64,
    histogram: Ints,
) -> Comparisons:
    order = np.argsort(-mated.scores, kind="stable")
    faces = np.stack([top.first, top.second], axis=1)
    return Comparisons(
        name=name,
        mated_scores=mated.scores[order].astype(np.float64),
        mated_person=identities[mated.first[order]],
        failed=failed,
        top_scores=top.scores.astype(np.float64),
        top_people=identities[faces],
        top_faces=faces,
        totals=totals,
        edges=edges,
        histogram=histogram,
    )
