"""The claims of the paper's ablations: how TAR goes with k, the number of anchors, and tau."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.evaluation.ablations import Ablation
from models.evaluation.asked_ablation import Knob
from models.evaluation.paper.claim_building import MeasuredSet, Said, claim
from models.evaluation.paper.paper_document import Bearing, Finding, PaperClaim, alike, better
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import fmr_name

# The paper's curves have no figures: less than this of the errors is no rise and no fall.
_LEAST = 0.01


def course_claims(sets: Sequence[MeasuredSet]) -> Iterator[PaperClaim]:
    """Yield the claims of Fig. 6a, 6b and 7."""
    for course in _COURSES:
        found = [
            finding
            for one in sets
            for ablation in one.pack.ablations
            if ablation.knob == course.knob
            for finding in _varied(one.name, ablation, course)
        ]
        yield claim(
            course.said,
            f"Judged by TAR at the smallest false-match rate measured, all else as the paper has it. {course.rule}"
            + ("" if course.flat else f" Does not where the interval ends below {_LEAST:.0%} of the errors."),
            {"paper": found},
            "the anchor set is too small to vary this",
        )


def _varied(name: str, ablation: Ablation, course: "_Course") -> Iterator[Finding]:
    """Yield what each value on one side of the value in force says; the verdict rests on one of them."""
    points = {point.value: point for point in ablation.points if point.gain}
    values = [value for value in sorted(points) if course.side * (value - ablation.in_force) > 0]
    if not values or ablation.in_force not in points:
        return
    judged = values[course.judged] if course.value is None else course.value
    reference = points[ablation.in_force]
    for value in values:
        # The gain is that over the value in force, and the claim that this one is worse.
        gain = points[value].gain[-1]
        worse = Interval(-gain.value, _negative(gain.high), _negative(gain.low))
        errors = points[value].fnmr[-1]
        bearing: Bearing = alike(worse, errors) if course.flat else better(worse, _LEAST, errors)
        yield Finding(
            name,
            f"{course.knob} = {ablation.in_force:,g} over {value:,g}",
            f"FMR {fmr_name(ablation.fmrs[-1])}",
            1 - points[value].fnmr[-1],
            1 - reference.fnmr[-1],
            worse,
            bearing,
            judged=value == judged,
        )


def _negative(end: float | None) -> float | None:
    return None if end is None else -end


@dataclass(frozen=True, slots=True)
class _Course:
    """How a figure says that TAR goes with a parameter.

    Attributes:
        knob: the parameter.
        said: the claim's place, title, sentence and figures.
        rule: when it holds.
        side: -1 for values below the paper's own, 1 for those above.
        judged: which of those values, increasing, the verdict rests on.
        value: that value where it is named.
        flat: whether the claim is that nothing changes.
    """

    knob: Knob
    said: Said
    rule: str
    side: int
    judged: int = 0
    value: float | None = None
    flat: bool = False


_COURSES = (
    _Course(
        "k",
        ("Fig. 6a", "anchors in a support set, up to 10", "TAR rises with k from 1 to 10.", "best at k = 10"),
        "Holds where 10 is better than 1.",
        side=-1,
    ),
    _Course(
        "k",
        ("Fig. 6a", "anchors in a support set, beyond 10", "TAR falls again as k grows beyond 10.", "as above"),
        "Holds where 10 is better than the largest k.",
        side=1,
        judged=-1,
    ),
    _Course(
        "anchors",
        ("Fig. 6b", "number of anchors", "TAR rises with the number of anchors.", "a curve, without figures"),
        "Holds where all anchors are better than the fewest; three random subsets of each size.",
        side=-1,
    ),
    _Course(
        "anchors",
        (
            "Fig. 6b",
            "number of anchors, the end of the curve",
            "Once there are enough of them, more add little.",
            "50,000",
        ),
        "Holds where the next smaller set differs by less than 5 % of the errors.",
        side=-1,
        judged=-1,
        flat=True,
    ),
    _Course(
        "tau",
        ("Fig. 7", "tau up to 1", "TAR rises with tau from 0.5 to 1.", "best at tau = 1"),
        "Holds where 1 is better than 0.5.",
        side=-1,
        value=0.5,
    ),
    _Course(
        "tau",
        ("Fig. 7", "tau beyond 1", "TAR falls as tau grows beyond 1.", "as above"),
        "Holds where 1 is better than the largest tau.",
        side=1,
        judged=-1,
    ),
)
