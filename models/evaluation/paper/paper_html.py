"""The report of the paper's claims as one HTML file that needs nothing besides itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes

from models.evaluation.changes import ListedPair
from models.evaluation.descents import Descent
from models.evaluation.paper.claim_building import MeasuredSet, of_first_bundle
from models.evaluation.paper.paper_document import PaperClaim, PaperReport
from models.evaluation.paper.paper_report import measured_sets
from models.evaluation.paper.paper_words import (
    BEARINGS,
    FORM_NAMES,
    difference,
    from_to,
    kind_text,
    verdict_name,
    verdict_of,
)
from models.evaluation.report import plots
from models.evaluation.report.html import KINDS
from models.pages.html_page import drawn, page_of
from models.pages.svg_drawing import COLOURS, PLAIN, svg

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class PaperPlace:
    """What the page shows of one table or figure of the paper.

    Attributes:
        anchor: what links name it by.
        name: the paper's name.
        claims: its claims.
        figures: what is drawn, each with its caption.
        pairs: by set and kind, pairs that were decided otherwise.
    """

    anchor: str
    name: str
    claims: tuple[PaperClaim, ...]
    figures: tuple[tuple[Markup, str], ...]
    pairs: tuple[tuple[str, tuple[ListedPair, ...]], ...]


def paper_to_html(report: PaperReport) -> bytes:
    """Return the report as an HTML document."""
    sets = measured_sets(report.evaluation)
    places = [
        PaperPlace(f"place-{number}", name, tuple(claims), tuple(_figures(name, sets)), tuple(_pairs(name, sets)))
        for number, (name, claims) in enumerate(groupby(report.claims, key=lambda claim: claim.place))
    ]
    return page_of(
        Path(__file__).parent,
        "paper.html.j2",
        {"from_to": from_to, "difference": difference, "verdict_name": verdict_name, "kind_text": kind_text},
        report=report,
        sets=sets,
        places=places,
        verdict_of=verdict_of,
        bearings=BEARINGS,
        forms=FORM_NAMES,
    )


def descent_plot(found: Descent) -> str:
    """Return the similarities to the anchors in descending order, the mean of the faces and their middle 90 %."""

    def draw(axes: list[Axes]) -> None:
        for axis, scale in zip(axes, ("linear", "log"), strict=True):
            axis.plot(found.ranks, found.mean, color=COLOURS[0])
            axis.fill_between(found.ranks, found.lowest, found.highest, color=COLOURS[0], alpha=0.15, linewidth=0)
            axis.axhline(0, color="#999999", linewidth=1)
            axis.set(xscale=scale, xlabel="anchors, the nearest first", ylabel="cosine")
            axis.xaxis.set_major_formatter(PLAIN)

    return svg(9.4, 3.0, 2, 1, draw)


def _figures(name: str, sets: list[MeasuredSet]) -> Iterator[tuple[Markup, str]]:
    draw = _DRAWN.get(name)
    for one in sets if draw else ():
        for plot, caption in draw(one) if draw else ():
            yield drawn(plot), f"{one.name}{caption}"


def _det(one: MeasuredSet) -> Iterator[tuple[str, str]]:
    yield plots.det_plot(one.pack), ": FNMR against FMR, lower is better."


def _ranks(one: MeasuredSet) -> Iterator[tuple[str, str]]:
    if one.pack.methods[0].identification:
        yield plots.identification_plot(one.pack), ": rank-1 rate against the number of distractors."


def _spread(one: MeasuredSet) -> Iterator[tuple[str, str]]:
    yield plots.distributions_plot(one.pack), ": mated and non-mated pairs by score."


def _falls(one: MeasuredSet) -> Iterator[tuple[str, str]]:
    for found in one.pack.descents:
        yield descent_plot(found), f", {found.bundle}: mean of {found.faces} faces, shaded their middle 90 %."


def _gaps(one: MeasuredSet) -> Iterator[tuple[str, str]]:
    if one.pack.probability_gap:
        yield (
            plots.probability_gap_plot(one.pack.probability_gap),
            ": faces against the centre of their person's other faces, by segment of softmax probability.",
        )


def _varied(*knobs: str) -> Callable[[MeasuredSet], Iterator[tuple[str, str]]]:
    def draw(one: MeasuredSet) -> Iterator[tuple[str, str]]:
        for found in one.pack.ablations:
            if found.knob in knobs:
                yield plots.ablation_plot(found), f", {found.bundle}. {found.note}"

    return draw


_DRAWN: dict[str, Callable[[MeasuredSet], Iterator[tuple[str, str]]]] = {
    "Table 1": _det,
    "Table 3": _ranks,
    "Fig. 2b": _spread,
    "Fig. 3": _falls,
    "Fig. 6a": _varied("k"),
    "Fig. 6b": _varied("anchors"),
    "Fig. 7": _varied("tau"),
    "Fig. 9": _gaps,
}


def _pairs(name: str, sets: list[MeasuredSet]) -> Iterator[tuple[str, tuple[ListedPair, ...]]]:
    for one in sets if name == "Fig. 10" else ():
        for result in of_first_bundle(one, "ida-r"):
            for kind, words in KINDS.items():
                if result.changes and result.changes.examples[kind]:
                    yield f"{one.name}, {result.label}. {words}", result.changes.examples[kind][:_EXAMPLES]
