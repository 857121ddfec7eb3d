"""``ida-verify drift``: whether a service still sees the people that it was calibrated for, by its log alone."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from models.calibration.pair_lines import LoggedPairs, read_pairs_logged
from models.calibration.population_drift import LEAST_VALUES, DriftVerdict, compare_drift, drift_verdict
from models.commands import reporting_errors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.pages.number_words import in_words
from models.tool_errors import CalibrationImpossible
from service.bundle.reader import Bundle, read_bundle, read_manifest
from service.scoring.calibration import InputForm, MethodCalibration
from service.scoring.population import PopulationLimits
from service.settings import load_settings

EXIT_DRIFTED = 3
_MOST_TOLD = 3

_SAID: dict[DriftVerdict, str] = {
    "drifted": "drifted: these are other people, or other pictures, than the rates were measured on. Calibrate again.",
    "slightly": "slightly: there is a difference beyond chance, too small to matter",
    "as_calibrated": "no difference beyond chance",
    "too_few": "too few to tell",
}


def drift(
    logs: Annotated[
        list[Path],
        typer.Argument(
            metavar="LOG...",
            exists=True,
            dir_okay=False,
            help="Audit logs of a service (IDA_AUDIT_LOG), or its logs with IDA_LOG_PAIRS=1, which say more.",
        ),
    ],
    bundle: Annotated[
        Path | None,
        typer.Option(
            parser=bundle_folder, metavar=BUNDLE_METAVAR, help="The calibrated bundle that was served [IDA_BUNDLE]."
        ),
    ] = None,
    input_form: Annotated[
        InputForm, typer.Option("--input-form", help="What was sent: photographs, or faces as crops or embeddings.")
    ] = "photo",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare logged scores and measures of faces with those of the calibration; no face is needed.

    Exit code 0 where they are as calibrated or differ slightly, 3 where they drifted, 1 where nothing can be told.
    """
    with reporting_errors():
        folder = bundle or load_settings().bundle
        served = read_bundle(folder, backbone_id=read_manifest(folder).backbone_id)
        limits, methods = _calibrated(served, input_form, folder)
        logged = read_pairs_logged(logs, served.bundle_id, photographs=input_form == "photo")
        _require_one_form(served, logged, folder)
        found = compare_drift(logged, limits, methods)
        verdict = drift_verdict(found)
        if as_json:
            typer.echo(json.dumps({"verdict": verdict, **_counts(logged), "compared": [asdict(one) for one in found]}))
        else:
            table = Table(title=f"{logged.pairs:,} logged pairs against the calibration of {served.bundle_id}")
            for heading in ("", "values", "effect", "chance", "beyond the limit", "calibrated", "verdict"):
                table.add_column(heading)
            for one in found:
                table.add_row(
                    one.name,
                    f"{one.values:,}",
                    f"{one.effect:.3f}",
                    "-" if one.p_value is None else f"{one.p_value:.1e}",
                    *("-" if share is None else f"{share:.2%}" for share in (one.beyond, one.beyond_calibrated)),
                    _SAID[one.verdict].partition(":")[0],
                )
            Console().print(table)
            typer.echo(f"passed over: {_passed_over(logged)}")
        if verdict == "too_few":
            raise CalibrationImpossible(_too_few(logged, served.bundle_id, folder))
        if not as_json:
            typer.echo(_SAID[verdict])
    if verdict == "drifted":
        raise typer.Exit(EXIT_DRIFTED)


def _calibrated(served: Bundle, form: InputForm, folder: Path) -> tuple[PopulationLimits, dict[str, MethodCalibration]]:
    calibrations = served.calibrations
    if calibrations is None or form not in calibrations.limits:
        raise CalibrationImpossible(
            f"The bundle {folder} does not say how the {form}s lay that it was calibrated on. Calibrate it."
        )
    methods = {found.method: found for found in calibrations.methods if found.input_form == form}
    return calibrations.limits[form], methods


def _require_one_form(served: Bundle, logged: LoggedPairs, folder: Path) -> None:
    """Refuse an audit log where it cannot be known what its pairs were.

    Raises:
        CalibrationImpossible: if the calibration holds for several forms of input.
    """
    forms = sorted(served.calibrations.limits) if served.calibrations is not None else []
    if logged.audited is not None and len(forms) > 1:
        raise CalibrationImpossible(
            f"The bundle {folder} is calibrated for {' and '.join(f'{form}s' for form in forms)}, and an audit log "
            "does not say which were sent. Give the log of a service with IDA_LOG_PAIRS=1."
        )


def _too_few(logged: LoggedPairs, bundle_id: str, folder: Path) -> str:
    """Return why nothing can be told: too few pairs, or those of other anchor sets than the bundle."""
    if logged.others > logged.pairs:
        if set(logged.other_ids) == {""}:
            return (
                f"The logs have {logged.others:,} pairs that were compared without an anchor set, and {logged.pairs:,} "
                f"by {bundle_id}, which is the bundle {folder}. Nothing is measured of those without one: give logs of "
                "a service that serves the bundle."
            )
        return (
            f"The logs have {logged.others:,} pairs by {_by_id(logged)}, and {logged.pairs:,} by {bundle_id}, which is "
            f"the bundle {folder}. Give with --bundle the one that was served when these were written."
        )
    return (
        f"The logs have {logged.pairs:,} pairs by the anchor set {bundle_id} (the bundle {folder}), and {LEAST_VALUES} "
        "values of something are the least. The service writes them with IDA_AUDIT_LOG, or with IDA_LOG_PAIRS=1."
    )


def _by_id(logged: LoggedPairs) -> str:
    """Return the other anchor sets' ids, that of most pairs first, and how many pairs each has."""
    told = [f"{found or 'no anchor set'} ({count:,})" for found, count in logged.other_ids.most_common(_MOST_TOLD)]
    return in_words([*told, *(["others"] if len(logged.other_ids) > _MOST_TOLD else [])])


def _counts(logged: LoggedPairs) -> dict[str, JsonValue]:
    return {
        "pairs": logged.pairs,
        "of_other_anchor_sets": logged.others,
        "other_anchor_sets": dict(logged.other_ids),
        "of_other_inputs": logged.other_inputs,
        "in_both_logs": logged.said_twice,
        "unread_lines": logged.unread,
        "more_than_are_read": logged.left,
    }


def _passed_over(logged: LoggedPairs) -> str:
    more = "; the rest of the logs, which have more than are read" if logged.left else ""
    twice = f"{logged.said_twice:,} of the audit log, since the log tells more, " if logged.said_twice else ""
    by = f" ({_by_id(logged)})" if logged.others else ""
    other = "of other inputs" if logged.audited is None else "without a stated rate"
    return (
        f"{logged.others:,} pairs by other anchor sets{by}, {logged.other_inputs:,} {other}, {twice}"
        f"{logged.unread:,} lines that cannot be read{more}"
    )
