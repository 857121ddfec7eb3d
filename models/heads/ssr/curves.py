"""Training as a picture, in a PNG file or on a page: the loss on its way, and predicted against true density."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.heads.ssr.ssr_run import TrainedHead
from models.output import writing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Two of Okabe and Ito's colours (2008), which colour-blind people tell apart.
_TRAINING, _ASIDE = "#0072B2", "#D55E00"


def draw_curves(head: TrainedHead, path: Path) -> None:
    """Write the picture of a training.

    Args:
        head: what is shown.
        path: a .png file, written over.

    Raises:
        ReportNotWritten: if the disk does not take it.
    """
    # Imported here: matplotlib takes a second, and only a picture needs it.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 4.5), layout="constrained")
    draw_training(head, figure.subplots(1, 3).ravel().tolist())
    with writing(path):
        figure.savefig(path, dpi=100, format="png")


def draw_training(head: TrainedHead, panels: "list[Axes]") -> None:
    """Draw a training on three axes."""
    trained = head.trained
    losses, densities, errors = panels
    iterations = [check.iteration for check in trained.checks]
    losses.plot(iterations, [check.training for check in trained.checks], color=_TRAINING, label="batches")
    losses.plot(iterations, [check.aside for check in trained.checks], color=_ASIDE, label="set aside")
    losses.axvline(trained.best, color="black", linestyle=":", label=f"kept: {trained.best}")
    losses.set(title="Loss", xlabel="iteration", ylabel="share of the target's variance", yscale="log")
    losses.legend()
    name = "log F" if trained.weights.target == "log-f" else "F"
    limits = [float(trained.true.min()), float(trained.true.max())]
    densities.plot(trained.true, trained.predicted, ".", markersize=2, alpha=0.3, color=_ASIDE)
    densities.plot(limits, limits, color="black", linewidth=1)
    densities.set(title=f"Samples set aside: R² {head.aside.r2:.3f}", xlabel=f"true {name}", ylabel=f"predicted {name}")
    for label, agreed in [("samples", head.aside), *((found.name, found.agreement) for found in head.validated)]:
        middle = np.array([(decile.low + decile.high) / 2 for decile in agreed.deciles])
        errors.plot(middle, [decile.deviation for decile in agreed.deciles], marker="o", markersize=3, label=label)
    errors.set(title="Error by tenth of the density", xlabel="true log F", ylabel="root mean squared error of log F")
    errors.legend()
