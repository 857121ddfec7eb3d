"""The report as tables in a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from models.evaluation.error_discard import TOLD_SHARE
from models.evaluation.probability_gap import ProbabilityGap
from models.evaluation.report.group_table import group_tables
from models.evaluation.report.report_document import PackResult, Report, SetResult, StatedRates
from models.evaluation.report.words import (
    DECISIONS,
    interval_text,
    judged,
    limits_text,
    method_name,
    rate_interval,
    segment_name,
    set_facts,
    smallest_note,
    stated_name,
    verdict,
)
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import fmr_name, point_name
from models.labelled.rates.rate_ratio import ratio_text, verdict_text
from models.pages.number_words import percent, rate_text

_STRATA_FMRS = (1e-2, 1e-3, 1e-4)
# Of the shares of poor faces that are left out, those that fit beside each other.
_SHOWN_SHARES = (0.0, 0.05, TOLD_SHARE)
_STYLE = {
    **{"better": "green", "worse": "red", "level": "dim", "unknown": "dim"},
    **{"as_stated": "green", "higher": "red", "lower": "yellow", "undecided": "dim"},
}


def show(report: Report, console: Console) -> None:
    """Print the tables of a report."""
    for labelled in report.sets:
        for pack in labelled.packs:
            title = labelled.name if pack.pack is None else f"{labelled.name}, {pack.pack}"
            console.rule(title, align="left")
            console.print(set_facts(labelled, pack))
            for warning in pack.warnings:
                console.print(Text(f"Warning: {warning}", style="bold yellow"))
            for part in _parts(labelled, pack):
                console.print(part)


def _parts(labelled: SetResult, pack: PackResult) -> Iterator[RenderableType]:
    cosine = pack.methods[0]
    yield _rates(pack)
    yield Text(smallest_note(cosine.rates), style="dim")
    yield _summary(pack)
    for method in pack.methods[1:]:
        yield f"{method_name(method, pack)}: {judged(method, cosine)}."
    if pack.unexcluded:
        yield _unexcluded(labelled, pack)
    if any(method.identification for method in pack.methods):
        yield _identification(pack)
    if pack.methods[0].error_discard:
        yield _error_discard(pack)
    if any(method.groups for method in pack.methods):
        yield from group_tables(pack)
    yield from _stated(pack)
    yield from _decided(pack)
    yield from _ablations(pack)
    if pack.probability_gap:
        yield _gap(pack.probability_gap)


def _gap(gap: ProbabilityGap) -> Table:
    low, high = map(segment_name, gap.segments)
    table = _table(f"Faces of {low} against {high} of their own person, by score with its centre", "", "overlap")
    for method in gap.methods:
        table.add_row(method.label, f"{method.overlap:.3f}")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title or None, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number and column else "left")
    return table


def _rates(pack: PackResult) -> Table:
    table = _table("TAR at FAR, %, and the gain over the cosine in points", "FAR", "", "TAR", "95 %", "gain", "95 %")
    for place, reference in enumerate(pack.methods[0].rates):
        table.add_section()
        for method in pack.methods:
            rate = method.rates[place]
            if rate.fnmr is None or reference.fnmr is None:
                continue
            first = method is pack.methods[0]
            head = fmr_name(rate.fmr) + ("*" if rate.quality == "wide" else "") if first else ""
            gain = [] if rate.gain is None else _ends(rate.gain, signed=True)
            table.add_row(
                head,
                method_name(method, pack),
                *_ends(_accepted(rate.fnmr)),
                *(Text(text, style=_STYLE[verdict(rate)]) for text in gain),
            )
    return table


def _accepted(fnmr: Interval) -> Interval:
    """Return TAR for FNMR."""
    if fnmr.low is None or fnmr.high is None:
        return Interval(1 - fnmr.value)
    return Interval(1 - fnmr.value, 1 - fnmr.high, 1 - fnmr.low)


def _ends(found: Interval, signed: bool = False) -> tuple[str, str]:
    value, _, ends = interval_text(found, signed).partition(" [")
    return value, ends.rstrip("]").replace(", ", " to ")


def _summary(pack: PackResult) -> Table:
    folds = any(method.accuracy for method in pack.methods)
    heads = ["accuracy over the folds, %"] if folds else []
    table = _table("", "", "EER, %", "overlap", "min Cllr", "Cllr", *heads)
    for method in pack.methods:
        found = method.accuracy
        cells = [f"{percent(found.mean)} ± {percent(found.standard_error)}"] if found else []
        cost = method.likelihood
        table.add_row(
            method_name(method, pack),
            interval_text(method.equal_error_rate_interval or Interval(method.equal_error_rate)),
            _cost(method.overlap, method.overlap_interval),
            _cost(cost.min_cllr, cost.min_cllr_interval),
            "-" if cost.cllr is None else _cost(cost.cllr, cost.cllr_interval),
            *cells,
        )
    return table


def _unexcluded(labelled: SetResult, pack: PackResult) -> Table:
    heads = [fmr_name(rate.fmr) for rate in pack.methods[0].rates]
    table = _table(f"TAR at FAR, %, with and without the {labelled.excluded} exclusions", "", "", *heads)
    for method, plain in zip(pack.methods, pack.unexcluded, strict=True):
        for kind, rates in (("excluded", method.rates), ("all counted", plain.rates)):
            cells = ("-" if rate.fnmr is None else percent(1 - rate.fnmr.value) for rate in rates)
            table.add_row(method_name(method, pack) if kind == "excluded" else "", kind, *cells)
    return table


def _identification(pack: PackResult) -> Table:
    first = next(method.identification for method in pack.methods if method.identification)
    table = _table(
        f"Rank-1 identification, % of {first.trials:,} trials, by number of distractors",
        "",
        *(f"{size:,}" for size in first.distractors),
    )
    for method in pack.methods:
        if method.identification:
            table.add_row(method_name(method, pack), *(percent(share.value) for share in method.identification.rank1))
    return table


def _error_discard(pack: PackResult) -> Table:
    found = [(method, method.error_discard) for method in pack.methods if method.error_discard]
    first = found[0][1]
    told = [place for place, point in enumerate(first.points) if point.discarded in _SHOWN_SHARES]
    table = _table(
        f"FNMR, %, without the poorest faces, at the threshold of FMR {fmr_name(first.fmr)}",
        "faces left out, %",
        *(f"{100 * first.points[place].discarded:g}" for place in told),
        f"gone at {100 * TOLD_SHARE:g}",
    )
    for method, discard in found:
        cells = (percent(discard.points[place].fnmr.value) for place in told)
        table.add_row(method_name(method, pack), *cells, interval_text(discard.gone))
    return table


def _cost(value: float, sure: Interval | None) -> str:
    return f"{value:.4f}" if sure is None else sure.text("{:.4f}".format)


def _stated(pack: PackResult) -> Iterator[RenderableType]:
    found = [stated for stated in pack.stated if stated.reliability]
    if not found:
        return
    table = _table("Stated against observed FMR", "", "stated for", "stated", "observed", "observed/stated", "verdict")
    for stated in found:
        if stated.reliability is None:
            continue
        for point in stated.reliability.points:
            table.add_row(
                stated_name(stated, pack),
                point.name,
                rate_interval(point.stated_fmr),
                rate_interval(point.observed_fmr),
                ratio_text(point.ratio),
                Text(verdict_text(point.verdict), style=_STYLE[point.verdict]),
            )
    yield table
    yield from _strata(found, pack)


def _strata(found: Sequence[StatedRates], pack: PackResult) -> Iterator[RenderableType]:
    """Give a table of the strata of every method, each pair of bands by its own thresholds."""
    for stated in found:
        strata = stated.reliability.strata if stated.reliability else ()
        if not strata:
            continue
        points = [point for point in _STRATA_FMRS if point in [rate.fmr for rate in strata[0].rates]]
        title = f"{stated_name(stated, pack)}: observed over stated FMR by stratum"
        table = _table(title, "", "pairs of two people", *(point_name(fmr) for fmr in points))
        for seen in strata:
            ratios = [f"{ratio_text(rate.ratio)}, {rate.false_matches}" for rate in seen.rates if rate.fmr in points]
            table.add_row(seen.name, f"{seen.pairs_aside:,}", *ratios)
        yield table


def _decided(pack: PackResult) -> Iterator[RenderableType]:
    found = [stated for stated in pack.stated if stated.decided]
    if not found:
        return
    title = f"Decisions, with the limits {limits_text(found[0])}: % of one person's pairs, and of two people's"
    table = _table(title, "", "", *DECISIONS, *(f"{head}, strangers" for head in DECISIONS[:2]))
    for stated in found:
        for point in stated.decided:
            mated = (percent(point.mated.share(head)) for head in DECISIONS)
            strangers = (rate_text(point.non_mated.share(head)) for head in DECISIONS[:2])
            table.add_row(stated_name(stated, pack), point.name, *mated, *strangers)
    yield table


def _ablations(pack: PackResult) -> Iterator[RenderableType]:
    for ablation in pack.ablations:
        table = _table(
            f"Ablation of {ablation.knob} ({ablation.bundle}, ida-r): TAR at FAR, %",
            ablation.knob,
            *(fmr_name(fmr) for fmr in ablation.fmrs),
        )
        table.add_row("cosine", *(percent(1 - fnmr) for fnmr in ablation.cosine), style="dim")
        for point in ablation.points:
            mark = " (in force)" if point.value == ablation.in_force else ""
            table.add_row(f"{point.value:,g}{mark}", *(percent(1 - fnmr) for fnmr in point.fnmr))
        yield table
        if ablation.note:
            yield Text(ablation.note, style="dim")
