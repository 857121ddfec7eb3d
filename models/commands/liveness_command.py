"""``ida-verify liveness``: what the liveness part's word is worth on the operator's own pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from models.commands import reporting_errors
from models.evaluation.presentation_attacks import (
    BONA_FIDE,
    AttackFolder,
    PresentationGroup,
    measure_attacks,
    worst,
)
from models.images.unreadable import unreadable_sentence
from models.labelled.rates.interval import Interval
from models.progress import stage_bars
from service.choices import FacePolicy
from service.cpus import usable_cpus
from service.faces.types import Liveness
from service.pack import InstalledLiveness, installed_liveness
from service.pipeline import load_pipeline
from service.settings import load_settings

app = typer.Typer(name="liveness", help="Measure the liveness part on your own attacks.", no_args_is_help=True)

_RULES = {
    "apcer": "attacks whose verdict is live, over the attacks with a verdict; uncertain is no error of an attack",
    "bpcer": "bona fide whose verdict is not live, over the bona fide with a verdict; uncertain is an error of theirs",
    "apnrr": "attacks without a verdict, over all of them",
    "bpnrr": "bona fide without a verdict, over all of them",
    "interval": "95 %, exact (Clopper and Pearson), as if no two presentations were of one person or one instrument",
}


@app.callback()
def liveness() -> None:
    """Measure the liveness part on your own attacks."""


@app.command()
def evaluate(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder with bona_fide/ and attacks/KIND/, pictures in each.")
    ],
    pack: Annotated[str | None, typer.Option(help="Model pack that finds the faces [IDA_PACK].")] = None,
    face_policy: Annotated[
        FacePolicy | None, typer.Option("--face-policy", help="Which of several faces is taken [IDA_FACE_POLICY].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, each picture in it.")] = False,
) -> None:
    """Tell APCER of each kind of attack and BPCER (ISO/IEC 30107-3), with 95 % intervals, and what got no verdict.

    An uncertain attack is no error, an uncertain bona fide presentation is one. Rates are those of these pictures, of
    these people and of these attacks alone.
    """
    with reporting_errors():
        settings = load_settings(pack=pack, face_policy=face_policy)
        part = installed_liveness(settings.home)
        pictures = AttackFolder.read(folder)
        pipeline = load_pipeline(settings, threads=1)

        def assess(content: bytes) -> Liveness:
            found = pipeline.extract(content, settings.face_policy, with_liveness=True).liveness
            assert found is not None  # noqa: S101  (the part is installed)
            return found

        with stage_bars() as stage:
            groups = measure_attacks(
                pictures, assess, max_image_bytes=settings.max_image_bytes, workers=usable_cpus(), stage=stage
            )
        if as_json:
            made_with = {
                "pack": pipeline.manifest.name,
                "pipeline_id": pipeline.pipeline_id,
                "face_policy": settings.face_policy,
                "liveness_id": part.manifest.liveness_id,
            }
            typer.echo(json.dumps(_document(groups) | made_with, indent=2))
        else:
            _print(groups, part)


def _document(groups: Sequence[PresentationGroup]) -> dict[str, Any]:
    most = worst(groups)
    bona_fide = next((group for group in groups if group.kind == BONA_FIDE), None)
    return {
        "rules": _RULES,
        "bona_fide": bona_fide and _told(bona_fide, "bpcer", "bpnrr"),
        "attacks": {group.kind: _told(group, "apcer", "apnrr") for group in groups if group.kind != BONA_FIDE},
        "apcer_max": most and {"kind": most.kind, **(_ends(most.error_rate) or {})},
    }


def _told(group: PresentationGroup, error: str, non_response: str) -> dict[str, Any]:
    return {
        "presentations": len(group.presentations),
        "responses": group.responses,
        "verdicts": {verdict: group.verdicts.get(verdict, 0) for verdict in ("live", "spoof", "uncertain")},
        error: _ends(group.error_rate),
        "uncertain": _ends(group.uncertain_share),
        "uncertain_reasons": dict(group.reasons),
        non_response: _ends(group.non_response_rate),
        "non_response_reasons": dict(group.rejected),
        "other_files": group.other_files,
        "pictures": [
            {
                "path": found.path,
                "verdict": found.liveness and found.liveness.verdict,
                "score": found.liveness and round(found.liveness.score, 4),
                "reason": found.rejected if found.liveness is None else found.liveness.reason,
            }
            for found in group.presentations
        ],
    }


def _ends(found: Interval | None) -> dict[str, float | None] | None:
    return None if found is None else {"rate": found.value, "low": found.low, "high": found.high}


def _print(groups: Sequence[PresentationGroup], part: InstalledLiveness) -> None:
    console = Console()
    table = Table()
    for heading in ("presentations", "pictures", "live", "spoof", "uncertain", "APCER", "BPCER", "no verdict"):
        table.add_column(heading, overflow="fold")
    for group in groups:
        error = _percent(group.error_rate)
        table.add_row(
            group.kind,
            str(len(group.presentations)),
            *(str(group.verdicts.get(verdict, 0)) for verdict in ("live", "spoof", "uncertain")),
            *(("-", error) if group.kind == BONA_FIDE else (error, "-")),
            _percent(group.non_response_rate),
        )
    # A pipe has no width; the 80 columns taken for one would break rates in two.
    (console if console.is_terminal else Console(width=160)).print(table)
    most = worst(groups)
    if most is not None:
        typer.echo(f"APCER, of the worst kind ({most.kind}): {_percent(most.error_rate)}")
    for group in groups:
        for what, reasons in (("uncertain", group.reasons), ("without a verdict", group.rejected)):
            if reasons:
                counted = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
                typer.echo(f"{group.kind}, {what}: {counted}")
        if group.other_files:
            typer.echo(f"{group.kind}: {group.other_files} files are no pictures by their names, and were left out.")
    everything = [found for group in groups for found in group.presentations]
    unreadable = unreadable_sentence(
        [found.path for found in everything], [found.rejected or "" for found in everything]
    )
    if unreadable:
        typer.echo(unreadable)
    typer.echo(
        "Rates with their 95 % intervals, of these pictures alone. Uncertain is an error of the bona fide, and none of "
        f"an attack; what got no verdict is in neither rate. Network: {part.manifest.description}."
    )


def _percent(found: Interval | None) -> str:
    return "-" if found is None else found.text(lambda value: f"{100 * value:.1f} %", lambda end: f"{100 * end:.1f}")
