"""Pairs that a method decides otherwise than the cosine, and the non-mated pairs that score highest."""

from dataclasses import dataclass

import numpy as np

from models.evaluation.scored import ScoredSet
from models.labelled.comparable import Comparable
from models.labelled.labelled_faces import LabelledFaces
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.rates.threshold_rates import threshold_at
from service.arrays import Floats64, Ints
from service.scoring.calibration import as_score


@dataclass(frozen=True, slots=True)
class ListedPair:
    """A pair by its names.

    Attributes:
        first: the one picture.
        second: the other.
        identities: who they are of.
        cosine: the pair's similarity.
        cosine_fmr: share of the set's non-mated pairs whose similarity is as high or higher.
        score: the method's score.
        score_fmr: share of the set's non-mated pairs that score as high or higher with the method.
    """

    first: str
    second: str
    identities: tuple[str, str]
    cosine: float
    cosine_fmr: float
    score: float
    score_fmr: float


@dataclass(frozen=True, slots=True)
class Changes:
    """Decisions that differ from the cosine's, both at the same false-match rate.

    Attributes:
        fmr: that rate.
        mated_corrected: mated pairs that the cosine rejects and the method accepts.
        mated_broken: mated pairs that the cosine accepts and the method rejects.
        non_mated_corrected: non-mated pairs that the cosine accepts and the method rejects.
        non_mated_broken: non-mated pairs that the cosine rejects and the method accepts.
        examples: those of each kind whose false-match rate the method moved most, by the names above.
    """

    fmr: float
    mated_corrected: int
    mated_broken: int
    non_mated_corrected: int
    non_mated_broken: int
    examples: dict[str, tuple[ListedPair, ...]]


class PairChanges:
    """What a method decides otherwise than the cosine, on the same pairs of a labelled set."""

    def __init__(self, labelled: LabelledFaces, found: Comparable, cosine: ScoredSet, method: ScoredSet) -> None:
        """Take the set, what is compared of it, and both methods' scores."""
        self._labelled = labelled
        self._found = found
        self._cosine = cosine
        self._method = method

    def at(self, fmr: float, most: int) -> Changes:
        """Return the pairs that the method corrects and those it breaks.

        Args:
            fmr: the false-match rate at which both are judged.
            most: examples of each kind.
        """
        both, size = (self._cosine, self._method), len(self._found.rows)
        limits = [threshold_at(scored.comparisons, fmr) for scored in both]
        before, after = (scored.mated >= limit for scored, limit in zip(both, limits, strict=True))
        was, now = (
            _keys(scored.comparisons.top_faces[scored.comparisons.top_scores >= limit], size)
            for scored, limit in zip(both, limits, strict=True)
        )
        first, second = self._found.mated()
        fixed, lost = ~before & after, before & ~after
        pairs = {
            "mated_corrected": (first[fixed], second[fixed]),
            "mated_broken": (first[lost], second[lost]),
            "non_mated_corrected": np.divmod(np.setdiff1d(was, now), size),
            "non_mated_broken": np.divmod(np.setdiff1d(now, was), size),
        }
        examples = {}
        for kind, (i, j) in pairs.items():
            order = np.argsort(-np.abs(self.moved(i, j)), kind="stable")[:most]
            examples[kind] = self.listed(i[order], j[order])
        return Changes(fmr=fmr, examples=examples, **{kind: len(i) for kind, (i, _) in pairs.items()})

    def highest_non_mated(self, most: int) -> tuple[ListedPair, ...]:
        """Return the non-mated pairs that score highest with the method: where wrong labels show first."""
        faces = self._method.comparisons.top_faces[:most]
        return self.listed(faces[:, 0], faces[:, 1])

    def lowest_mated(self, most: int) -> tuple[ListedPair, ...]:
        """Return the pairs of one person that score lowest with the method: wrong labels here too, or poor pictures."""
        first, second = self._found.mated()
        order = np.argsort(self._method.mated, kind="stable")[:most]
        return self.listed(first[order], second[order])

    def moved(self, first: Ints, second: Ints) -> Floats64:
        """Return by which factor, as a logarithm, the method lowers each pair's false-match rate (p,)."""
        before = _fmr(self._cosine.comparisons, self._cosine.scorer.pairs(first, second).astype(np.float64))
        after = _fmr(self._method.comparisons, self._method.scorer.pairs(first, second).astype(np.float64))
        moved: Floats64 = np.log(before) - np.log(after)
        return moved

    def listed(self, first: Ints, second: Ints) -> tuple[ListedPair, ...]:
        """Return pairs, given by positions (p,) of both faces, by their names."""
        similarity = self._cosine.scorer.pairs(first, second).astype(np.float64)
        scores = self._method.scorer.pairs(first, second).astype(np.float64)
        cosine_fmr = _share(self._cosine.comparisons, similarity)
        score_fmr = _share(self._method.comparisons, scores)
        rows = self._found.rows
        images, who, names = self._labelled.images, self._labelled.identities, self._labelled.identity_names
        return tuple(
            ListedPair(
                first=images[rows[i]],
                second=images[rows[j]],
                identities=(names[who[rows[i]]], names[who[rows[j]]]),
                cosine=float(similarity[place]),
                cosine_fmr=float(cosine_fmr[place]),
                score=as_score(float(scores[place]), self._method.variant.method.scale),
                score_fmr=float(score_fmr[place]),
            )
            for place, (i, j) in enumerate(zip(first, second, strict=True))
        )


def _keys(faces: Ints, size: int) -> Ints:
    ordered = np.sort(faces, axis=1)
    keys: Ints = ordered[:, 0] * size + ordered[:, 1]
    return keys


def _share(comparisons: Comparisons, scores: Floats64) -> Floats64:
    return _reaching(comparisons, scores) / comparisons.non_mated


def _fmr(comparisons: Comparisons, scores: Floats64) -> Floats64:
    """Return (errors + 1) / (pairs + 1): never 0, so that ratios are defined."""
    return (_reaching(comparisons, scores) + 1) / (comparisons.non_mated + 1)


def _reaching(comparisons: Comparisons, scores: Floats64) -> Floats64:
    """Return how many non-mated pairs score as high or higher."""
    # A pair scored alone and in a block may differ in float32's last digits, and must still reach itself.
    return comparisons.non_mated_at_least(scores - 1e-6 * (1 + np.abs(scores)))
