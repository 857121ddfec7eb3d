"""A calibrated bundle: another bundle's parts, with new parameters and what its scores mean."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from models.bundles.derive import Change, derive_bundle
from models.calibration.calibration_report import calibration_report
from models.calibration.calibration_run import TAUGHT_METHODS, Calibrated, CalibrationOptions
from models.labelled.calibration_people import read_people
from models.labelled.exclusions import Exclusions
from models.program import created_by
from service.bundle.bundle_manifest import CALIBRATION, CALIBRATION_REPORT, HEADS, Manifest, Part
from service.bundle.calibration_part import calibration_content
from service.bundle.reader import Bundle
from service.bundle.writer import json_content
from service.choices import FacePolicy
from service.scoring.calibration import (
    Calibrations,
    InputForm,
    MethodCalibration,
    TemplateCalibration,
    relevant,
)
from service.scoring.methods import methods_of
from service.scoring.population import PopulationLimits
from service.scoring.terms import LIKELIHOOD, LIKELIHOOD_PREDICTED, PREDICTION, TermSource
from service.snapshot.term_sources import TermSources


def calibrated_bundle(
    out: Path,
    folder: Path,
    bundle: Bundle,
    calibrated: Calibrated,
    exclusions: Exclusions,
    options: CalibrationOptions,
    *,
    population: str,
    pipeline_id: str,
    face_policy: FacePolicy,
    further: Mapping[str, JsonValue] | None = None,
) -> tuple[dict[str, JsonValue], str]:
    """Write a calibrated bundle; return its report and its bundle_id.

    Args:
        out: where to write; must not exist.
        folder: the bundle that was calibrated.
        bundle: the same, read.
        calibrated: what was found.
        exclusions: what was left out.
        options: how it was found.
        population: who the calibration people are.
        pipeline_id: the pipeline that embedded them.
        face_policy: by which one of several faces was chosen.
        further: what the report says beside what was measured.

    Raises:
        BundleExists, BundleNotWritten, HeadMismatch, InferenceFailed, SearchFailed: as ``derive_bundle`` says.
    """
    sources = calibrated.sources
    new = tuple(measured.calibration for measured in calibrated.measured)
    kept = _still_valid(bundle.calibrations, new, pipeline_id, face_policy, sources)
    if calibrated.taught is not None:
        # A new network's scores mean something else, at whatever parameters.
        kept = tuple(found for found in kept if found.method not in TAUGHT_METHODS)
    # Whoever a kept parameter or threshold was chosen on stays known.
    carried = read_people(folder).records if kept or options.grid is None else ()
    report = {**calibration_report(calibrated, exclusions, options, population, carried), **(further or {})}
    told = population if not kept or bundle.calibrations is None else f"{bundle.calibrations.population}; {population}"
    limits = {**_kept_limits(bundle.calibrations, kept), calibrated.input_form: calibrated.limits}
    of_templates = (
        *_kept_templates(bundle.calibrations, kept),
        *(measured.calibration for measured in calibrated.templates),
    )
    calibrations = Calibrations(
        told, (*kept, *new), pipeline_id, limits=limits, face_policy=face_policy, templates=of_templates
    )
    change = Change(
        parameters=calibrated.parameters,
        default_method=calibrated.method,
        contents={
            CALIBRATION: calibration_content(calibrations, _with_networks(bundle.manifest, calibrated)),
            CALIBRATION_REPORT: json_content(f"{CALIBRATION_REPORT}.json", report),
            **({} if calibrated.taught is None else calibrated.taught.contents),
        },
        created_by=created_by(),
        left_out=_left_out(sources),
    )
    return report, derive_bundle(out, folder, bundle, sources, change)


def _left_out(sources: TermSources) -> frozenset[str]:
    """Return the parts that are not taken over: heads of what the sources do not give."""
    gone = [one.source for one in (PREDICTION, LIKELIHOOD, LIKELIHOOD_PREDICTED) if one not in sources.provides]
    return frozenset({*gone, *(HEADS[part] for part in gone)})


def _with_networks(manifest: Manifest, calibrated: Calibrated) -> Manifest:
    """Return a manifest that names the networks which the calibrated scores are by."""
    sha256 = {} if calibrated.taught is None else calibrated.taught.sha256
    new = {part: Part(file=f"{part}.onnx", sha256=digest, bytes=0) for part, digest in sha256.items()}
    gone = _left_out(calibrated.sources)
    kept = {name: part for name, part in manifest.parts.items() if name not in gone}
    return manifest.model_copy(update={"parts": {**kept, **new}})


def _kept_limits(former: Calibrations | None, kept: tuple[MethodCalibration, ...]) -> dict[InputForm, PopulationLimits]:
    """Return the former limits of the forms of input of which a calibration stays in force."""
    forms = {found.input_form for found in kept}
    return {} if former is None else {form: limits for form, limits in former.limits.items() if form in forms}


def _kept_templates(
    former: Calibrations | None, kept: tuple[MethodCalibration, ...]
) -> tuple[TemplateCalibration, ...]:
    """Return the former calibrations of several pictures, by the methods and forms that stay in force."""
    stays = {(found.method, found.input_form) for found in kept}
    if former is None:
        return ()
    return tuple(
        found for found in former.templates if (found.calibration.method, found.calibration.input_form) in stays
    )


def _still_valid(
    former: Calibrations | None,
    new: tuple[MethodCalibration, ...],
    pipeline_id: str,
    face_policy: FacePolicy,
    sources: TermSource,
) -> tuple[MethodCalibration, ...]:
    """Return the former calibrations that the new ones leave in force: other forms, or methods, of the same scores."""
    if former is None or (former.pipeline_id, former.face_policy) != (pipeline_id, face_policy):
        return ()
    parameters = new[0].parameters
    replaced = {(found.method, found.input_form) for found in new}
    return tuple(
        found
        for found in former.methods
        if (found.method, found.input_form) not in replaced
        and found.method in methods_of(sources.provides)
        and relevant(found.method, found.parameters) == relevant(found.method, parameters)
    )
