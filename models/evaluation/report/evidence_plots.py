"""Plots of what scores are worth as evidence, and between which groups a threshold means what."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm

from models.evaluation.groups import GroupRates
from models.evaluation.report.drawing import looks_of
from models.evaluation.report.report_document import PackResult
from models.evaluation.report.words import method_name
from models.pages.svg_drawing import INK, MATED, PERCENT, svg

# NIST's convention: grey on target, red above it, blue below.
_BELOW, _ON_TARGET, _ABOVE = "#2166ac", "#d0d0d0", "#b2182b"
_IN_CELL = "#111111"
_DECADES = 2.0
_NAME = 20
MOST_GROUPS = 24
"""More groups than these have no cells that can be read."""


def llr_plot(pack: PackResult) -> str:
    """Return observed against stated log-likelihood ratios of the methods that state some."""

    def draw(axes: list[Axes]) -> None:
        (axis,) = axes
        furthest = 1.0
        for method, look in zip(pack.methods, looks_of(pack), strict=True):
            shown = [found for found in method.likelihood.reliability if found.observed is not None]
            stated, observed = ([getattr(found, end) for found in shown] for end in ("stated", "observed"))
            if shown:
                axis.plot(stated, observed, markersize=4, label=look.name, **look.style)
                furthest = max(furthest, *map(abs, stated), *map(abs, observed))
        line = [-1.1 * furthest, 1.1 * furthest]
        axis.plot(line, line, color="#999999", linewidth=1, label="stated = observed", zorder=0)
        axis.set(xlabel="stated llr", ylabel="observed log ratio", xlim=line, ylim=line)
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)

    return svg(8.0, 4.2, 1, 1, draw)


def group_pairs_plot(pack: PackResult, level: int) -> str:
    """Return log10 FMR by pairs of groups as a heat map, and FNMR by group beside it, a row of both a method."""
    names = [row.group for row in pack.methods[0].groups[level].rows]

    def draw(axes: list[Axes]) -> None:
        for place, method in enumerate(pack.methods):
            _heat_map(axes[2 * place], method.groups[level], names)
            if place + 1 < len(pack.methods):
                axes[2 * place].set_xticklabels([])
            axes[2 * place].set_title(method_name(method, pack), loc="left")
            _fnmr(axes[2 * place + 1], method.groups[level])

    height = 1.3 + (0.9 + 0.42 * len(names)) * len(pack.methods)
    return svg(4.6 + 0.5 * len(names), height, 2, len(pack.methods), draw)


def _heat_map(axis: Axes, rates: GroupRates, names: list[str]) -> None:
    shown = np.full((len(names), len(names)), np.nan)
    for cell in rates.pairs:
        one, other = names.index(cell.first), names.index(cell.second)
        if cell.fmr is None or cell.fmr_high is None:
            continue
        text = f"{np.log10(cell.fmr):.1f}" if cell.fmr else f"<{np.log10(cell.fmr_high):.1f}"
        for row, column in {(one, other), (other, one)}:
            # Where nobody was taken for another, no more than the bound is known, which is no rate to colour.
            shown[row, column] = np.log10(cell.fmr) if cell.fmr else np.nan
            # A cell is as light on a dark page, and its text as dark; without a colour it is the page's.
            ink = _IN_CELL if cell.fmr else INK
            axis.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    target = float(np.log10(rates.fmr))
    colours = LinearSegmentedColormap.from_list("target", [_BELOW, _ON_TARGET, _ABOVE])
    edges = np.arange(len(names) + 1) - 0.5
    # As shapes and not as a picture, which would not print sharp.
    axis.pcolormesh(edges, edges, shown, cmap=colours, norm=TwoSlopeNorm(target, target - _DECADES, target + _DECADES))
    axis.invert_yaxis()
    short = [name if len(name) <= _NAME else f"{name[:_NAME]}..." for name in names]
    axis.set_yticks(range(len(names)), short)
    axis.set_xticks(range(len(names)), short, rotation=45, ha="right", rotation_mode="anchor")
    axis.grid(visible=False)


def _fnmr(axis: Axes, rates: GroupRates) -> None:
    for place, row in enumerate(rates.rows):
        if row.fnmr is None:
            continue
        axis.barh(place, row.fnmr.value, height=0.6, color=MATED, alpha=0.5)
        if row.fnmr.low is not None and row.fnmr.high is not None:
            axis.plot([row.fnmr.low, row.fnmr.high], [place, place], color="#333333", linewidth=1.2)
    axis.set(xlabel="FNMR", yticks=range(len(rates.rows)), yticklabels=[], ylim=(len(rates.rows) - 0.5, -0.5))
    axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter(PERCENT)
    axis.grid(visible=False, axis="y")
