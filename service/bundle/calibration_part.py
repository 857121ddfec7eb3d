"""The part of a bundle that says what its scores mean: its form on disk, and what it is bound to."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, FailFast, Field, model_validator

from service.bundle.bundle_manifest import CALIBRATION, IDA_Q, IDA_QL, PFE, SSR, AnchorsDigest, Id, Manifest
from service.bundle.writer import PartContent, json_content
from service.choices import FacePolicy
from service.documents import Limits, Unreadable, parse_document
from service.errors import BundleInvalid
from service.pack.pack_manifest import Sha256
from service.scoring.calibration import (
    Calibrations,
    Count,
    InputForm,
    MethodCalibration,
    Number,
    OperatingPoint,
    Rate,
    TemplateCalibration,
)
from service.scoring.fmr_curve import FmrCurve
from service.scoring.llr_interval import LlrLine
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.population import MEASURES, PopulationLimits
from service.scoring.strata import BAND_NAMES, Strata, Stratum, pairs_of_bands

Log10Rate = Annotated[float, Field(le=0, allow_inf_nan=False)]
# Ten methods for three forms of input, each with five points, a curve of some 150 knots and ten strata with curves of
# 80, need half of this.
_LIMITS = Limits(8 * 1024 * 1024, max_objects=4_000, max_arrays=4_000, max_values=250_000)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Curve(_Strict):
    scores: Annotated[list[Number], FailFast(), Field(min_length=2)]
    log10_fmr: Annotated[list[Log10Rate], FailFast()]
    log10_low: Annotated[list[Log10Rate], FailFast()]
    log10_high: Annotated[list[Log10Rate], FailFast()]
    shown_down_to: Rate
    between_sets: Annotated[float, Field(ge=0, le=3, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _decreases(self) -> Self:
        if not len(self.scores) == len(self.log10_fmr) == len(self.log10_low) == len(self.log10_high):
            raise ValueError("every score needs a rate and both ends of its interval")
        if np.any(np.diff(self.scores) <= 0) or np.any(np.diff(self.log10_fmr) >= 0):
            raise ValueError("the scores must increase and the rates decrease")
        return self


def _is_none(value: object) -> bool:
    return value is None


_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Variance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _LlrLine(_Strict):
    offset: _Finite
    slope: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    offset_variance: _Variance
    slope_variance: _Variance
    covariance: _Finite
    between_sets: _Variance | None = None


class _Stratum(_Strict):
    bands: Annotated[list[Annotated[int, Field(ge=0, lt=len(BAND_NAMES))]], Field(min_length=2, max_length=2)]
    curve: _Curve
    pairs: Count
    people: Count
    # Versions that know none refuse a document that names it; one that has none stays readable.
    llr: _LlrLine | None = Field(default=None, exclude_if=_is_none)


class _Strata(_Strict):
    cuts: Annotated[list[Number], Field(min_length=1, max_length=len(BAND_NAMES) - 1)]
    strata: Annotated[list[_Stratum], FailFast()]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if sorted(set(self.cuts)) != self.cuts:
            raise ValueError("the norms that part the bands must increase")
        if [tuple(found.bands) for found in self.strata] != list(pairs_of_bands(len(self.cuts) + 1)):
            raise ValueError("every two bands need one stratum, in their order")
        return self


class _Method(_Strict):
    method: str
    parameters: Parameters
    input_form: InputForm
    curve: _Curve
    points: Annotated[list[OperatingPoint], FailFast()]
    strata: _Strata | None = None
    llr: _LlrLine | None = Field(default=None, exclude_if=_is_none)


class _Template(_Method):
    pictures: Annotated[int, Field(ge=2, le=64)]


class _Document(_Strict):
    """What the part says; the parameters that each method is bound to stand with the method."""

    format: Literal[1]
    pipeline_id: Id
    anchors_digest: AnchorsDigest
    head_sha256: Sha256 | None
    pfe_sha256: Sha256 | None = None
    ida_q_sha256: Sha256 | None = None
    ida_ql_sha256: Sha256 | None = None
    population: str
    methods: Annotated[list[_Method], FailFast(), Field(min_length=1)]
    limits: dict[InputForm, PopulationLimits] = Field(default_factory=dict)
    # Versions that did not say took the largest face.
    face_policy: FacePolicy = "largest"
    templates: Annotated[list[_Template], FailFast()] = Field(default_factory=list)


def calibration_content(calibrations: Calibrations, manifest: Manifest) -> PartContent:
    """Return the part that holds calibrations of a bundle's scores, bound to its pipeline, anchors and SSR head."""
    document = _Document.model_validate(
        {
            "format": 1,
            "pipeline_id": calibrations.pipeline_id or manifest.pipeline_id,
            "anchors_digest": manifest.anchors_digest,
            "head_sha256": _sha256(manifest, SSR),
            "pfe_sha256": _sha256(manifest, PFE),
            "ida_q_sha256": _sha256(manifest, IDA_Q),
            "ida_ql_sha256": _sha256(manifest, IDA_QL),
            "population": calibrations.population,
            "methods": [_content(found) for found in calibrations.methods],
            "limits": {form: asdict(limits) for form, limits in calibrations.limits.items()},
            "face_policy": calibrations.face_policy,
            "templates": [
                {**_content(found.calibration), "pictures": found.pictures} for found in calibrations.templates
            ],
        }
    )
    # Versions that know no templates refuse a document that names them; one that has none stays readable.
    left_out = None if document.templates else {"templates"}
    return json_content(f"{CALIBRATION}.json", document.model_dump(mode="json", exclude=left_out))


def _content(found: MethodCalibration) -> dict[str, object]:
    return {
        "method": found.method,
        "parameters": found.parameters,
        "input_form": found.input_form,
        "curve": _curve_document(found.curve),
        "points": [asdict(point) for point in found.points],
        "strata": None if found.strata is None else _strata_document(found.strata),
        "llr": None if found.llr is None else asdict(found.llr),
    }


def parse_calibrations(content: bytes, manifest: Manifest) -> Calibrations:
    """Read calibrations; those of scores by other heads than the bundle's are not among them.

    Raises:
        BundleInvalid: if they are none, or those of other anchors than the manifest's.
    """
    try:
        document = parse_document(_Document, content, _LIMITS)
    except Unreadable as error:
        raise BundleInvalid(f"The bundle's calibration cannot be read: {error}. Calibrate the bundle again.") from error
    if document.anchors_digest != manifest.anchors_digest:
        raise BundleInvalid("The bundle's calibration is that of other anchors. Calibrate the bundle again.")
    methods = [found.method for found in (*document.methods, *document.templates)]
    measures = [name for limits in document.limits.values() for name in limits.measures]
    _refuse_unknown("is calibrated for methods", methods, METHODS)
    _refuse_unknown("has limits of measures", measures, MEASURES)
    heads = {
        SSR: document.head_sha256,
        PFE: document.pfe_sha256,
        IDA_Q: document.ida_q_sha256,
        IDA_QL: document.ida_ql_sha256,
    }
    changed = {part for part, sha256 in heads.items() if sha256 is None or sha256 != _sha256(manifest, part)}
    outdated = frozenset(
        found.method
        for found in (*document.methods, *document.templates)
        if any(statistic.source in changed for statistic in METHODS[found.method].needs)
    )
    return Calibrations(
        population=document.population,
        methods=tuple(_method(found) for found in document.methods if found.method not in outdated),
        pipeline_id=document.pipeline_id,
        outdated=outdated,
        limits=document.limits,
        face_policy=document.face_policy,
        templates=tuple(
            TemplateCalibration(found.pictures, _method(found))
            for found in document.templates
            if found.method not in outdated
        ),
    )


def _refuse_unknown(what: str, names: Sequence[str], known: Collection[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BundleInvalid(
            f"The bundle {what} that this version does not know: {', '.join(unknown)}. Serve it with the version that "
            "its manifest names, or calibrate it again."
        )


def _sha256(manifest: Manifest, part: str) -> str | None:
    return manifest.parts[part].sha256 if part in manifest.parts else None


def _curve_document(curve: FmrCurve) -> dict[str, object]:
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in asdict(curve).items()}


def _strata_document(strata: Strata) -> dict[str, object]:
    found = [strata.strata[bands] for bands in pairs_of_bands(len(strata.cuts) + 1)]
    return {
        "cuts": list(strata.cuts),
        "strata": [
            {
                "bands": list(one.bands),
                "curve": _curve_document(one.curve),
                "pairs": one.pairs,
                "people": one.people,
                "llr": None if one.llr is None else asdict(one.llr),
            }
            for one in found
        ],
    }


def _method(found: _Method) -> MethodCalibration:
    return MethodCalibration(
        method=found.method,
        parameters=found.parameters,
        input_form=found.input_form,
        curve=_read_curve(found.curve),
        points=tuple(found.points),
        strata=None if found.strata is None else _read_strata(found.strata),
        llr=_read_llr(found.llr),
    )


def _read_llr(found: _LlrLine | None) -> LlrLine | None:
    return None if found is None else LlrLine(**found.model_dump())


def _read_curve(found: _Curve) -> FmrCurve:
    return FmrCurve(
        scores=np.array(found.scores),
        log10_fmr=np.array(found.log10_fmr),
        log10_low=np.array(found.log10_low),
        log10_high=np.array(found.log10_high),
        shown_down_to=found.shown_down_to,
        between_sets=found.between_sets,
    )


def _read_strata(found: _Strata) -> Strata:
    strata = {
        bands: Stratum(bands, _read_curve(one.curve), one.pairs, one.people, _read_llr(one.llr))
        for one in found.strata
        for bands in ((one.bands[0], one.bands[1]),)
    }
    return Strata(tuple(found.cuts), strata)
