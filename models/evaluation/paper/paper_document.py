"""What the paper claims, what is seen, and what follows, as the JSON file of ``ida-verify paper`` has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from models.evaluation.contrasts import Form
from models.evaluation.report.report_document import Report
from models.labelled.rates.interval import Interval

Bearing = Literal["for", "against", "open"]
"""What an interval says of a claim: wholly on its side, wholly on the other, or neither."""

PaperVerdict = Literal["holds", "does_not", "mixed", "untold", "not_tried"]
"""``mixed``: some intervals are for the claim, others against it. ``untold``: the people are too few to tell."""


LIKE_SHARE = 0.05
"""Share of the errors by which what is alike may differ; in the paper's tables it is up to 3.2 % (0.39 of 12.11)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure that bears on a claim.

    Attributes:
        set: name of the labelled set.
        what: what is compared with what.
        at: where: a false-match rate, a number of distractors, a value of a parameter.
        reference: what is compared with, a share; None where the claim is about one figure alone.
        value: what is compared, a share.
        difference: what the claim is about, an interval of 95 % over people.
        bearing: what it says of the claim.
        judged: whether the verdict rests on it; others are told beside it.
    """

    set: str
    what: str
    at: str
    reference: float | None
    value: float
    difference: Interval
    bearing: Bearing
    judged: bool = True


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """What is seen of a claim, with DAO in one form.

    Attributes:
        form: as Eq. 4 has it, or at the bundle's strength; "any" where DAO plays no part.
        verdict: what follows.
        findings: what it follows from.
    """

    form: Form
    verdict: PaperVerdict
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class PaperClaim:
    """One claim of a table or figure of the paper.

    Attributes:
        place: the table or figure.
        title: what it is about.
        says: what the paper claims, in a sentence.
        figures: the paper's own figures.
        rule: when the claim holds here, in a sentence.
        verdicts: by form of DAO; empty where it was not tried.
        not_tried: why it was not tried; "" where it was.
    """

    place: str
    title: str
    says: str
    figures: str
    rule: str
    verdicts: tuple[ClaimVerdict, ...] = ()
    not_tried: str = ""


@dataclass(frozen=True, slots=True)
class AnchorKind:
    """A bundle and the kind of its anchors.

    Attributes:
        bundle: name of the bundle.
        kind: the paper's name: fake-db, real-db, or weights of FC layers.
        anchors: how many there are.
        note: what was done with the people of real anchors; "" for nothing.
    """

    bundle: str
    kind: str
    anchors: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class PaperReport:
    """The report of ``ida-verify paper``.

    Attributes:
        kinds: the bundles.
        claims: in the order of the paper.
        evaluation: everything that was measured, as ``ida-verify evaluate`` has it.
    """

    kinds: tuple[AnchorKind, ...]
    claims: tuple[PaperClaim, ...]
    evaluation: Report


def better(difference: Interval, least: float = 0.0, errors: float = 1.0) -> Bearing:
    """Return what an interval says of the claim that something is better.

    Args:
        difference: above 0 where it is better.
        least: the smallest share of the errors that the paper's own gain takes away: an interval that ends below it is
            against the claim, however many people there are.
        errors: share of errors without the gain.
    """
    # Where no replicate differs at all, nothing was seen to vary, and nothing bounds what was not seen.
    if difference.low is None or difference.high is None or difference.low == difference.high:
        return "open"
    if difference.low > 0:
        return "for"
    return "against" if difference.high < max(0.0, least * errors) else "open"


def alike(difference: Interval, errors: float) -> Bearing:
    """Return what an interval says of the claim that two things differ by no more than a twentieth of the errors."""
    if difference.low is None or difference.high is None or difference.low == difference.high:
        return "open"
    margin = LIKE_SHARE * errors
    if -margin <= difference.low and difference.high <= margin:
        return "for"
    return "against" if difference.low > margin or difference.high < -margin else "open"


def judge(form: Form, findings: Sequence[Finding]) -> ClaimVerdict:
    """Return what follows from findings.

    Args:
        form: the form of DAO that they are of.
        findings: some of them judged, others told beside those.
    """
    seen = [finding.bearing for finding in findings if finding.judged]
    verdict: PaperVerdict = "untold"
    if "for" in seen:
        verdict = "mixed" if "against" in seen else "holds"
    elif "against" in seen:
        verdict = "does_not"
    return ClaimVerdict(form, verdict, tuple(findings))


def paper_to_json(report: PaperReport) -> bytes:
    """Return the report as JSON."""
    return TypeAdapter(PaperReport).dump_json(report, indent=2)
