"""Findings as a picture: four panels in one PNG file, or on a page."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.anchors.inspection.findings import Findings
from models.anchors.inspection.neighbours import Neighbours
from models.output import writing
from service.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Two of Okabe and Ito's colours (2008), which colour-blind people tell apart.
_ANCHORS, _PROBES = "#0072B2", "#D55E00"
_BINS = 60


def draw(findings: Findings, path: Path) -> None:
    """Write the picture of an anchor set.

    Args:
        findings: what is shown.
        path: a .png file, written over.

    Raises:
        ReportNotWritten: if the disk does not take it.
    """
    # Imported here: matplotlib takes a second, and only a picture needs it.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 8.5), layout="constrained")
    draw_panels(findings, figure.subplots(2, 2).ravel().tolist())
    figure.suptitle(
        f"{findings.count} anchors, bundle {findings.bundle_id}: mean pair cosine "
        f"{findings.geometry.mean_pair_cosine:.3f}, effective dimension {findings.geometry.effective_dimension:.0f}"
    )
    with writing(path):
        figure.savefig(path, dpi=100, format="png")


def draw_panels(findings: Findings, panels: "list[Axes]") -> None:
    """Draw an anchor set on four axes."""
    nearest, crowding, ranks, variances = panels
    probes = findings.probes
    _histogram(nearest, findings.neighbours.nearest, None if probes is None else probes.neighbours.nearest)
    nearest.set(title="Nearest anchor", xlabel="cosine similarity", ylabel="share of faces per bin")
    if probes is not None:
        nearest.axvline(findings.guard, color="black", linestyle=":", label=f"guard {findings.guard:g}")
        nearest.legend(loc="best")
    _histogram(crowding, findings.crowding, None if probes is None else probes.crowding)
    crowding.set(
        title=f"Crowding (k = {findings.parameters.k}, tau = {findings.parameters.tau:g})",
        xlabel="soft mean of the support similarities",
        ylabel="share of faces per bin",
    )
    _by_rank(ranks, findings.neighbours, _ANCHORS, "anchors (other anchors)")
    if probes is not None:
        _by_rank(ranks, probes.neighbours, _PROBES, "real faces")
    ranks.axvline(findings.parameters.k, color="black", linestyle=":", label=f"k = {findings.parameters.k}")
    ranks.set(
        title="Support similarity against rank (mean, 10 to 90 %)",
        xlabel="rank of the anchor",
        ylabel="cosine similarity",
    )
    ranks.set_xscale("log")
    ranks.legend(loc="upper right")
    _variances(variances, findings)


def _histogram(axes: "Axes", anchors: Floats, probes: Floats | None) -> None:
    both = anchors if probes is None else np.concatenate([anchors, probes])
    edges = np.linspace(float(both.min()), float(both.max()) + 1e-6, _BINS + 1)
    for values, colour, label in ((anchors, _ANCHORS, "anchors (other anchors)"), (probes, _PROBES, "real faces")):
        if values is not None:
            weights = np.full(len(values), 1 / len(values))
            axes.hist(
                values, edges.tolist(), weights=weights, color=colour, alpha=0.55, label=f"{label}, {len(values)}"
            )
    axes.legend(loc="best")


def _by_rank(axes: "Axes", neighbours: Neighbours, colour: str, label: str) -> None:
    ranks = np.arange(1, neighbours.similarities.shape[1] + 1)
    low, high = np.percentile(neighbours.similarities, (10, 90), axis=0)
    axes.plot(ranks, neighbours.similarities.mean(axis=0), color=colour, label=label)
    axes.fill_between(ranks, low, high, color=colour, alpha=0.2, linewidth=0)


def _variances(axes: "Axes", findings: Findings) -> None:
    shown = [(findings.geometry, _ANCHORS, "anchors")]
    if findings.probes is not None:
        shown.append((findings.probes.geometry, _PROBES, "real faces"))
    for geometry, colour, label in shown:
        directions = np.arange(1, len(geometry.variances) + 1)
        axes.plot(
            directions,
            np.cumsum(geometry.variances),
            color=colour,
            label=f"{label}: effective dimension {geometry.effective_dimension:.0f}",
        )
    axes.set(title="Variance in the first directions", xlabel="principal directions", ylabel="share of the variance")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.legend()
