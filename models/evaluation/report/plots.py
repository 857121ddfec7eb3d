"""The plots of a report, as SVG that stands inside its HTML."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from models.evaluation.ablations import Ablation
from models.evaluation.error_discard import SHARES, TOLD_SHARE
from models.evaluation.probability_gap import ProbabilityGap
from models.evaluation.report.drawing import looks_of
from models.evaluation.report.report_document import PackResult
from models.evaluation.report.words import method_name, segment_name, stated_name
from models.labelled.rates.measured import MEASURED_FALSE_MATCHES, fmr_name
from models.pages.svg_drawing import COLOURS, COSINE, MATED, NON_MATED, PERCENT, PLAIN, svg


def det_plot(pack: PackResult) -> str:
    """Return the DET curves: FNMR against FMR on log axes, the lower the better."""
    looks = looks_of(pack)
    lowest = min(min((rate for rate in m.curves.det_fnmr if rate > 0), default=1e-3) for m in pack.methods)

    def draw(axes: list[Axes]) -> None:
        (axis,) = axes
        for method, look in zip(pack.methods, looks, strict=True):
            shown = np.maximum(method.curves.det_fnmr, lowest / 2)
            axis.plot(method.curves.det_fmr, shown, color=look.colour, linestyle=look.line, label=look.name)
        _mark(axis, pack, lowest / 2)
        least = MEASURED_FALSE_MATCHES / pack.non_mated_pairs
        left = min(1 / pack.non_mated_pairs, 0.25)
        axis.axvspan(left, max(left, least), color="#000000", alpha=0.05, linewidth=0)
        axis.set(xscale="log", yscale="log", xlabel="FMR", ylabel="FNMR", xlim=(left, 0.5), ylim=(lowest / 2, 1.15))
        axis.yaxis.set_major_formatter(PERCENT)
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)

    return svg(9.4, 4.6, 1, 1, draw)


def _mark(axis: Axes, pack: PackResult, lowest: float) -> None:
    """Mark the operating points that bundles state, each called by its rate once."""
    looks = {(m.label, m.bundle): look for m, look in zip(pack.methods, looks_of(pack), strict=True)}
    named: set[str] = set()
    for stated in pack.stated:
        look = looks.get((stated.label, stated.bundle), looks["cosine", None])
        for mark in stated.marks:
            if not mark.fmr:
                continue
            place = (mark.fmr, max(mark.fnmr, lowest))
            axis.plot(*place, look.marker, color=look.colour, markersize=5, markeredgecolor="white")
            if mark.name not in named:
                named.add(mark.name)
                text = mark.name.removeprefix("fmr_")
                axis.annotate(text, place, xytext=(4, 5), textcoords="offset points", fontsize=8)


def error_discard_plot(pack: PackResult) -> str:
    """Return FNMR against the share of the faces that are left out, the poorest first."""

    def draw(axes: list[Axes]) -> None:
        (axis,) = axes
        for method, look in zip(pack.methods, looks_of(pack), strict=True):
            found = method.error_discard
            if found is None:
                continue
            shares = [point.discarded for point in found.points]
            value, low, high = (
                np.array([getattr(point.fnmr, end) for point in found.points]) for end in ("value", "low", "high")
            )
            axis.plot(shares, value, markersize=4, label=look.name, **look.style)
            axis.fill_between(shares, low, high, color=look.colour, alpha=0.1, linewidth=0)
        axis.axvline(TOLD_SHARE, color="#bbbbbb", linewidth=1, zorder=0)
        axis.set(xlabel="faces left out, the poorest first", ylabel="FNMR of the pairs left", xlim=(0, SHARES[-1]))
        axis.set_ylim(bottom=0)
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_major_formatter(PERCENT)
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)

    return svg(9.4, 3.6, 1, 1, draw)


def distributions_plot(pack: PackResult) -> str:
    """Return the scores of mated and non-mated pairs by method (Fig. 9)."""
    panels = []
    for method in pack.methods:
        curves, title = method.curves, f"{method_name(method, pack)}\noverlap {method.overlap:.4f}"
        shares = {"non-mated": curves.non_mated, "mated": curves.mated}
        panels.append((title, "log of the score" if curves.log_scores else "score", curves.score_edges, shares))
    return _histograms(panels, "upper right")


def probability_gap_plot(gap: ProbabilityGap) -> str:
    """Return the scores of the faces in two segments of probability by method (Fig. 8 and 9)."""
    low, high = map(segment_name, gap.segments)
    return _histograms(
        [(f"{m.label}\noverlap {m.overlap:.3f}", "", m.edges, {low: m.low, high: m.high}) for m in gap.methods],
        "upper left",
    )


def _histograms(
    panels: Sequence[tuple[str, str, tuple[float, ...], dict[str, tuple[float, ...]]]],
    legend: Literal["upper left", "upper right"],
) -> str:
    """Draw two histograms on each panel, given by its title, its label and its edges."""
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)

    def draw(axes: list[Axes]) -> None:
        for axis, (title, label, edges, shares) in zip(axes, panels, strict=False):
            for (name, share), colour in zip(shares.items(), (NON_MATED, MATED), strict=True):
                axis.stairs(share, edges, color=colour, fill=True, alpha=0.35)
                axis.stairs(share, edges, color=colour, label=name, linewidth=1.2)
            axis.set_title(title, loc="left")
            axis.set(xlabel=label, yticks=[])
            axis.grid(visible=False)
        for axis in axes[len(panels) :]:
            axis.set_visible(False)
        axes[0].legend(loc=legend, fontsize=8)

    return svg(3.4 * columns, 2.5 * rows, columns, rows, draw)


def identification_plot(pack: PackResult) -> str:
    """Return rank-1 rates against the number of distractors."""

    def draw(axes: list[Axes]) -> None:
        (axis,) = axes
        for method, look in zip(pack.methods, looks_of(pack), strict=True):
            if method.identification:
                shares = [share.value for share in method.identification.rank1]
                axis.plot(method.identification.distractors, shares, markersize=4, label=look.name, **look.style)
        axis.set(xscale="log", xlabel="distractors", ylabel="rank-1 rate")
        axis.xaxis.set_major_formatter(PLAIN)
        axis.yaxis.set_major_formatter(PERCENT)
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)

    return svg(9.4, 3.4, 1, 1, draw)


def reliability_plot(pack: PackResult) -> str:
    """Return observed against stated false-match rates, the diagonal being perfect."""
    looks = {(m.label, m.bundle): look for m, look in zip(pack.methods, looks_of(pack), strict=True)}

    def draw(axes: list[Axes]) -> None:
        (axis,) = axes
        axis.plot([1e-9, 1], [1e-9, 1], color="#999999", linewidth=1, label="stated = observed")
        # A small set shows no rate at all; its axes are then those of a set that shows the largest.
        smallest = 0.1
        for stated in pack.stated:
            if stated.reliability is None:
                continue
            look = looks.get((stated.label, stated.bundle), looks["cosine", None])
            rates, observed = np.array(stated.reliability.stated), stated.reliability.observed
            value, low, high = (
                np.array([getattr(share, end) if share.low is not None else share.value for share in observed])
                for end in ("value", "low", "high")
            )
            seen = value > 0
            axis.plot(rates[seen], value[seen], markersize=3, label=stated_name(stated, pack), **look.style)
            # A log axis has no place for 0, where an interval may well end.
            low = np.maximum(low, 1e-12)
            axis.fill_between(rates[seen], low[seen], high[seen], color=look.colour, alpha=0.12, linewidth=0)
            smallest = min((smallest, *rates))
        limits = (smallest / 3, 0.3)
        axis.set(xscale="log", yscale="log", xlabel="stated FMR", ylabel="observed FMR", xlim=limits, ylim=limits)
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)

    return svg(8.0, 4.8, 1, 1, draw)


def groups_plot(pack: PackResult, level: int) -> str:
    """Return FMR and FNMR of every group by method, at one threshold for all."""
    looks = looks_of(pack)
    names = [row.group for row in pack.methods[0].groups[level].rows]
    target = pack.methods[0].groups[level].fmr

    def draw(axes: list[Axes]) -> None:
        step = 0.7 / len(pack.methods)
        for number, (method, look) in enumerate(zip(pack.methods, looks, strict=True)):
            places = np.arange(len(names)) + step * (number - (len(pack.methods) - 1) / 2)
            for place, row in zip(places, method.groups[level].rows, strict=True):
                for axis, rate in zip(axes, (row.fmr, row.fnmr), strict=True):
                    if rate is None:
                        continue
                    if rate.low is not None and rate.high is not None:
                        axis.plot([rate.low, rate.high], [place, place], color=look.colour, linewidth=1.2, alpha=0.6)
                    axis.plot(rate.value, place, look.marker, color=look.colour, markersize=5)
        axes[0].set(xlabel="FMR within the group", yticks=range(len(names)), yticklabels=names)
        axes[0].set_xscale("symlog", linthresh=target / 10)
        axes[0].set_xlim(left=0)
        axes[0].axvline(target, color="#999999", linewidth=1)
        axes[1].set(xlabel="FNMR within the group", yticks=range(len(names)), yticklabels=[])
        axes[1].xaxis.set_major_formatter(PERCENT)
        for axis in axes:
            axis.invert_yaxis()
            axis.grid(visible=True, axis="x")
            axis.grid(visible=False, axis="y")
        for look in looks:
            axes[1].plot([], [], look.marker, color=look.colour, label=look.name)
        axes[1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))

    return svg(9.2, 1.4 + 0.16 * len(names) * (1 + len(pack.methods)), 2, 1, draw)


def ablation_plot(found: Ablation) -> str:
    """Return TAR against the values of a parameter, the cosine as a line (Fig. 6 and 7)."""
    values = np.array([point.value for point in found.points])

    def draw(axes: list[Axes]) -> None:
        for place, (axis, fmr) in enumerate(zip(axes, found.fmrs, strict=True)):
            shown, low, high = (
                1 - np.array([getattr(point, kind)[place] for point in found.points])
                for kind in ("fnmr", "highest", "lowest")
            )
            axis.plot(values, shown, color=COLOURS[0], marker="o", markersize=4, label="ida-r")
            axis.fill_between(values, low, high, color=COLOURS[0], alpha=0.15, linewidth=0)
            axis.axhline(1 - found.cosine[place], color=COSINE, linestyle="--", linewidth=1.2, label="cosine")
            axis.axvline(found.in_force, color="#bbbbbb", linewidth=1, zorder=0)
            axis.set_title(f"TAR at FAR {fmr_name(fmr)}", loc="left")
            axis.set_xlabel({"anchors": "anchors", "k": "k", "tau": "τ", "strength": "strength a"}[found.knob])
            axis.yaxis.set_major_formatter(PERCENT)
            if found.knob != "strength":
                axis.set_xscale("log")
                axis.xaxis.set_major_formatter(PLAIN)
                axis.xaxis.set_minor_formatter(NullFormatter())
        axes[0].legend(fontsize=8)

    columns = len(found.fmrs)
    return svg(max(4.0, 3.3 * columns), 2.7, columns, 1, draw)
