"""Operating points: thresholds for round false-match rates."""

from collections.abc import Sequence

import numpy as np

from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray
from models.labelled.rates.measured import OPERATING_FMRS, point_name, quality, upper_end
from models.labelled.rates.observed import observe
from service.scoring.calibration import OperatingPoint
from service.scoring.fmr_curve import FmrCurve
from service.scoring.methods import Scale


def operating_points(
    curve: FmrCurve, scale: Scale, sets: Sequence[Comparisons], weights: Sequence[WeightArray]
) -> tuple[OperatingPoint, ...]:
    """Return the operating points of a curve, with what was measured on the people that it was fitted to.

    Args:
        curve: score to false-match rate; gives the thresholds and the intervals of their rates.
        scale: of the method.
        sets: the scored pairs that the curve was fitted to.
        weights: as for ``observe``.
    """
    thresholds = np.array([curve.score_of(fmr) for fmr in OPERATING_FMRS])
    total = sum(found.non_mated for found in sets)
    identity_pairs = sum(found.totals.identity_pairs for found in sets)
    points = []
    for fmr, threshold, seen in zip(OPERATING_FMRS, thresholds, observe(thresholds, scale, sets, weights), strict=True):
        stated = curve.at(float(threshold))
        points.append(
            OperatingPoint(
                name=point_name(fmr),
                fmr=fmr,
                threshold=seen.threshold,
                quality=quality(total, fmr),
                fmr_low=stated.low,
                fmr_high=upper_end(seen.false_matches, identity_pairs, stated.high),
                fnmr=seen.fnmr,
                fnmr_low=seen.fnmr_low,
                fnmr_high=seen.fnmr_high,
                false_matches=seen.false_matches,
                non_mated_pairs=total,
                mated_pairs=sum(found.mated for found in sets),
                people=sum(found.people for found in sets),
                identity_pairs=identity_pairs,
            )
        )
    return tuple(points)
