"""Rates by group as tables in a terminal, each with its interval."""

from collections.abc import Callable, Iterator

from rich.table import Table
from rich.text import Text

from models.evaluation.groups import LEAST_MATED_PEOPLE, GroupRate
from models.evaluation.report.report_document import PackResult
from models.evaluation.report.words import method_name
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import fmr_name
from models.pages.number_words import percent, rate_text

TOO_FEW = "too few"


def group_tables(pack: PackResult) -> Iterator[Table]:
    """Give a table of all groups for each threshold.

    Args:
        pack: the results, whose methods have groups.
    """
    for level, rates in enumerate(pack.methods[0].groups):
        shown = all(row.shows_fmr and row.shows_fnmr for method in pack.methods for row in method.groups[level].rows)
        table = Table(
            title=f"By group, at the one threshold whose FMR over all is {fmr_name(rates.fmr)}",
            title_justify="left",
            title_style="bold",
            caption=None if shown else _caption(rates.fmr),
            caption_justify="left",
        )
        for number, heading in enumerate(("", "", "FMR", "95 %", "FNMR, %", "95 %")):
            table.add_column(heading, justify="right" if number > 1 else "left", no_wrap=number != 1)
        for place in range(len(rates.rows)):
            table.add_section()
            for number, method in enumerate(pack.methods):
                row = method.groups[level].rows[place]
                head = f"{row.group} ({row.people:,} people)" if not number else ""
                table.add_row(head, method_name(method, pack), *_cells(row))
        yield table


def _caption(fmr: float) -> str:
    return (
        f"{TOO_FEW}: fewer than 3/FMR = {3 / fmr:,.0f} pairs of people cannot show a group below {fmr_name(fmr)}, and "
        f"these are not seen above it; fewer than {LEAST_MATED_PEOPLE} people with pairs of their own show no FNMR."
    )


def _cells(row: GroupRate) -> Iterator[Text]:
    yield from _cell(row.fmr, rate_text, shows=row.shows_fmr)
    yield from _cell(row.fnmr, percent, shows=row.shows_fnmr)


def _cell(found: Interval | None, text: Callable[[float], str], *, shows: bool) -> tuple[Text, Text]:
    """Return a rate and its interval, dim where the group says nothing of it."""
    value, _, ends = ("-" if found is None else found.text(text)).partition(" [")
    told = [ends.rstrip("]").replace(", ", " to "), *([] if shows else [TOO_FEW])]
    style = "" if shows else "dim"
    return Text(value, style=style), Text("\n".join(part for part in told if part), style=style)
