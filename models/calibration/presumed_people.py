"""Which pairs of faces that nobody named are of one person, by their scores alone."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import poisson

from models.calibration.mated_mixture import Mixture, exponential_log_likelihood, fit_mixture, share_left
from models.calibration.tail import fit_tail
from models.labelled.pairs.sweep import BlockScorer, sweep
from service.arrays import Bools, Floats64, Ints

# From the widest window on the highest pairs are looked at ever closer, until they are few, or many of them mated.
_WIDEST, _MOST = 0.05, 250_000
_NARROWEST, _FEWEST = 1e-3, 200
_MOSTLY_MATED = 0.15
# A mixture has three numbers more than a tail.
_LEAST_GAIN = 3.0
# Above the linking score fewer than one non-mated pair is expected, and so many as there are by no chance.
_MOST_STRANGERS = 1.0
_CHANCE = 0.002
# Of more pairs, a heavier tail than the exponential would only be found slowly, and was not.
_MOST_FITTED = 4_000


@dataclass(frozen=True, slots=True, eq=False)
class PresumedPeople:
    """What scores say of who is whom.

    Attributes:
        people: (n,) int64, the presumed person of each face, from 0 on; who is in one picture alone is one.
        linked: pairs whose scores alone say that they are of one person.
        linked_from: the lowest of their scores; None where there are none.
        doubtful: (d, 2) int64, further pairs that count for nothing, rows of their faces: as many as pairs of one
            person are expected to be left, where they are expected.
        doubtful_scores: (d,) float64, in descending order.
        mixture: what the doubtful ones follow from; None where no pair seems to be mated.
    """

    people: Ints
    linked: int
    linked_from: float | None
    doubtful: Ints
    doubtful_scores: Floats64
    mixture: Mixture | None

    @property
    def joined_pairs(self) -> int:
        """Pairs of two faces of one presumed person, linked or not."""
        pictures = np.bincount(self.people)
        return int(np.sum(pictures * (pictures - 1) // 2))

    @property
    def repeated(self) -> int:
        """Presumed people who are in two pictures or more."""
        return int(np.count_nonzero(np.bincount(self.people) > 1))


def presume_people(scorer: BlockScorer, same: Ints | None = None) -> PresumedPeople:
    """Tell the pairs of one person from those of two, where nearly all are of two.

    The highest scores are taken for a mixture of non-mated ones, which fall off exponentially, and of mated ones, which
    lie about a mean. Pairs so high that less than one non-mated pair is expected there are linked, and whoever is
    linked, over others too, is one person. Of the pairs below, as many are doubtful as mated ones are expected to be
    left: one wherever their running sum, from the top, passes another whole.

    Args:
        scorer: n faces and the method, whose score orders the pairs.
        same: (m, 2) rows of pairs that are one person's whatever they score; None for none.
    """
    known = np.empty((0, 2), np.int64) if same is None else same
    faces = len(scorer)
    pairs = faces * (faces - 1) // 2
    top = sweep(scorer, np.arange(faces), keep=min(_MOST, int(_WIDEST * pairs)) + 2).top
    none = np.empty((0, 2), np.int64)
    unlinked = PresumedPeople(_components(known, faces), 0, None, none, np.empty(0), None)
    found = _mixture(top.scores.astype(np.float64), pairs)
    if found is None:
        return unlinked
    seen = int(np.count_nonzero(top.scores > found.start))
    scores, first, second = top.scores[:seen].astype(np.float64), top.first[:seen], top.second[:seen]
    linked = _linked(scores, found)
    if not linked:
        return unlinked
    people = _components(np.concatenate([np.stack([first[:linked], second[:linked]], axis=1), known]), faces)
    left = people[first] != people[second]
    rest = share_left(scores[left], found, float(scores[linked - 1])) if left.any() else found
    doubtful = _expected_whole(rest.mated_probability(scores[left], float(scores[linked - 1])))
    return PresumedPeople(
        people=people,
        linked=linked,
        linked_from=float(scores[linked - 1]),
        doubtful=np.stack([first[left][doubtful], second[left][doubtful]], axis=1),
        doubtful_scores=scores[left][doubtful],
        mixture=found,
    )


def _mixture(scores: Floats64, pairs: int) -> Mixture | None:
    """Return the mixture of the highest scores (m,), descending; None where they are non-mated ones as well."""
    window = min(_MOST, int(_WIDEST * pairs), len(scores) - 1)
    found: Mixture | None = None
    while True:
        start = float(scores[window])
        beyond = scores[:window][scores[:window] > start]
        if len(beyond) < 2:
            return None
        found = fit_mixture(beyond, start, found)
        gain = -np.inf if found is None else found.log_likelihood - _without_mated(beyond, start)
        mostly = found is not None and gain > _LEAST_GAIN and found.share > _MOSTLY_MATED
        if mostly or window // 2 < max(_FEWEST, _NARROWEST * pairs):
            return found if gain > _LEAST_GAIN else None
        window //= 2


def _without_mated(scores: Floats64, start: float) -> float:
    """Return the log likelihood where all are non-mated; of a few, the tail may be heavier than exponential."""
    if len(scores) > _MOST_FITTED:
        return exponential_log_likelihood(scores, start)
    tail = fit_tail(scores - start, np.ones((1, len(scores))))
    scale, shape = float(tail.scale[0]), float(tail.shape[0])
    if shape == 0:
        return exponential_log_likelihood(scores, start)
    # f(y) = (1 + c y / b)^(-1 - 1/c) / b, the generalised Pareto density.
    return float(-np.sum((1 + 1 / shape) * np.log1p(shape * (scores - start) / scale)) - len(scores) * np.log(scale))


def _linked(scores: Floats64, mixture: Mixture) -> int:
    """Return how many of the highest pairs are linked: as far down as no chance explains as many."""
    expected = mixture.non_mated_beyond(scores, len(scores))
    counts = np.arange(1, len(scores) + 1)
    sure = np.flatnonzero((expected < _MOST_STRANGERS) & (poisson.sf(counts - 1, expected) < _CHANCE))
    return int(sure[-1]) + 1 if len(sure) else 0


def _components(links: Ints, faces: int) -> Ints:
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(faces, faces))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _expected_whole(probabilities: Floats64) -> Bools:
    """Return which pairs (n,), by turns as the sum of their probabilities rounds to another whole, stand for it."""
    whole = np.floor(np.cumsum(probabilities) + 0.5)
    passed: Bools = np.diff(whole, prepend=0.0) > 0
    return passed
