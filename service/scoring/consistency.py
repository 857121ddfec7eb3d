"""Whether a calibration agrees with itself: each threshold with the curve from score to false-match rate beside it."""

import math
import re

from service.scoring.calibration import Calibrations, MethodCalibration, OperatingPoint

# A threshold is where the curve's straight lines reach the rate, and what is left is rounding, 1e-14 of a decade. This
# leaves room for a threshold that was written with five digits.
TOLERANCE_DECADES = 1e-3

_NAMED_RATE = re.compile(r"fmr_(\d+(?:\.\d+)?(?:e-?\d{1,3})?)")


def contradictions(calibrations: Calibrations) -> tuple[str, ...]:
    """Return, in words, every operating point that its own curve or its own name contradicts.

    A score at the threshold of a point has, by the curve, the false-match rate that the point states:
    |log10 fmr(threshold) - log10 fmr| <= ``TOLERANCE_DECADES``. A name such as ``fmr_1e-4`` states a rate too.
    """
    found = []
    of_templates = tuple(found.calibration for found in calibrations.templates)
    for calibration in (*calibrations.methods, *of_templates):
        names = [point.name for point in calibration.points]
        for point in calibration.points:
            problem = _problem(calibration, point)
            if names.count(point.name) > 1:
                problem = "is there twice"
            if problem is not None:
                where = f"{calibration.method}, {calibration.input_form}s"
                found.append(f"the operating point {point.name[:64]} ({where}) {problem}")
    return tuple(found)


def _problem(calibration: MethodCalibration, point: OperatingPoint) -> str | None:
    by_curve = calibration.fmr_at_score(point.threshold).fmr
    if not _agree(by_curve, point.fmr):
        return (
            f"states a false-match rate of {point.fmr:.3g} at the threshold {point.threshold:.6g}, where the curve has "
            f"{by_curve:.3g}"
        )
    named = _NAMED_RATE.fullmatch(point.name)
    if named is not None and not _agree(float(named[1]), point.fmr):
        return f"states a false-match rate of {point.fmr:.3g}"
    return None


def _agree(one: float, other: float) -> bool:
    return one > 0 and other > 0 and abs(math.log10(one) - math.log10(other)) <= TOLERANCE_DECADES
