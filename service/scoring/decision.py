"""From a calibrated score to a decision, or to the reason why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.errors import Doubt, UnknownOperatingPoint
from service.scoring.calibration import UNKNOWN_NORMS, MeasuredOn, MethodCalibration
from service.scoring.fmr_curve import StatedFmr
from service.scoring.strata import Norms

Decision = Literal["match", "non_match", "inconclusive"]
Undecided = Literal["no_operating_point", "not_calibrated"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a score of one method means.

    Attributes:
        decision: see ``decide``; None where none is made.
        threshold: the operating point's for pairs of these norms, None without a decision.
        fmr: the false-match rate of the score, None where the bundle was not calibrated for it, or a face is doubted.
        reason: why there is no decision, or why it is inconclusive, in words; None where it is any other.
        undecided: why there is no decision, as a code; None where there is one.
        doubts: why no rate is vouched for.
        measured_on: what the rate and the threshold rest on; None where there is neither.
        llr_interval: both ends of the 95 % interval of the score as a log-likelihood ratio; None where it is none, no
            rate is vouched for, or the calibration did not measure it.
    """

    decision: Decision | None = None
    threshold: float | None = None
    fmr: StatedFmr | None = None
    reason: str | None = None
    undecided: Undecided | None = None
    doubts: tuple[Doubt, ...] = ()
    measured_on: MeasuredOn | None = None
    llr_interval: tuple[float, float] | None = None


def decide(reaches: bool, is_doubted: bool) -> Decision:
    """Return the decision on a pair.

    Args:
        reaches: whether its score is at least the threshold.
        is_doubted: whether a face of it lies beyond what the threshold's rate was measured on. Such a pair is never a
            match; below the threshold it is none either way.
    """
    if not reaches:
        return "non_match"
    return "inconclusive" if is_doubted else "match"


def judge(
    score: float,
    calibration: MethodCalibration | str,
    operating_point: str | None,
    doubts: Sequence[Doubt] = (),
    norms: Norms = UNKNOWN_NORMS,
) -> Judgement:
    """Return what a score means at an operating point; a score equal to the threshold reaches it.

    Args:
        score: of the calibration's method.
        calibration: the one that holds for the score, or the reason why none does.
        operating_point: name of the operating point, None where none was asked.
        doubts: why no rate is vouched for; none where one is.
        norms: of both faces, which say by which of the calibration's pairs the score is judged; None for one that is
            not known.

    A calibration without a point of this name gives the rate and no decision.
    """
    doubted = tuple(doubts)
    if isinstance(calibration, str):
        undecided: Undecided = "no_operating_point" if operating_point is None else "not_calibrated"
        return Judgement(reason=calibration, undecided=undecided, doubts=doubted)
    fmr = None if doubted else calibration.fmr_at_score(score, norms)
    rests_on = calibration.measured_on(norms)
    sure = None if doubted else calibration.llr_interval(score, norms)
    if operating_point is None:
        names = ", ".join(point.name for point in calibration.points) or "there is none for this method"
        reason = f"no operating point was asked; ask for one of: {names}"
        return Judgement(None, None, fmr, reason, "no_operating_point", doubted, rests_on, sure)
    try:
        threshold = calibration.threshold(operating_point, norms)
    except UnknownOperatingPoint as error:
        return Judgement(None, None, fmr, error.message, "not_calibrated", doubted, rests_on, sure)
    decision = decide(score >= threshold, bool(doubted))
    told = None
    if decision == "inconclusive":
        told = f"the score reaches the threshold, and its rate cannot be vouched for: {_in_words(doubted)}"
    return Judgement(decision, threshold, fmr, told, None, doubted, rests_on, sure)


def _in_words(doubts: Sequence[Doubt]) -> str:
    return "; ".join(doubt.says for doubt in doubts)
