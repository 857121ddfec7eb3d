"""``ida-verify calibrate --unlabelled``: faces that nobody named, read, calibrated on and told."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from models.calibration.calibration_run import CalibrationOptions
from models.calibration.measured_points import MeasuredPoints
from models.calibration.not_shown import extrapolated_sentence
from models.calibration.unlabelled import Unlabelled, calibrate_unlabelled
from models.calibration.unlabelled_report import (
    ASSUMED,
    NO_STRATA,
    duplicates_sentence,
    facts_sentence,
    told_facts,
    told_strata,
    unlabelled_population,
    unlabelled_report,
)
from models.calibration.unlabelled_strata import UnlabelledStratum
from models.calibration.write import calibrated_bundle
from models.images.unreadable import unreadable_sentence
from models.labelled.embed import PictureForm, open_embedder
from models.labelled.exclusions import Exclusions
from models.labelled.labelled_faces import LabelledFaces
from models.labelled.labels import Labels
from models.labelled.rates.measured import point_name
from models.labelled.unlabelled_faces import read_unlabelled
from models.progress import Stage
from service.bundle.reader import Bundle
from service.pipeline import FacePipeline
from service.scoring.calibration import as_score
from service.scoring.methods import find_method
from service.settings import Settings
from service.snapshot.term_sources import TermSources

_SHOWN = (1e-2, 1e-3, 1e-4)


def read_unlabelled_sets(
    texts: Sequence[str],
    pipeline: FacePipeline | None,
    settings: Settings,
    *,
    no_cache: bool,
    stage: Stage,
    input_form: PictureForm,
) -> list[LabelledFaces]:
    """Return sets of faces that nobody named; arguments and errors as of ``read_sets``."""
    found = []
    for labels in map(Labels.parse, texts):
        tick = stage(f"embedding {labels.called}")
        read = partial(read_unlabelled, labels.path, name=labels.name, tick=tick)
        if pipeline is None or labels.holds_embeddings:
            found.append(read(None))
        else:
            with open_embedder(settings, pipeline, input_form=input_form, cached=not no_cache) as embedder:
                found.append(read(embedder))
        tick(1.0)
        if said := unreadable_sentence(found[-1].images, found[-1].rejected):
            typer.echo(f"note: {found[-1].name}: {said}", err=True)
    return found


def unlabelled_bundle(
    out: Path,
    folder: Path,
    bundle: Bundle,
    sources: TermSources,
    sets: Sequence[LabelledFaces],
    options: CalibrationOptions,
    *,
    population: str | None,
    pipeline_id: str,
    settings: Settings,
    stage: Stage,
) -> tuple[Unlabelled, dict[str, JsonValue], str]:
    """Calibrate a bundle without labels and write it; return what was found, its report and its bundle_id.

    Pictures that are as good as the same one are named on standard error; the bundle has their number alone.

    Args:
        out: where to write; must not exist.
        folder: the bundle that is calibrated.
        bundle: the same, read.
        sources: give the terms of faces.
        sets: the faces.
        options: how.
        population: who the people are; None to tell the sets.
        pipeline_id: the pipeline that embedded them.
        settings: the service's.
        stage: told what runs and how far it is.

    Raises:
        CalibrationImpossible, MethodNotServed, TooFewAnchors, InferenceFailed, SearchFailed, DimensionMismatch: as
            ``calibrate_unlabelled`` says.
        BundleExists, BundleNotWritten: as ``derive_bundle`` says.
    """
    manifest = bundle.manifest
    found = calibrate_unlabelled(sets, sources, manifest.parameters, manifest.default_method, options, stage)
    for labelled in sets:
        if said := duplicates_sentence(found.near_duplicates[labelled.name]):
            typer.echo(f"note: {labelled.name}: {said}", err=True)
    report, bundle_id = calibrated_bundle(
        out,
        folder,
        bundle,
        found.calibrated,
        Exclusions.none(),
        options,
        population=unlabelled_population(population, found, sets),
        pipeline_id=pipeline_id,
        face_policy=settings.face_policy,
        further=unlabelled_report(found),
    )
    return found, report, bundle_id


def show_unlabelled(found: Unlabelled, out: Path, bundle_id: str) -> None:
    """Print the thresholds, and what they rest on."""
    console = Console()
    for measured in found.calibrated.measured:
        table = Table(title=f"{measured.calibration.method}: thresholds without labels")
        for heading in ("operating point", "threshold", "quality", "FMR stated", "FNMR"):
            table.add_column(heading, overflow="fold")
        for point in measured.calibration.points:
            stated = f"{point.fmr:.0e} [{point.fmr_low:.1e}, {point.fmr_high:.1e}]"
            table.add_row(point.name, f"{point.threshold:.6g}", point.quality, stated, "not known")
        (console if console.is_terminal else Console(width=200)).print(table)
    for fact in told_facts(found):
        typer.echo(facts_sentence(fact))
    measured, strata = told_strata(found)
    if strata:
        (console if console.is_terminal else Console(width=200)).print(_strata_table(measured, strata))
    else:
        typer.echo(NO_STRATA)
    if said := extrapolated_sentence(measured):
        typer.echo(said)
    for sentence in ASSUMED:
        typer.echo(f"assumed: {sentence}")
    typer.echo(f"{out}: bundle {bundle_id}. Serve it with IDA_BUNDLE={out}")


def _strata_table(measured: MeasuredPoints, told: Sequence[UnlabelledStratum]) -> Table:
    """Return each stratum's pairs and thresholds; a threshold that its own pairs do not show has a star."""
    calibration = measured.calibration
    table = Table(title=f"{calibration.method}: strata without labels; * not shown by the stratum's own pairs")
    for heading in ("stratum", "pairs", "people", "of one person", "in doubt", *map(point_name, _SHOWN)):
        table.add_column(heading, overflow="fold")
    if calibration.strata is not None:
        for one, stratum in zip(told, calibration.strata.strata.values(), strict=True):
            thresholds = [
                f"{as_score(stratum.curve.score_of(fmr), find_method(calibration.method).scale):.5g}"
                + ("*" if fmr < stratum.curve.shown_down_to else "")
                for fmr in _SHOWN
            ]
            counts = (one.pairs, one.people, one.joined, one.doubtful)
            table.add_row(one.name, *(f"{count:,}" for count in counts), *thresholds)
    return table
