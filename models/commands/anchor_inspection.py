"""``ida-verify anchors inspect``: an anchor set looked at, alone or against real faces."""

import json
from pathlib import Path
from typing import Annotated

import typer

from models.anchors.inspection.advice import findings_lines
from models.anchors.inspection.findings import Findings, inspect_anchors
from models.anchors.inspection.picture import draw
from models.anchors.inspection.probes import Probes, probes_of_arrays, probes_of_folder
from models.commands import reporting_errors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.commands.effect import Needs, refuse_without_effect
from models.labelled.embed import open_embedder
from models.output import check_writable, writing
from models.progress import Stage, stage_bars
from service.bundle.reader import read_bundle
from service.cpus import usable_cpus
from service.pack import load_pack
from service.pipeline import load_pipeline
from service.search.faiss_search import FaissSearch
from service.settings import Settings, load_settings

_UNCALIBRATED_GUARD = 0.5


def inspect(
    context: typer.Context,
    bundle: Annotated[
        Path, typer.Argument(parser=bundle_folder, metavar=BUNDLE_METAVAR, help="The bundle to look at.")
    ],
    probes: Annotated[
        Path | None,
        typer.Option(exists=True, help="Real faces: a folder of photographs, or an .npz with the array embeddings."),
    ] = None,
    guard: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help=f"Similarity of an identity collision; by default the bundle's guard, or {_UNCALIBRATED_GUARD}.",
        ),
    ] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, help="Write the figures to this file.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw them into this PNG file.")] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", dir_okay=False, metavar="FILE", help="Write words, pictures and figures as a page."),
    ] = None,
    pack: Annotated[str | None, typer.Option(help="Model pack that the bundle was built with [IDA_PACK].")] = None,
    cache: Annotated[bool, typer.Option(help="Keep the probes' embeddings for the next time.")] = True,
) -> None:
    """Say how an anchor set is spread, what it covers of real faces, and whom it collides with."""
    refuse_without_effect(
        context,
        Needs(probes is not None, "without --probes", ("guard",)),
        Needs(probes is not None and probes.is_dir(), "without a folder of --probes", ("cache",)),
    )
    with reporting_errors():
        for path in (as_json, picture, html_file):
            check_writable(path)
        settings = load_settings(pack=pack)
        with stage_bars() as stage:
            findings = _inspect(bundle, probes, guard, settings, cache, stage)
        if as_json is not None:
            with writing(as_json):
                as_json.write_text(json.dumps(findings.as_json(), indent=2) + "\n", encoding="utf-8")
        if picture is not None:
            draw(findings, picture)
        if html_file is not None:
            # Here, because drawing takes a quarter of a second to load, which every command would wait.
            from models.anchors.inspection.inspection_page import inspection_page  # noqa: PLC0415

            with writing(html_file):
                html_file.write_bytes(inspection_page(findings))
    typer.echo("\n".join(findings_lines(findings)))


def _inspect(
    folder: Path, probes: Path | None, guard: float | None, settings: Settings, cache: bool, stage: Stage
) -> Findings:
    installed = load_pack(settings.home, settings.pack)
    bundle = read_bundle(folder, backbone_id=installed.manifest.backbone_id)
    threads = settings.threads or usable_cpus()
    parameters = bundle.manifest.parameters
    if guard is None:
        guard = _UNCALIBRATED_GUARD if parameters.guard is None else parameters.guard
    return inspect_anchors(
        bundle.bundle_id,
        bundle.anchors,
        FaissSearch(bundle.anchors, device=settings.anchor_device, threads=threads),
        parameters,
        None if probes is None else _probes(probes, bundle.anchors.dimension, settings, cache, stage),
        guard=guard,
        stage=stage,
    )


def _probes(path: Path, dimension: int, settings: Settings, cache: bool, stage: Stage) -> Probes:
    if path.is_file():
        return probes_of_arrays(path, dimension)
    with open_embedder(settings, load_pipeline(settings), cached=cache) as embedder:
        return probes_of_folder(path, embedder, stage("embedding probes"))
