"""A trained SSR head as one HTML file: what it is worth, in words, as a picture and as a table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.heads.ssr.curves import draw_training
from models.heads.ssr.head_agreement import Agreement
from models.heads.ssr.ssr_run import TrainedHead
from models.heads.ssr.validation import RateByDensity
from models.labelled.rates.measured import fmr_name
from models.pages.html_page import drawn, page_of
from models.pages.number_words import percent
from models.pages.svg_drawing import svg

_FILTERS: dict[str, Callable[..., Any]] = {"percent": percent, "fmr_name": fmr_name}


def ssr_page(head: TrainedHead) -> bytes:
    """Return the page of a trained head."""
    rates = sorted({rate.far for found in head.validated for rate in found.rates}, reverse=True)
    rows: list[tuple[str, Agreement, dict[float, RateByDensity]]] = [("samples set aside", head.aside, {})] + [
        (found.name, found.agreement, {rate.far: rate for rate in found.rates}) for found in head.validated
    ]
    return page_of(
        Path(__file__).parent,
        "ssr.html.j2",
        _FILTERS,
        head=head,
        checks=head.trained.checks,
        rates=rates,
        rows=rows,
        panels=drawn(svg(11.0, 4.0, 3, 1, lambda axes: draw_training(head, axes))),
    )
