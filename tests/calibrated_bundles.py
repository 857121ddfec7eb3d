"""Bundles with a calibration that is made up, sound or not, for tests of what is told of decisions."""

from pathlib import Path

import numpy as np

from models.bundles.derive import Change, derive_bundle
from service.bundle.calibration_part import calibration_content
from service.bundle.reader import read_bundle, read_manifest
from service.scoring.calibration import Calibrations, FmrCurve, MethodCalibration, OperatingPoint
from service.scoring.population import PopulationLimits
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch

CURVE = FmrCurve(
    scores=np.array([-1.0, 0.2, 0.8]),
    log10_fmr=np.array([0.0, -1.0, -5.0]),
    log10_low=np.array([0.0, -1.5, -5.5]),
    log10_high=np.array([0.0, -0.5, -4.5]),
    shown_down_to=1e-3,
)


def point(name: str, fmr: float, threshold: float | None = None) -> OperatingPoint:
    """An operating point of ``CURVE``, at another threshold than that of its rate where one is given."""
    at = CURVE.score_of(fmr) if threshold is None else threshold
    return OperatingPoint(
        name, fmr, at, "measured", fmr / 2, min(1.0, fmr * 2), 0.1, 0.05, 0.2, 10, 1000, 100, 50, 1225
    )


SOUND = (point("fmr_1e-2", 1e-2), point("fmr_1e-3", 1e-3))


def calibrated(
    folder: Path,
    source: Path,
    *,
    pipeline_id: str | None = None,
    points: tuple[OperatingPoint, ...] = SOUND,
    methods: tuple[str, ...] = ("cosine",),
    default_method: str = "cosine",
    form: str = "photo",
    limits: PopulationLimits | None = None,
    limits_of: tuple[str, ...] | None = None,
) -> str:
    """Write a bundle that is another with a calibration of linear methods; return its id.

    Args:
        folder: where.
        source: the other bundle.
        pipeline_id: that which was calibrated; the bundle's own by default.
        points: operating points of each method.
        methods: those that are calibrated.
        default_method: the bundle's own.
        form: the form of input that was calibrated.
        limits: of its people; None for none.
        limits_of: the forms of input whose limits they are; that which was calibrated by default.
    """
    manifest = read_manifest(source)
    bundle = read_bundle(source, backbone_id=manifest.backbone_id)
    calibrations = Calibrations(
        "people made up",
        tuple(MethodCalibration(name, manifest.parameters, form, CURVE, points) for name in methods),
        pipeline_id or manifest.pipeline_id,
        limits={} if limits is None else dict.fromkeys(limits_of or (form,), limits),
    )
    content = calibration_content(calibrations, manifest)
    finder = TermFinder(bundle.anchors, FaissSearch(bundle.anchors))
    change = Change(manifest.parameters, default_method, {"calibration": content}, "a test")
    return derive_bundle(folder, source, bundle, finder, change)
