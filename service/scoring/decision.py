"""From a calibrated score to a decision, or to the reason why there is none."""

from dataclasses import dataclass
from typing import Literal

from service.errors import UnknownOperatingPoint
from service.scoring.calibration import MethodCalibration, StatedFmr

Decision = Literal["match", "non_match"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a score of one method means.

    Attributes:
        decision: "match" where the score is at least the threshold, None where none is made.
        threshold: the operating point's, None without a decision.
        fmr: the false-match rate of the score, None where the bundle was not calibrated for it.
        reason: why there is no decision, None where there is one.
    """

    decision: Decision | None = None
    threshold: float | None = None
    fmr: StatedFmr | None = None
    reason: str | None = None


def judge(score: float, calibration: MethodCalibration | str, operating_point: str | None) -> Judgement:
    """Return what a score means at an operating point; a score equal to the threshold is a match.

    Args:
        score: of the calibration's method.
        calibration: the one that holds for the score, or the reason why none does.
        operating_point: name of the operating point, None where none was asked.

    A calibration without a point of this name gives the rate and no decision.
    """
    if isinstance(calibration, str):
        return Judgement(reason=calibration)
    fmr = calibration.fmr_at_score(score)
    if operating_point is None:
        names = ", ".join(point.name for point in calibration.points) or "there is none for this method"
        return Judgement(fmr=fmr, reason=f"no operating point was asked; ask for one of: {names}")
    try:
        threshold = calibration.threshold(operating_point)
    except UnknownOperatingPoint as error:
        return Judgement(fmr=fmr, reason=error.message)
    return Judgement("match" if score >= threshold else "non_match", threshold, fmr)
