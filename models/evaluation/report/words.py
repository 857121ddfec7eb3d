"""How results are put into words: the same in the terminal and in the HTML report."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from models.evaluation.method_rates import FnmrAtFmr
from models.evaluation.report.report_document import MethodResult, PackResult, SetResult, StatedRates
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import fmr_name
from models.pages.number_words import in_words, percent, rate_text
from service.scoring.decision import Decision
from service.scoring.population import MEASURES

DECISIONS: tuple[Decision, ...] = ("match", "inconclusive", "non_match")
"""In the order in which tables tell them."""

PlainVerdict = Literal["better", "worse", "level", "unknown"]


def method_name(method: MethodResult, pack: PackResult) -> str:
    """Return a method's label, its bundle added where the pack has several."""
    return method.label if method.bundle is None or len(pack.bundles) < 2 else f"{method.label} ({method.bundle})"


def segment_name(segment: tuple[float, float]) -> str:
    """Return a segment of probability in words."""
    return f"p {_probability(segment[0])} to {_probability(segment[1])}"


def _probability(value: float) -> str:
    # What tells probabilities near 1 apart is how little they lack.
    return f"{value:.3g}" if value < 0.99 else f"1 - {1 - value:.0e}"


def stated_name(stated: StatedRates, pack: PackResult) -> str:
    """Return the label of a method whose rates a bundle states, the bundle added where the pack has several."""
    return stated.label if len(pack.bundles) < 2 else f"{stated.label} ({stated.bundle})"


def limits_text(stated: StatedRates) -> str:
    """Return the limits that decide, in words."""
    signs = {"low": "at least", "high": "at most"}
    return " and ".join(f"{name} {signs[MEASURES[name].poor_end]} {limit:g}" for name, limit in stated.limits.items())


def rate_interval(found: Interval) -> str:
    """Return a false-match rate with its interval in brackets."""
    return found.text(rate_text)


def interval_text(found: Interval | None, signed: bool = False) -> str:
    """Return a share in percent with its interval in brackets."""
    return "-" if found is None else found.text(partial(percent, signed=signed))


def verdict(rate: FnmrAtFmr) -> PlainVerdict:
    """Return whether a method is better than the cosine beyond the noise of its people."""
    gain = rate.gain
    if gain is None or gain.low is None or gain.high is None:
        return "unknown"
    if gain.low > 0:
        return "better"
    return "worse" if gain.high < 0 else "level"


def judged(method: MethodResult, cosine: MethodResult) -> str:
    """Return a sentence that compares a method with the cosine, rate by rate."""
    parts: dict[PlainVerdict, list[str]] = {"better": [], "worse": [], "level": [], "unknown": []}
    for rate, reference in zip(method.rates, cosine.rates, strict=True):
        if rate.fnmr is None or reference.fnmr is None:
            continue
        kind = verdict(rate)
        text = fmr_name(rate.fmr)
        if kind in ("better", "worse"):
            text += f" (FNMR {percent(rate.fnmr.value)} % instead of {percent(reference.fnmr.value)} %)"
        parts[kind].append(text)
    said = []
    if parts["better"]:
        said.append(f"better than the cosine at FMR {in_words(parts['better'])}")
    if parts["worse"]:
        said.append(f"worse than the cosine at FMR {in_words(parts['worse'])}")
    if parts["level"]:
        said.append(f"within the noise of the cosine at FMR {in_words(parts['level'])}")
    return "; ".join(said) or "nothing can be said: the pairs are too few"


def set_facts(labelled: SetResult, pack: PackResult) -> str:
    """Return what was compared, in a sentence."""
    failed = labelled.faces - pack.detected
    reasons = ", ".join(f"{reason} {count}" for reason, count in pack.failures.items())
    faces = f"{labelled.faces:,} {labelled.compared} of {pack.people:,} people"
    if failed:
        faces += (
            f" ({failed:,} without a face: {reasons}; {pack.lost_mated_pairs:,} mated pairs lost count as rejected)"
        )
    return (
        f"{faces}; {labelled.protocol}: {pack.mated_pairs:,} mated, {pack.non_mated_pairs:,} non-mated "
        f"between {pack.identity_pairs:,} pairs of people."
    )


def smallest_note(rates: Sequence[FnmrAtFmr]) -> str:
    """Return which rates the pairs measure, which they only hint at, and which they cannot show."""
    by_quality = {
        kind: [fmr_name(rate.fmr) for rate in rates if rate.quality == kind] for kind in ("wide", "extrapolated")
    }
    measured = [rate.fmr for rate in rates if rate.quality == "measured"]
    said = [f"The smallest measured FMR is {fmr_name(min(measured))}" if measured else "No FMR is measured"]
    if by_quality["wide"]:
        said.append(f"fewer than 30 false matches stand behind {in_words(by_quality['wide'])} (*)")
    if by_quality["extrapolated"]:
        said.append(f"too few pairs for {in_words(by_quality['extrapolated'])}")
    return "; ".join(said) + "."
