"""How the report of the paper's claims is put into words: the same in the terminal and on its page."""

from models.evaluation.paper.paper_document import AnchorKind, Bearing, Finding, PaperClaim, PaperVerdict
from models.evaluation.report.words import interval_text
from models.pages.number_words import percent

VERDICTS: dict[PaperVerdict, str] = {
    "holds": "holds",
    "does_not": "does not hold",
    "mixed": "differs between sets",
    "untold": "cannot be told with so few people",
    "not_tried": "not tried",
}
BEARINGS: dict[Bearing, str] = {"for": "for it", "against": "against it", "open": "within the noise"}
FORM_NAMES = {"paper": "Eq. 4 as the paper has it", "tuned": "as the bundle has it", "any": "without DAO's strength"}


def verdict_of(claim: PaperClaim, *forms: str) -> PaperVerdict | None:
    """Return the verdict on a claim in the first of some forms that it has one in; None where it has none."""
    if claim.not_tried:
        return "not_tried"
    by_form = {found.form: found.verdict for found in claim.verdicts}
    return next((by_form[form] for form in ("paper", "tuned", "any") if form in forms and form in by_form), None)


def verdict_name(verdict: PaperVerdict | None) -> str:
    """Return a verdict in words, "-" for none."""
    return "-" if verdict is None else VERDICTS[verdict]


def from_to(finding: Finding) -> str:
    """Return both shares, in percent."""
    return f"{'' if finding.reference is None else percent(finding.reference)} → {percent(finding.value)}"


def difference(finding: Finding) -> str:
    """Return the difference in points, with its interval."""
    return interval_text(finding.difference, signed=True)


def kind_text(kind: AnchorKind) -> str:
    """Return a bundle and the kind of its anchors, a sentence."""
    note = f" {kind.note}" if kind.note else ""
    return f"{kind.bundle}: {kind.kind}, {kind.anchors:,} anchors.{note}"
