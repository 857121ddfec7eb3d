"""``ida-verify serve`` and ``ida-verify check``."""

import asyncio
import gc
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.commands import EXIT_FAILURE, reporting_errors
from service.activation.decisions import why_undecided, why_unjudged
from service.app import create_app
from service.errors import SettingsInvalid
from service.loaded import LoadedService, load
from service.server.certificates import open_certificate
from service.server.servers import ImpatientLoop, NotListening, run_servers
from service.settings import load_settings, traces_are_asked_for
from service.telemetry import configure_logging
from service.telemetry.metrics import open_metrics

if TYPE_CHECKING:
    from service.telemetry.traces import Tracing


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [IDA_HOST].")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on [IDA_PORT].")] = None,
) -> None:
    """Serve /verify and /embed over HTTP.

    Exit code 1 if the service cannot start (the reason is printed), 2 if the command line is wrong.
    """
    with reporting_errors():
        settings = load_settings(host=host, port=port)
        configure_logging(settings.log_level)
        # Loaded before the port opens: what cannot be loaded is one clear line, not a traceback in the server's log.
        metrics = open_metrics()
        loaded = load(settings, metrics)
        app = create_app(settings, lambda *_: loaded, metrics, _tracing())
        certificate = open_certificate(settings, metrics)
    # What is loaded stays: a full collection would look through all of it, and every request wait for that, 65 ms.
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=lambda: ImpatientLoop(settings.header_seconds)) as runner:
            runner.run(run_servers(app, settings, metrics, certificate))
    except NotListening as error:
        typer.echo(
            f"error: cannot listen on {settings.host} port {error.port}; the log above says why. Stop what listens "
            "there, or choose another port (--port, IDA_ADMIN_PORT) or --host.",
            err=True,
        )
        raise typer.Exit(EXIT_FAILURE) from error


def _tracing() -> "Tracing | None":
    """Return what sends traces, where OpenTelemetry's variables ask for it.

    Raises:
        SettingsInvalid: if they do, and its SDK is not installed.
    """
    if not traces_are_asked_for():
        return None
    try:
        from service.telemetry.traces import open_tracing  # noqa: PLC0415  (it is optional)
    except ImportError as error:
        raise SettingsInvalid(
            "OpenTelemetry's variables (OTEL_...) ask for traces, and its SDK is not installed: pip install "
            "'ida-verify[otel]', or unset them."
        ) from error
    return open_tracing(version("ida-verify"))


def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    allow_uncalibrated: Annotated[
        bool, typer.Option("--allow-uncalibrated", help="Pass a bundle by which no request gets a decision.")
    ] = False,
) -> None:
    """Load everything, compare the thresholds with their curves, score the golden pairs, print what would be served.

    Exit code 0 if all of it holds, 1 otherwise.
    """
    with reporting_errors():
        settings = load_settings()
        loaded = load(settings, open_metrics())
        report = loaded.started.loaded.golden
    undecided = why_undecided(loaded.started.loaded.snapshot, loaded.pipeline.pipeline_id)
    unjudged = why_unjudged(loaded.started.loaded.snapshot, loaded.pipeline.pipeline_id)
    passed = (report is None or report.passed) and (undecided is None or allow_uncalibrated)
    golden = {} if report is None else report.as_dict()
    told = {**_served(loaded), "no_decisions": undecided, "not_judged": unjudged, **golden}
    if as_json:
        typer.echo(json.dumps({"passed": passed, **told}, indent=2))
    else:
        _print_report(told, passed)
    raise typer.Exit(0 if passed else EXIT_FAILURE)


def _served(loaded: LoadedService) -> dict[str, object]:
    snapshot, pipeline = loaded.started.loaded.snapshot, loaded.pipeline
    manifest, built_in = snapshot.manifest, loaded.started.built_in.folder
    return {
        "pack": pipeline.manifest.name,
        "backbone_id": pipeline.backbone_id,
        "pipeline_id": pipeline.pipeline_id,
        "provider": pipeline.provider,
        "bundle": None if built_in is None else str(built_in),
        "anchor_set_id": snapshot.bundle_id,
        "anchors_digest": manifest and manifest.anchors_digest,
        "anchors": manifest and manifest.count,
        "k": snapshot.parameters.k,
        "tau": snapshot.parameters.tau,
        "strength": snapshot.parameters.strength,
        "methods": list(snapshot.methods),
        "default_method": snapshot.default_method,
        "signed_by": snapshot.signer and snapshot.signer.name,
    }


def _print_report(told: dict[str, object], passed: bool) -> None:
    table = Table(show_header=False, box=None)
    for name, value in told.items():
        table.add_row(name, "" if value is None else str(value))
    console = Console()
    console.print(table)
    console.print("[green]all checks hold[/green]" if passed else "[red]a check does not hold[/red]")
