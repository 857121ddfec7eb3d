"""A calibration as one HTML file: what was gained and what was not, in words, and every figure behind them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from models.calibration.calibration_report import observed_ratio
from models.calibration.calibration_run import Calibrated, CalibrationOptions
from models.calibration.gained import FormerPoint, Gained
from models.calibration.gained_words import chosen_sentence, gained_sentences, not_gained_sentences
from models.calibration.measured_points import MeasuredPoints
from models.labelled.rates.measured import fmr_name
from models.labelled.rates.people_needed import people_needed
from models.labelled.rates.rate_ratio import times_text, verdict_text
from models.pages.html_page import drawn, page_of
from models.pages.number_words import percent, rate_text
from models.pages.svg_drawing import COLOURS, svg

_FILTERS: dict[str, Callable[..., Any]] = {
    "fmr_name": fmr_name,
    "percent": percent,
    "rate": rate_text,
    "times": times_text,
    "verdict_text": verdict_text,
}


def calibration_page(
    found: Calibrated,
    options: CalibrationOptions,
    *,
    bundle_id: str,
    population: str,
    created: str,
    gained: Sequence[Gained] = (),
    former: Sequence[FormerPoint] = (),
    assumed: Sequence[str] = (),
) -> bytes:
    """Return the page.

    Args:
        found: the calibration.
        options: how it was found.
        bundle_id: of the calibrated bundle.
        population: who the people are.
        created: when and by what.
        gained: what every method gains over the cosine on the people set aside; empty where nobody is named.
        former: what the bundle's former thresholds do to them.
        assumed: what the rates rest on besides; sentences.
    """
    measured = sorted(found.measured, key=lambda one: one.calibration.method != found.method)
    point = measured[0].calibration.points[0]
    return page_of(
        Path(__file__).parent,
        "calibration.html.j2",
        _FILTERS,
        found=found,
        options=options,
        bundle_id=bundle_id,
        population=population,
        created=created,
        chosen=chosen_sentence(found),
        better=gained_sentences(found, gained, former) if found.parts else [],
        rest=not_gained_sentences(found, gained, former),
        gained=gained,
        former=former,
        assumed=assumed,
        methods=[(one, _rows(one)) for one in measured],
        curve=drawn(_curve(measured[0])),
        here=point,
        needed=people_needed(point.non_mated_pairs, point.identity_pairs),
    )


def _rows(one: MeasuredPoints) -> list[dict[str, Any]]:
    """Return each operating point with what was seen of it; None where nobody was set aside."""
    points = one.calibration.points
    if not one.observed:
        return [{"point": point, "seen": None, "ratio": None, "decided": None} for point in points]
    return [
        {"point": point, "seen": seen, "ratio": observed_ratio(point, seen), "decided": decided}
        for point, seen, decided in zip(points, one.observed, one.decided, strict=True)
    ]


def _curve(one: MeasuredPoints) -> str:
    """Return stated FMR by score with its interval, and the operating points on it."""
    calibration = one.calibration
    points = [point for point in calibration.points if point.fmr > 0]

    def draw(axes: list[Axes]) -> None:
        (axis,) = axes
        scores, rates = [point.threshold for point in points], [point.fmr for point in points]
        low, high = [point.fmr_low for point in points], [point.fmr_high for point in points]
        axis.plot(scores, rates, color=COLOURS[0], marker="o", markersize=5, label="stated")
        axis.fill_between(scores, [max(rate, 1e-9) for rate in low], high, color=COLOURS[0], alpha=0.15, linewidth=0)
        if one.observed:
            seen = [(rates.threshold, rates.fmr) for rates in one.observed if rates.false_matches]
            axis.plot(
                *zip(*seen, strict=True), "s", color=COLOURS[1], markersize=5, label="people set aside"
            ) if seen else None
        for point in points:
            axis.annotate(
                point.name.removeprefix("fmr_"),
                (point.threshold, point.fmr),
                xytext=(6, 4),
                textcoords="offset points",
                fontsize=8,
            )
        axis.set(yscale="log", xlabel=f"score ({calibration.method})", ylabel="FMR")
        axis.legend(loc="upper right", fontsize=9)

    return svg(7.6, 3.6, 1, 1, draw)
