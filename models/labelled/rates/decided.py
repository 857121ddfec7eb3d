"""What becomes of pairs at an operating point, where the service doubts faces beyond the calibrated people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.stated_scorer import AsServed
from models.labelled.pairs.sweep import BlockScorer
from service.arrays import Bools, Floats, Floats64
from service.scoring.decision import Decision, decide


@dataclass(frozen=True, slots=True)
class DecidedPairs:
    """What becomes of pairs.

    Attributes:
        match: how many match.
        inconclusive: how many reach the threshold with a doubted face.
        non_match: how many do not reach it.
        lost: how many have a picture without a face, and so get an error.
    """

    match: int
    inconclusive: int
    non_match: int
    lost: int = 0

    @property
    def pairs(self) -> int:
        """Number of all."""
        return self.match + self.inconclusive + self.non_match + self.lost

    def share(self, decision: Decision) -> float:
        """Return the share of a decision among all pairs."""
        return getattr(self, decision) / max(1, self.pairs)  # type: ignore[no-any-return]

    def joined(self, other: "DecidedPairs") -> "DecidedPairs":
        """Return the pairs of both."""
        return DecidedPairs(
            self.match + other.match,
            self.inconclusive + other.inconclusive,
            self.non_match + other.non_match,
            self.lost + other.lost,
        )


@dataclass(frozen=True, slots=True)
class DecidedPoint:
    """What becomes of pairs at one operating point.

    Attributes:
        name: of the operating point.
        mated: pairs of one person.
        non_mated: pairs of two people.
    """

    name: str
    mated: DecidedPairs
    non_mated: DecidedPairs


def decided_points(
    names: Sequence[str],
    thresholds: Floats64,
    found: Comparable,
    comparisons: Comparisons,
    mated_scores: Floats,
    outside: Bools,
) -> tuple[DecidedPoint, ...]:
    """Return what becomes of the pairs of a set at operating points.

    Args:
        names: of the points.
        thresholds: (p,), on the scale of ``Method.combine``.
        found: what is compared, of m faces.
        comparisons: its scored pairs.
        mated_scores: of ``found.mated()``, in its order.
        outside: (m,), which faces are beyond the limits.
    """
    first, second = found.mated()
    doubted = outside[first] | outside[second]
    top_doubted = np.any(outside[comparisons.top_faces], axis=1)
    lost = int(found.failed.sum())
    points = []
    for name, threshold in zip(names, thresholds, strict=True):
        reaches = mated_scores >= threshold
        mated = _decided(len(reaches), int(np.count_nonzero(reaches)), int(np.count_nonzero(reaches & doubted)), lost)
        kept = comparisons.top_scores >= threshold
        reached = round(float(comparisons.non_mated_at_least(np.array([threshold]))[0]))
        among = int(np.count_nonzero(kept & top_doubted))
        # Where not all pairs above the threshold were kept, the others are taken to be doubted as often.
        scaled = round(among * reached / max(1, int(np.count_nonzero(kept))))
        points.append(DecidedPoint(name, mated, _decided(comparisons.non_mated, reached, scaled)))
    return tuple(points)


def decided_as_served(
    served: AsServed, found: Comparable, scorer: BlockScorer, outside: Bools
) -> tuple[DecidedPoint, ...]:
    """Return what becomes of the pairs of a set at a calibration's operating points, each by its own stratum.

    Args:
        served: the scale of the calibration.
        found: what is compared, of m faces.
        scorer: of the same faces, by the calibration's method.
        outside: (m,), which faces are beyond the limits.
    """
    by_stratum = served.scorer(scorer, found.norms)
    names = [point.name for point in served.calibration.points]
    mated = by_stratum.pairs(*found.mated())
    return decided_points(names, served.thresholds(), found, found.compare_with(by_stratum), mated, outside)


def joined(of_sets: Sequence[tuple[DecidedPoint, ...]]) -> tuple[DecidedPoint, ...]:
    """Return the points of several sets, 1 or more, as those of one."""
    whole = of_sets[0]
    for other in of_sets[1:]:
        whole = tuple(
            DecidedPoint(one.name, one.mated.joined(two.mated), one.non_mated.joined(two.non_mated))
            for one, two in zip(whole, other, strict=True)
        )
    return whole


def _decided(pairs: int, reached: int, doubted: int, lost: int = 0) -> DecidedPairs:
    """Return the decisions on pairs by the service's own rule, from how many reach a threshold and are doubted."""
    counts: dict[Decision, int] = {"match": 0, "inconclusive": 0, "non_match": 0}
    for number, reaches, is_doubted in (
        (reached - doubted, True, False),
        (doubted, True, True),
        (pairs - reached, False, False),
    ):
        counts[decide(reaches, is_doubted)] += number
    return DecidedPairs(**counts, lost=lost)
