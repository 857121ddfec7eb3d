"""What ``ida-verify calibrate`` prints for people: tables, limits, and what was chosen."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from models.calibration.calibration_report import observed_ratio
from models.calibration.calibration_run import Calibrated
from models.calibration.given_up import given_up
from models.calibration.limits_fit import limit_text
from models.calibration.strata_table import strata_tables
from models.calibration.template_points import MeasuredTemplates
from models.labelled.rates.rate_ratio import ratio_text, verdict_text
from service.bundle.reader import Bundle
from service.scoring.calibration import MethodCalibration

_AT_MOST = "at most: none of N pairs of people, each counted once however many its pictures, passed; 3/N then"


def tell_report(bundle_id: str, report: Mapping[str, JsonValue] | None, show: Callable[[], None]) -> None:
    """Print a report as JSON, or what people are shown where none is given."""
    if report is None:
        show()
    else:
        typer.echo(json.dumps({"anchor_set_id": bundle_id, **report}, indent=2))


def say_given_up(found: Calibrated, former: Bundle, pipeline_id: str) -> None:
    """Say on standard error what the bundle as it was tells of rates, and the new one does not."""
    was: MethodCalibration | str = "it was not calibrated"
    if former.calibrations is not None:
        form, manifest = (found.input_form, found.input_form), former.manifest
        was = former.calibrations.find(manifest.default_method, form, manifest.parameters, pipeline_id)
    chosen = next((one for one in found.measured if one.calibration.method == found.method), None)
    for sentence in () if chosen is None else given_up(chosen, was):
        typer.echo(sentence, err=True)


def _template_line(measured: MeasuredTemplates) -> str:
    """Return what was measured of references of one size, in a line."""
    size, calibration = measured.calibration.pictures, measured.calibration.calibration
    told = f"{size} pictures ({calibration.method}, {measured.templates:,} templates of {measured.people} people):"
    for place, point in enumerate(calibration.points):
        if point.quality == "extrapolated":
            continue
        told += f" {point.name} from {point.threshold:.4g}"
        if measured.observed is not None:
            seen = measured.observed[place]
            told += f", FMR seen {seen.fmr:.1e} [{seen.fmr_low:.1e}, {seen.fmr_high:.1e}], FNMR {seen.fnmr:.2%}"
        told += ";"
    return told.rstrip(";")


def show_calibrated(found: Calibrated, out: Path, bundle_id: str) -> None:
    """Print what was measured and chosen, and where the bundle lies."""
    console = Console()
    for measured in found.measured:
        by = "the threshold of all pairs" if measured.calibration.strata is None else "the threshold of its own stratum"
        table = Table(
            title=f"{measured.calibration.method}: the people set aside, each pair by {by}",
            caption=_AT_MOST if any(not seen.false_matches for seen in measured.served) else None,
        )
        for heading in (
            "operating point",
            "threshold of all pairs",
            "quality",
            "FMR stated",
            "FMR seen",
            "seen/stated",
            "FNMR seen",
            "inconclusive of one person's pairs",
            "",
        ):
            table.add_column(heading, overflow="fold")
        for point, seen, decided in zip(measured.calibration.points, measured.served, measured.decided, strict=True):
            ratio = observed_ratio(point, seen)
            rate = f"{seen.fmr:.1e}" if seen.false_matches else f"at most {seen.fmr_high:.1e}"
            table.add_row(
                point.name,
                f"{point.threshold:.6g}",
                point.quality,
                f"{point.fmr:.0e} [{point.fmr_low:.1e}, {point.fmr_high:.1e}]",
                f"{rate} [{seen.fmr_low:.1e}, {seen.fmr_high:.1e}]",
                ratio_text(ratio),
                f"{seen.fnmr:.2%} [{seen.fnmr_low:.2%}, {seen.fnmr_high:.2%}]",
                f"{decided.mated.share('inconclusive'):.2%}",
                verdict_text(ratio.verdict),
            )
        wide = console if console.is_terminal else Console(width=200)
        wide.print(table, *strata_tables(measured))
    for name, limit in found.limits.measures.items():
        typer.echo(f"{name}: {limit_text(limit, found.seen_beyond.get(name))}; median {limit.quantiles['0.5']:g}")
    for of_size in (one for one in found.templates if one.calibration.calibration.method == found.method):
        typer.echo(_template_line(of_size))
    if not found.templates:
        typer.echo("several pictures of a person: too few people have them, so references of several get no rate")
    for name, one in ({} if found.taught is None else found.taught.report).items():
        if isinstance(one, dict):
            typer.echo(f"{name}: {'kept' if one['kept'] else 'left out'}: {one['why']}")
    parameters = found.parameters
    told = f"k = {parameters.k}, tau = {parameters.tau:g}, strength = {parameters.strength:g}, "
    told += f"norm power = {parameters.norm_power:g}"
    if found.selection is None:
        typer.echo(f"kept: {told}")
    elif found.method == "cosine":
        typer.echo(
            f"chosen: plain cosine. None of {len(found.selection.candidates)} parameter sets is better and harmless."
        )
    else:
        typer.echo(f"chosen: {found.method}, {told}, of {len(found.selection.candidates)} parameter sets")
    typer.echo(f"{out}: bundle {bundle_id}. Serve it with IDA_BUNDLE={out}")
