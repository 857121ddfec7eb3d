"""How every plot of a page looks, and how one becomes SVG whose colours follow the page, light or dark."""

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

# Okabe and Ito's colours, which people who see colours differently can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#7A5195")
COSINE = "#222222"
MATED, NON_MATED = "#009E73", "#D55E00"
PERCENT = FuncFormatter(lambda value, _: f"{round(100 * value, 6):g} %")
PLAIN = FuncFormatter(lambda value, _: f"{value:,g}")
INK = "#333333"
_SOFT, _EDGE, _GRID = "#555555", "#888888", "#e6e6e6"
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _EDGE,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    # Text stays text: it can be read aloud, searched and copied.
    "svg.fonttype": "none",
    "svg.hashsalt": "ida-verify",
}
# The names that style.css.j2 gives these colours, and others on a dark page.
_NAMED = {
    INK: "--plot-ink",
    "#000000": "--plot-ink",
    _SOFT: "--plot-soft",
    _EDGE: "--plot-edge",
    _GRID: "--plot-grid",
    COSINE: "--plot-cosine",
    "#ffffff": "--paper",
    **{colour.lower(): f"--plot-{number}" for number, colour in enumerate(COLOURS)},
}
_COLOUR = re.compile(r"\b(fill|stroke): (#[0-9a-f]{6})\b")


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
    return _COLOUR.sub(_named, text[text.index("<svg") :])


def _named(found: re.Match[str]) -> str:
    name = _NAMED.get(found[2])
    return found[0] if name is None else f"{found[1]}: var({name}, {found[2]})"
