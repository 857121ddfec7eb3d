"""The strata of one method, and kinds of pairs, as tables for people."""

from rich.table import Table

from models.calibration.measured_points import MeasuredPoints
from models.labelled.rates.measured import point_name
from models.labelled.rates.rate_ratio import ratio_text

_SHOWN = (1e-2, 1e-3, 1e-4)


def strata_tables(measured: MeasuredPoints) -> list[Table]:
    """Return the tables of a method's strata and of the kinds of pairs; those that there are."""
    return [*([_strata(measured)] if measured.strata else []), *([_kinds(measured)] if measured.kinds else [])]


def _strata(measured: MeasuredPoints) -> Table:
    """Return each stratum's pairs and thresholds, and how many times the stated rate the people set aside show."""
    strata = measured.calibration.strata
    cuts = "" if strata is None else ", ".join(f"{cut:g}" for cut in strata.cuts)
    title = f"{measured.calibration.method}: strata, the bands parted at the norms {cuts}"
    table = Table(title=title)
    for heading in ("stratum", "pairs", "people", "pairs set aside"):
        table.add_column(heading, overflow="fold")
    for fmr in _SHOWN:
        table.add_column(f"{point_name(fmr)}: threshold", overflow="fold")
        table.add_column("seen/stated", overflow="fold")
    for seen in measured.strata:
        told = [
            text
            for rate in seen.rates
            if rate.fmr in _SHOWN
            for text in (f"{rate.threshold:.5g}", f"{ratio_text(rate.ratio)}, {rate.false_matches} pairs")
        ]
        table.add_row(seen.name, f"{seen.pairs:,}", f"{seen.people:,}", f"{seen.pairs_aside:,}", *told)
    return table


def _kinds(measured: MeasuredPoints) -> Table:
    """Return how many times the stated rate each kind of pair of the people set aside shows, decided as served."""
    table = Table(title=f"{measured.calibration.method}: pictures as they are (clean) and degraded copies (poor)")
    for heading in ("kind", "pairs set aside", *(f"{point_name(fmr)}: seen/stated" for fmr in _SHOWN)):
        table.add_column(heading, overflow="fold")
    for kind in measured.kinds:
        told = [f"{ratio_text(rate.ratio)}, {rate.false_matches} pairs" for rate in kind.rates if rate.fmr in _SHOWN]
        table.add_row(kind.name, f"{kind.pairs:,}", *told)
    return table
