"""How every plot of a report looks, and how one becomes SVG."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from models.evaluation.report.report_document import PackResult
from models.evaluation.report.words import method_name

# Okabe and Ito's colours, which people who see colours differently can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#7A5195")
COSINE = "#222222"
MATED, NON_MATED = "#009E73", "#D55E00"
PERCENT = FuncFormatter(lambda value, _: f"{round(100 * value, 6):g} %")
PLAIN = FuncFormatter(lambda value, _: f"{value:,g}")
_LINES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D")
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": "#333333",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    # Text stays text: it can be read aloud, searched and copied.
    "svg.fonttype": "none",
    "svg.hashsalt": "ida-verify",
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a method is drawn, the same in every plot of a pack."""

    name: str
    colour: str
    line: str
    marker: str

    @property
    def style(self) -> dict[str, Any]:
        """What matplotlib calls colour, line and marker."""
        return {"color": self.colour, "linestyle": self.line, "marker": self.marker}


def looks_of(pack: PackResult) -> list[Look]:
    """Return how each of a pack's methods is drawn: a colour for the method, a line and a marker for the bundle."""
    labels = list(dict.fromkeys(method.label for method in pack.methods[1:]))
    bundles = [bundle.name for bundle in pack.bundles]
    looks = [Look("cosine", COSINE, _LINES[0], _MARKERS[0])]
    for method in pack.methods[1:]:
        colour = COLOURS[labels.index(method.label) % len(COLOURS)]
        bundle = bundles.index(method.bundle) if method.bundle in bundles else 0
        looks.append(
            Look(method_name(method, pack), colour, _LINES[bundle % len(_LINES)], _MARKERS[bundle % len(_MARKERS)])
        )
    return looks


def svg(width: float, height: float, columns: int, rows: int, draw: Callable[[list[Axes]], None]) -> str:
    """Return what ``draw`` makes of rows times columns axes as an ``<svg>`` element; sizes in inches."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
        draw(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    # What stands before the element belongs to a file of its own.
    text = buffer.getvalue()
    return text[text.index("<svg") :]
