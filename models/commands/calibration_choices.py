"""What ``ida-verify calibrate`` was asked to try: limits, grids and methods, checked."""

from collections.abc import Sequence
from dataclasses import replace

import typer

from models.calibration.calibration_run import Calibrated
from models.calibration.selection import Grid
from service.bundle.reader import Bundle
from service.errors import HeadMismatch
from service.scoring.population import MEASURES

# Beyond more, a limit is no limit of poor pictures.
_MOST_BEYOND = 0.2


def calibrated_name(name: str, found: Calibrated) -> str:
    """Return the name of a method that was calibrated.

    Raises:
        BadParameter: if it was not.
    """
    names = [one.calibration.method for one in found.measured]
    if name not in names:
        raise typer.BadParameter(
            f"{name}: the calibrated methods are {', '.join(names)}.", param_hint="--default-method"
        )
    return name


def asked_limits(asked: Sequence[str]) -> dict[str, float]:
    """Return the share beyond the limit of each measure that was asked.

    Raises:
        BadParameter: if one is none.
    """
    found = {}
    for text in asked:
        name, _, share = text.partition("=")
        try:
            found[name] = float(share)
        except ValueError:
            found[name] = -1.0
        if name not in MEASURES or not 0 <= found[name] <= _MOST_BEYOND:
            raise typer.BadParameter(
                f"{text}: give one of {', '.join(MEASURES)}, and a share from 0 to {_MOST_BEYOND:g}, as in norm=0.01.",
                param_hint="--limit",
            )
    return found


def asked_grid(source: Bundle, grid: Grid, ks: list[int] | None, taus: list[float] | None) -> Grid:
    """Return what is tried: with a head, its own k and tau, since its densities are those of no others."""
    if source.head is None:
        return replace(grid, ks=tuple(ks or grid.ks), taus=tuple(taus or grid.taus))
    card = source.head.card
    if not {*(ks or ())} <= {card.k} or not {*(taus or ())} <= {card.tau}:
        raise HeadMismatch(
            f"The bundle's SSR head was trained for k = {card.k} and tau = {card.tau:g}, and --k or --tau names "
            "others. Leave them out, or leave the head out with --without-head and train another afterwards."
        )
    return replace(grid, ks=(card.k,), taus=(card.tau,))
