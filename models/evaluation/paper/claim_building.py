"""How a claim is made of what was measured: findings, by form of DAO, and what follows from them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models.evaluation.contrasts import Contrast, Form
from models.evaluation.paper.paper_document import Bearing, Finding, PaperClaim, judge
from models.evaluation.report.report_document import MethodResult, PackResult
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import fmr_name

FORMS: tuple[Form, ...] = ("paper", "tuned", "any")

Said = tuple[str, str, str, str]
"""Place and title of a claim, the paper's sentence, and the paper's figures."""

Bears = Callable[[Interval, float], Bearing]
"""What a difference says of a claim, given the share of errors that it is taken from."""


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """One labelled set with one pack, as claims are judged on it.

    Attributes:
        name: what the report calls it.
        pack: what was measured.
    """

    name: str
    pack: PackResult


def form_of_result(result: MethodResult) -> Form:
    """Return in which form a method of the report has DAO."""
    strength = result.parameters.get("pfe_strength", result.parameters.get("strength"))
    if strength is None:
        return "any"
    return "paper" if strength == 1 and not result.parameters.get("norm_power") else "tuned"


def first_bundle_methods(one: MeasuredSet) -> list[MethodResult]:
    """Return the methods of the first bundle, that of the paper's tables other than Table 4."""
    methods = one.pack.methods[1:]
    return [method for method in methods if method.bundle == methods[0].bundle]


def of_first_bundle(one: MeasuredSet, method: str) -> list[MethodResult]:
    """Return one method of the first bundle in each of its forms."""
    return [result for result in first_bundle_methods(one) if result.method == method]


def told(name: str, contrast: Contrast, what: str, pack: PackResult, bearing: Bears) -> Iterator[Finding]:
    """Yield the mean over the rates that are judged, and the rates themselves beside it.

    Args:
        name: of the labelled set.
        contrast: the two methods.
        what: what they are, in words.
        pack: has their rates.
        bearing: what a difference says of the claim, given the errors that it is taken from.
    """
    if contrast.mean is None:
        return
    span = ", ".join(map(fmr_name, contrast.span))
    value = 1 - contrast.room + contrast.mean.value
    at = f"FMR {span}" if len(contrast.span) == 1 else f"mean of FMR {span}"
    yield Finding(name, what, at, 1 - contrast.room, value, contrast.mean, bearing(contrast.mean, contrast.room))
    other = _rates_of(pack, contrast.against, contrast.against_bundle, contrast.form)
    for fmr, gain in zip(contrast.fmrs, contrast.gains, strict=True):
        if fmr == contrast.span[0] and len(contrast.span) == 1:
            continue
        tar = 1 - other[fmr]
        # Fewer than 30 false matches stand behind rates below the smallest measured one.
        at = f"FMR {fmr_name(fmr)}{', few pairs' if fmr < min(contrast.span) else ''}"
        yield Finding(name, what, at, tar, tar + gain.value, gain, bearing(gain, 1 - tar), judged=False)


def _rates_of(pack: PackResult, method: str, bundle: str | None, form: Form) -> dict[float, float]:
    """Return the FNMR of a method at each rate."""
    found = [m for m in pack.methods if m.method == method and m.bundle == bundle]
    own = next((m for m in found if form_of_result(m) == form), found[0])
    return {rate.fmr: rate.fnmr.value for rate in own.rates if rate.fnmr is not None}


def claim(said: Said, rule: str, by_form: dict[Form, list[Finding]], missing: str) -> PaperClaim:
    """Return a claim with its verdicts.

    Args:
        said: its place, title, the paper's sentence and the paper's figures.
        rule: when it holds.
        by_form: what bears on it, by form of DAO.
        missing: why it was not tried, where nothing bears on it.
    """
    place, title, says, figures = said
    verdicts = tuple(judge(form, by_form[form]) for form in FORMS if by_form.get(form))
    return PaperClaim(place, title, says, figures, rule, verdicts, "" if verdicts else missing)
