"""``ida-verify calibrate --html``: the page that says what was gained."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from models.calibration.calibration_run import Calibrated, CalibrationOptions
from models.calibration.gained import FormerPoint, Gained, former_points, gains
from models.output import writing
from models.program import created_by
from models.progress import stage_bars
from service.bundle.reader import Bundle
from service.cpus import usable_cpus
from service.settings import Settings
from service.snapshot.term_sources import open_sources


def write_calibration_page(
    path: Path | None,
    found: Calibrated,
    options: CalibrationOptions,
    report: Mapping[str, JsonValue],
    bundle_id: str,
    *,
    gained: Sequence[Gained] = (),
    former: Sequence[FormerPoint] = (),
    assumed: Sequence[str] = (),
) -> None:
    """Write the page of a calibration; none where no file is named.

    Arguments are as of ``calibration_page``, ``report`` being that of the bundle.

    Raises:
        ReportNotWritten: if the disk does not take it.
    """
    if path is None:
        return
    # Here, because drawing takes a quarter of a second to load, which every command would wait.
    from models.calibration.calibration_page import calibration_page  # noqa: PLC0415

    page = calibration_page(
        found,
        options,
        bundle_id=bundle_id,
        population=str(report["population"]),
        created=f"{datetime.now(UTC):%Y-%m-%d} by {created_by()}",
        gained=gained,
        former=former,
        assumed=assumed,
    )
    with writing(path):
        path.write_bytes(page)


def write_gained_page(
    path: Path | None,
    found: Calibrated,
    options: CalibrationOptions,
    report: Mapping[str, JsonValue],
    bundle_id: str,
    former: Bundle,
    pipeline_id: str,
    settings: Settings,
) -> None:
    """Write the page of a calibration with what it gained on the people set aside; none where no file is named.

    Args:
        path: the file.
        found: the calibration.
        options: how it was found.
        report: that of the bundle.
        bundle_id: of the calibrated bundle.
        former: the bundle that was calibrated.
        pipeline_id: the pipeline that embedded the people.
        settings: of the service.

    Raises:
        ReportNotWritten: if the disk does not take it.
        TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``gains`` says.
    """
    if path is None:
        return
    with stage_bars() as stage:
        tick = stage("what was gained")
        sources = open_sources(former, device=settings.anchor_device, threads=usable_cpus())
        was = former_points(found, former, sources, pipeline_id, options.replicates, options.seed)
        tick(0.3)
        gained = gains(found, options.replicates, options.seed)
        tick(1.0)
    write_calibration_page(path, found, options, report, bundle_id, gained=gained, former=was)
