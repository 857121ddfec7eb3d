"""Rank-1 identification against growing sets of distractors, the shape of the paper's Table 3.

As in MegaFace: one face of a person is enrolled beside the distractors, another is the probe, and the probe is
identified if no distractor scores as much as the enrolled face. Every ordered mated pair is such a trial.
"""

from dataclasses import dataclass

import numpy as np

from models.evaluation.scored import ScoredSet
from models.labelled.comparable import Comparable
from models.labelled.pairs.resampling import WeightArray, share_interval
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import upper_end
from service.arrays import Floats32, Floats64, Ints

_PROBES = 2048
_DISTRACTORS = 4096


@dataclass(frozen=True, slots=True)
class Identification:
    """Rank-1 rates.

    Attributes:
        trials: pairs of a probe and an enrolled face, those with an undetected face among them.
        distractors: sizes of the distractor sets.
        rank1: share of trials identified, by size.
        gain: this share less the cosine's, paired person by person; empty for the cosine itself.
    """

    trials: int
    distractors: tuple[int, ...]
    rank1: tuple[Interval, ...]
    gain: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RankedTrials:
    """Rank-1 rates with what they are counted from.

    Attributes:
        result: the rates.
        identified: (s, u) float64, trials identified by size of the distractor set and person.
    """

    result: Identification
    identified: Floats64


def sizes(available: int) -> tuple[int, ...]:
    """Return the powers of ten from 10 up to the available number, and that number itself."""
    powers = [10**power for power in range(1, 12) if 10**power < available]
    return (*powers, available) if available else ()


def highest_distractors(scorer: BlockScorer, identities: Ints, probes: Ints, distractors: Ints, ends: Ints) -> Floats32:
    """Return the score of each probe's most alike distractor, by size of the distractor set.

    Args:
        scorer: of n faces.
        identities: (n,) int64; a distractor of the probe's own person is no distractor for it.
        probes: (p,) rows of faces.
        distractors: (d,) rows of faces, in the order in which the sets grow.
        ends: (s,) int64, sizes of the sets, increasing.

    Returns:
        (p, s) float32, minus infinity where a set holds no other person.
    """
    order = np.concatenate([probes, distractors])
    arranged, who = scorer.subset(order), identities[order]
    starts = np.concatenate([[0], ends[:-1]]) + len(probes)
    highest = np.full((len(probes), len(ends)), -np.inf, np.float32)
    for start in range(0, len(probes), _PROBES):
        rows = slice(start, min(start + _PROBES, len(probes)))
        for size, (low, high) in enumerate(zip(starts, ends + len(probes), strict=True)):
            for first in range(int(low), int(high), _DISTRACTORS):
                columns = slice(first, min(first + _DISTRACTORS, int(high)))
                scores = arranged.block(rows, columns)
                scores[who[rows, None] == who[None, columns]] = -np.inf
                highest[rows, size] = np.maximum(highest[rows, size], scores.max(axis=1))
    # A larger set holds every smaller one.
    return np.maximum.accumulate(highest, axis=1)


def ranked_trials(
    found: Comparable,
    scored: ScoredSet,
    scorer: BlockScorer,
    distractors: Ints,
    weights: WeightArray,
    cosine: RankedTrials | None = None,
) -> RankedTrials | None:
    """Return the rank-1 rates of every ordered mated pair; None where there are no distractors.

    Args:
        found: what is compared.
        scored: the scores of one method.
        scorer: that method's, of the compared faces and after them of those that are distractors only.
        distractors: (d,) rows of the scorer's faces in the order in which the sets grow.
        weights: (b, u), how often each person is drawn.
        cosine: the cosine's on the same faces; None for the cosine itself.
    """
    ends = np.array(sizes(len(distractors)), np.int64)
    if not len(ends):
        return None
    first, second = found.mated()
    probes = np.unique(np.concatenate([first, second]))
    nobody = np.full(len(scorer) - len(found.rows), -1, np.int64)
    highest = highest_distractors(scorer, np.concatenate([found.identities, nobody]), probes, distractors, ends)
    people = len(found.people)
    identified = np.zeros((len(ends), people))
    for probe in (first, second):
        won = scored.mated[:, None] > highest[np.searchsorted(probes, probe)]
        for size in range(len(ends)):
            identified[size] += np.bincount(found.identities[probe[won[:, size]]], minlength=people)
    trials = 2 * (np.bincount(found.identities[first], minlength=people) + found.failed)
    drawn = weights.astype(np.float64)
    missed = trials.sum() - identified.sum(axis=1)
    # Resampled misses, so that without one the rule of three tells what was not seen.
    low, high = share_interval(drawn @ (trials - identified).T, drawn @ trials)
    people_tried = int(np.count_nonzero(trials))
    most = [upper_end(lost, people_tried, float(end)) for lost, end in zip(missed, high, strict=True)]
    result = Identification(
        trials=int(trials.sum()),
        distractors=tuple(int(end) for end in ends),
        rank1=tuple(
            Interval(float(identified[size].sum() / trials.sum()), 1 - most[size], 1 - float(low[size]))
            for size in range(len(ends))
        ),
        gain=() if cosine is None else _gain(identified - cosine.identified, trials, drawn),
    )
    return RankedTrials(result, identified)


def _gain(more: Floats64, trials: Ints, drawn: Floats64) -> tuple[Interval, ...]:
    """Return how many more of the trials (u,) are identified, by size, given by size and person (s, u)."""
    low, high = share_interval(drawn @ more.T, drawn @ trials)
    values = more.sum(axis=1) / trials.sum()
    return tuple(Interval(*map(float, ends)) for ends in zip(values, low, high, strict=True))
