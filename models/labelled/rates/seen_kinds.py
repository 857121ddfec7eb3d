"""What the thresholds of each pair's own stratum do to the people set aside, by kind of pair.

Pictures as they are and degraded copies of them are the kinds that are known to differ; the bands of strata only
estimate which is which.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons, compare_between
from models.labelled.pairs.stated_scorer import AsServed
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.rate_ratio import RateRatio
from models.labelled.rates.seen_strata import observed_ratio_at
from service.scoring.calibration import MethodCalibration

_KEEP_SHARE = 0.1
_LEAST_KEEP = 10_000


@dataclass(frozen=True, slots=True)
class KindRate:
    """What one operating point does to pairs of one kind.

    Attributes:
        fmr: the rate that is stated.
        false_matches: how many non-mated pairs match.
        ratio: observed over stated rate, with its interval.
        fnmr: share of the mated pairs that do not; None where there are none.
    """

    fmr: float
    false_matches: int
    ratio: RateRatio
    fnmr: float | None


@dataclass(frozen=True, slots=True)
class SeenKind:
    """One kind of pair of the people set aside.

    Attributes:
        name: "clean-clean", "clean-poor" or "poor-poor".
        pairs: pairs of different people.
        mated: pairs of one person.
        rates: at the operating points.
    """

    name: str
    pairs: int
    mated: int
    rates: tuple[KindRate, ...]


def seen_kinds(
    calibration: MethodCalibration,
    parts: Sequence[Comparable],
    scorers: Sequence[BlockScorer],
    originals: Sequence[int],
) -> tuple[SeenKind, ...]:
    """Return what the service decides on pairs of each kind; none where no set has degraded copies.

    Args:
        calibration: of the method.
        parts: the faces of each set, pictures as they are before their copies.
        scorers: of the same faces.
        originals: how many of each set's faces are pictures as they are.
    """
    if all(len(part.rows) <= count for part, count in zip(parts, originals, strict=True)):
        return ()
    served = AsServed(calibration)
    sets: dict[str, list[Comparisons]] = {}
    for part, scorer, count in zip(parts, scorers, originals, strict=True):
        clean, poor = slice(0, count), slice(count, len(part.rows))
        by_evidence = served.scorer(scorer, part.norms)
        for name, runs in (
            ("clean-clean", (clean, clean)),
            ("clean-poor", (clean, poor)),
            ("poor-poor", (poor, poor)),
        ):
            compared = compare_between(
                part.name,
                by_evidence,
                part.identities,
                len(part.people),
                runs,
                exclude=part.excluded,
                keep=int(_KEEP_SHARE * (runs[0].stop - runs[0].start) * (runs[1].stop - runs[1].start)) + _LEAST_KEEP,
            )
            sets.setdefault(name, []).append(compared)
    return tuple(_seen(name, calibration, served, found) for name, found in sets.items())


def _seen(name: str, calibration: MethodCalibration, served: AsServed, sets: Sequence[Comparisons]) -> SeenKind:
    pairs, mated = sum(found.non_mated for found in sets), sum(found.mated for found in sets)
    rates = []
    for point, threshold in zip(calibration.points, served.thresholds().tolist(), strict=True):
        at = np.array([threshold])
        reached = sum(float(found.non_mated_at_least(at)[0]) for found in sets)
        below = sum(int(found.mated_below(at)[0]) for found in sets)
        ratio = observed_ratio_at(sets, threshold, point.fmr, reached, pairs)
        rates.append(KindRate(point.fmr, round(reached), ratio, below / mated if mated else None))
    return SeenKind(name, pairs, mated, tuple(rates))
