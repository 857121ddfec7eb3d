"""The report of the paper's claims as tables in a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.evaluation.paper.paper_document import PaperReport, PaperVerdict
from models.evaluation.paper.paper_report import measured_sets
from models.evaluation.paper.paper_words import difference, from_to, kind_text, verdict_name, verdict_of

_STYLE: dict[PaperVerdict | None, str] = {
    "holds": "green",
    "does_not": "red",
    "mixed": "yellow",
    "untold": "dim",
    "not_tried": "dim",
    None: "dim",
}


def show_paper(report: PaperReport, console: Console) -> None:
    """Print what each claim came to, and what it was judged by."""
    for one in measured_sets(report.evaluation):
        console.print(f"{one.name}: {one.pack.people:,} people, {one.pack.non_mated_pairs:,} non-mated pairs")
        for warning in one.pack.warnings:
            console.print(Text(f"Warning: {warning}", style="bold yellow"))
    for kind in report.kinds:
        console.print(kind_text(kind))
    table = _table("What the paper claims, and what is seen here", "", "", "Eq. 4 as it stands", "as the bundle has it")
    for claim in report.claims:
        plain, tuned = verdict_of(claim, "paper", "any"), verdict_of(claim, "tuned")
        cells = (Text(verdict_name(verdict), style=_STYLE[verdict]) for verdict in (plain, tuned))
        table.add_row(claim.place, claim.title, *cells)
    console.print(table)
    for claim in report.claims:
        if not claim.verdicts:
            continue
        table = _table(f"{claim.place}, {claim.title}: {claim.says}", "set", "", "at", "%", "difference", "verdict")
        for found in claim.verdicts:
            for finding in found.findings:
                if finding.judged:
                    told = Text(verdict_name(found.verdict), style=_STYLE[found.verdict])
                    form = f"{finding.what}{', Eq. 4' if found.form == 'paper' else ''}"
                    table.add_row(finding.set, form, finding.at, from_to(finding), difference(finding), told)
        console.print(table)
    for claim in report.claims:
        if claim.not_tried:
            console.print(Text(f"{claim.place}, {claim.title}: not tried: {claim.not_tried}.", style="dim"))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
