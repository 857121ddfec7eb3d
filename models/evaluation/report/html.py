"""The report as one HTML file that needs nothing besides itself."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from models.evaluation.report import evidence_plots, plots
from models.evaluation.report.report_document import MethodResult, PackResult, Report, SetResult, StatedRates
from models.evaluation.report.words import (
    DECISIONS,
    interval_text,
    judged,
    limits_text,
    method_name,
    percent,
    rate_interval,
    rate_text,
    set_facts,
    smallest_note,
    stated_name,
    verdict,
)
from models.labelled.rates.measured import fmr_name
from models.labelled.rates.rate_ratio import ratio_text, verdict_text

_FILTERS = {
    "fmr_name": fmr_name,
    "interval": interval_text,
    "limits": limits_text,
    "percent": percent,
    "rate": rate_text,
    "rate_interval": rate_interval,
    "ratio": ratio_text,
    "verdict_text": verdict_text,
    "verdict": verdict,
}
KINDS = {
    "mated_corrected": "One person, rejected by the cosine and accepted by the method",
    "mated_broken": "One person, accepted by the cosine and rejected by the method",
    "non_mated_corrected": "Two people, accepted by the cosine and rejected by the method",
    "non_mated_broken": "Two people, rejected by the cosine and accepted by the method",
}


@dataclass(frozen=True, slots=True)
class Section:
    """What the template shows of one labelled set with one pack."""

    anchor: str
    title: str
    labelled: SetResult
    pack: PackResult
    facts: str
    note: str
    judged: tuple[tuple[str, str], ...]
    det: Markup
    distributions: Markup
    error_discard: Markup | None
    identification: Markup | None
    reliability: Markup | None
    groups: tuple[Markup, ...]
    group_pairs: tuple[Markup, ...]
    likelihood: Markup | None
    ablations: tuple[Markup, ...]
    probability_gap: Markup | None
    unstated: dict[str, list[str]]
    often: tuple[tuple[str, int], ...]
    often_of: int

    def name(self, method: MethodResult) -> str:
        """Return what the tables call a method."""
        return method_name(method, self.pack)

    def stated_name(self, stated: StatedRates) -> str:
        """Return what the tables call a method whose rates are stated."""
        return stated_name(stated, self.pack)


def to_html(report: Report) -> bytes:
    """Return the report as an HTML document."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    sections = [
        _section(f"set-{number}-{place}", labelled, pack)
        for number, labelled in enumerate(report.sets)
        for place, pack in enumerate(labelled.packs)
    ]
    return (
        environment.get_template("report.html.j2")
        .render(report=report, sections=sections, kinds=KINDS, decisions=DECISIONS)
        .encode()
    )


def _section(anchor: str, labelled: SetResult, pack: PackResult) -> Section:
    cosine = pack.methods[0]
    return Section(
        anchor=anchor,
        title=labelled.name if pack.pack is None else f"{labelled.name} with {pack.pack}",
        labelled=labelled,
        pack=pack,
        facts=set_facts(labelled, pack),
        note=smallest_note(cosine.rates),
        judged=tuple((method_name(method, pack), judged(method, cosine)) for method in pack.methods[1:]),
        det=_safe(plots.det_plot(pack)),
        distributions=_safe(plots.distributions_plot(pack)),
        error_discard=(
            _safe(plots.error_discard_plot(pack)) if any(method.error_discard for method in pack.methods) else None
        ),
        identification=(
            _safe(plots.identification_plot(pack)) if any(method.identification for method in pack.methods) else None
        ),
        reliability=(
            _safe(plots.reliability_plot(pack)) if any(stated.reliability for stated in pack.stated) else None
        ),
        groups=tuple(_safe(plots.groups_plot(pack, level)) for level in range(len(cosine.groups))),
        group_pairs=tuple(
            _safe(evidence_plots.group_pairs_plot(pack, level))
            for level, rates in enumerate(cosine.groups)
            if len(rates.rows) <= evidence_plots.MOST_GROUPS
        ),
        likelihood=(
            _safe(evidence_plots.llr_plot(pack))
            if any(method.likelihood.reliability for method in pack.methods)
            else None
        ),
        ablations=tuple(_safe(plots.ablation_plot(found)) for found in pack.ablations),
        probability_gap=_safe(plots.probability_gap_plot(pack.probability_gap)) if pack.probability_gap else None,
        unstated=_unstated(pack),
        often=_often(cosine),
        often_of=len(cosine.highest_non_mated),
    )


def _safe(plot: str) -> Markup:
    # The plots' own text was escaped when they were drawn.
    return Markup(plot)  # noqa: S704


def _unstated(pack: PackResult) -> dict[str, list[str]]:
    """Return the methods without stated rates by the reason why."""
    reasons: dict[str, list[str]] = {}
    for stated in pack.stated:
        if stated.reliability is None:
            reasons.setdefault(stated.reason, []).append(stated_name(stated, pack))
    return reasons


def _often(cosine: MethodResult) -> tuple[tuple[str, int], ...]:
    """Return the people who stand most often behind the highest non-mated pairs, with how often."""
    counts = Counter(" and ".join(sorted(pair.identities)) for pair in cosine.highest_non_mated)
    return tuple((names, count) for names, count in counts.most_common(5) if count > 1)
