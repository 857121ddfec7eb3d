"""What a method's log-likelihood ratios are worth on people that its network never saw: a line, and how sure it is.

Logistic calibration, both kinds of pairs weighing alike; its variance from how each person moves it (infinitesimal
jackknife, a pair counting for both of its people), since the pairs of one person are no independent witnesses.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.score_points import score_points
from service.arrays import Floats64
from service.scoring.llr_interval import LlrLine

# Fewer do not tell both numbers of a line.
_LEAST_MATED, _LEAST_PEOPLE, _LEAST_OTHERS = 50, 20, 1000
_STEPS = 50
_BETWEEN_AT = (-4.0, 0.0, 4.0)
_LEAST_VARIANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A line, and the variance that the drawing of the people gives to its offset and slope (2, 2)."""

    line: Floats64
    variance: Floats64

    def at(self, llr: float) -> tuple[float, float]:
        """Return the true ratio where one is stated, and its variance."""
        place = np.array([1.0, llr])
        return float(place @ self.line), float(place @ self.variance @ place)


def fit_llr_line(sets: Sequence[Comparisons]) -> LlrLine | None:
    """Return what stated ratios are worth; None where the pairs are too few, or part as if by a ruler.

    Args:
        sets: the scored pairs of one or more sets of people, by a method that tells such ratios.
    """
    whole = _fit(sets)
    if whole is None:
        return None
    line = LlrLine(
        offset=_short(whole.line[0]),
        slope=_short(whole.line[1]),
        offset_variance=_short(whole.variance[0, 0]),
        slope_variance=_short(whole.variance[1, 1]),
        covariance=_short(whole.variance[0, 1]),
    )
    by_set = [found for one in sets if (found := _fit([one])) is not None]
    return line if len(by_set) < 2 else replace(line, between_sets=_short(_between(by_set)))


def _short(value: float) -> float:
    # Rounded, since the last digits depend on the processor and would give the bundle another id.
    return float(f"{value:.4g}")


def _fit(sets: Sequence[Comparisons]) -> _Fit | None:
    mated, others = sum(len(found.mated_scores) for found in sets), sum(found.non_mated for found in sets)
    people = sum(len(np.unique(found.mated_person)) for found in sets)
    if mated < _LEAST_MATED or people < _LEAST_PEOPLE or others < _LEAST_OTHERS:
        return None
    scores, ones, rest = (np.concatenate(parts) for parts in zip(*map(score_points, sets), strict=True))
    ones, rest = ones / mated, rest / others
    line = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        probability = expit(line[0] + line[1] * scores)
        # Of sum w log p over mated pairs and sum w log(1 - p) over the others.
        pull = ones * (1 - probability) - rest * probability
        gradient = np.array([pull.sum(), pull @ scores])
        bend = (ones + rest) * probability * (1 - probability)
        hessian = np.array([[bend.sum(), bend @ scores], [bend @ scores, bend @ scores**2]])
        if not np.all(np.isfinite(hessian)) or np.linalg.cond(hessian) > 1e12:
            return None
        step = np.linalg.solve(hessian, gradient)
        # Shortened, so that a first step from far away does not run off.
        line = line + step * min(1.0, 2.0 / float(np.max(np.abs(step)) or 1.0))
        if np.max(np.abs(step)) < 1e-9:
            break
    else:
        return None
    if line[1] <= 0:
        return None
    moved = np.concatenate([_moved(found, line, mated, others) for found in sets])
    inverse = np.linalg.inv(hessian)
    return _Fit(line, inverse @ (moved.T @ moved) @ inverse)


def _moved(found: Comparisons, line: Floats64, mated: int, others: int) -> Floats64:
    """Return by how much each person of a set pulls at the line's gradient, (u, 2)."""
    one, two = found.top_people.T
    pulled = np.zeros((found.people, 2))
    of_mated = np.bincount(found.mated_person, minlength=found.people)
    of_others = found.totals.of_people()
    for column in range(2):
        value = (1 - expit(line[0] + line[1] * found.mated_scores)) * found.mated_scores**column
        own = np.bincount(found.mated_person, value, found.people)
        pulled[:, column] += (own - of_mated * (value.sum() / max(1, len(value)))) / mated
        # Pairs that were not kept pull next to nothing: they are far below every ratio that speaks for one person.
        value = expit(line[0] + line[1] * found.top_scores) * found.top_scores**column
        own = np.bincount(one, value, found.people) + np.bincount(two, value, found.people)
        pulled[:, column] -= (own - of_others * (value.sum() / max(1, found.non_mated))) / others
    return pulled


def _between(fits: Sequence[_Fit]) -> float:
    """Return the variance of the true ratio between sets (DerSimonian and Laird 1986), averaged over stated ones."""
    found = []
    for llr in _BETWEEN_AT:
        values, own = (np.array(column) for column in zip(*(fit.at(llr) for fit in fits), strict=True))
        precision = 1 / np.maximum(own, _LEAST_VARIANCE)
        spread = float(np.sum(precision * (values - np.average(values, weights=precision)) ** 2))
        scale = float(precision.sum() - np.sum(precision**2) / precision.sum())
        found.append((spread - (len(fits) - 1)) / scale)
    return max(0.0, float(np.mean(found)))
