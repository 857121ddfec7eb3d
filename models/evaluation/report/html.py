"""The report as one HTML file that needs nothing besides itself."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from models.evaluation.report import evidence_plots, plots
from models.evaluation.report.drawing import drawn_methods
from models.evaluation.report.report_document import MethodResult, PackResult, Report, SetResult, StatedRates
from models.evaluation.report.words import (
    DECISIONS,
    interval_text,
    judged,
    limits_text,
    method_name,
    set_facts,
    smallest_note,
    stated_name,
    verdict,
)
from models.labelled.rates.measured import fmr_name
from models.labelled.rates.people_needed import PeopleNeeded, people_needed
from models.labelled.rates.rate_ratio import times_text, verdict_text
from models.pages.html_page import drawn, page_of
from models.pages.number_words import percent, rate_text

_FILTERS: dict[str, Callable[..., Any]] = {
    "fmr_name": fmr_name,
    "interval": interval_text,
    "limits": limits_text,
    "percent": percent,
    "rate": rate_text,
    "times": times_text,
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
    needed: tuple[PeopleNeeded, ...]
    drawn: tuple[str, ...]
    left_out: bool
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


def to_html(
    report: Report, thumbnails: Mapping[tuple[str, str], str] | None = None, *, all_curves: bool = False
) -> bytes:
    """Return the report as an HTML document.

    Args:
        report: what was measured.
        thumbnails: data URIs of the listed pictures by set and name; None for a page without faces.
        all_curves: draw every method, in place of the few that ``drawn_methods`` names.
    """
    sections = [
        _section(f"set-{number}-{place}", labelled, pack, all_curves=all_curves)
        for number, labelled in enumerate(report.sets)
        for place, pack in enumerate(labelled.packs)
    ]
    return page_of(
        Path(__file__).parent,
        "report.html.j2",
        _FILTERS,
        report=report,
        sections=sections,
        kinds=KINDS,
        decisions=DECISIONS,
        thumbnails=thumbnails or {},
        faces={key: f"face-{number}" for number, key in enumerate(thumbnails or {})},
    )


def _section(anchor: str, labelled: SetResult, pack: PackResult, *, all_curves: bool) -> Section:
    cosine = pack.methods[0]
    shown = pack if all_curves else drawn_methods(pack)
    return Section(
        anchor=anchor,
        title=labelled.name if pack.pack is None else f"{labelled.name} with {pack.pack}",
        labelled=labelled,
        pack=pack,
        facts=set_facts(labelled, pack),
        note=smallest_note(cosine.rates),
        needed=people_needed(pack.non_mated_pairs, pack.identity_pairs),
        drawn=tuple(method_name(method, pack) for method in shown.methods),
        left_out=len(shown.methods) < len(pack.methods),
        judged=tuple((method_name(method, pack), judged(method, cosine)) for method in pack.methods[1:]),
        det=drawn(plots.det_plot(shown)),
        distributions=drawn(plots.distributions_plot(shown)),
        error_discard=(
            drawn(plots.error_discard_plot(shown)) if any(method.error_discard for method in shown.methods) else None
        ),
        identification=(
            drawn(plots.identification_plot(shown)) if any(method.identification for method in shown.methods) else None
        ),
        reliability=(
            drawn(plots.reliability_plot(shown if any(one.reliability for one in shown.stated) else pack))
            if any(stated.reliability for stated in pack.stated)
            else None
        ),
        groups=tuple(drawn(plots.groups_plot(shown, level)) for level in range(len(cosine.groups))),
        group_pairs=tuple(
            drawn(evidence_plots.group_pairs_plot(shown, level))
            for level, rates in enumerate(cosine.groups)
            if len(rates.rows) <= evidence_plots.MOST_GROUPS
        ),
        likelihood=(
            drawn(evidence_plots.llr_plot(pack))
            if any(method.likelihood.reliability for method in pack.methods)
            else None
        ),
        ablations=tuple(drawn(plots.ablation_plot(found)) for found in pack.ablations),
        probability_gap=drawn(plots.probability_gap_plot(pack.probability_gap)) if pack.probability_gap else None,
        unstated=_unstated(pack),
        often=_often(cosine),
        often_of=len(cosine.highest_non_mated),
    )


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
