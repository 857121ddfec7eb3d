"""Whom stated rates hold for: limits of what the calibration saw of its people, and which faces lie beyond them.

``MEASURES`` is the one place where a measure is added: calibration, bundle, ``/info``, answers and the problem
``low_quality`` follow from it. A measure of the source "picture" is one of ``AlignedFace.measures`` by its name.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from service.arrays import Bools, Floats, Floats64
from service.errors import Doubt
from service.scoring.parameters import Guard, Parameters, SupportSize, Tau
from service.scoring.unified import unified_quality

MeasureSource = Literal["backbone", "anchors", "picture"]
MeasuredValues = Mapping[str, Floats64]
"""Values (n,) of n faces by the name of their measure, NaN where one is not known."""

# Shares of the calibration's faces beyond a limit: those whose limits stand in the bundle beside the median.
_SHARES = (0.001, 0.005, 0.01, 0.02, 0.05)

_Value = Annotated[float, Field(allow_inf_nan=False, strict=True)]
_Share = Annotated[float, Field(ge=0, lt=1, strict=True)]


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is measured of a face, beyond whose limit no rate is vouched for.

    Attributes:
        name: what it is called.
        source: what gives it: the backbone, the anchors (whose k, tau and guard it depends on), or the picture.
        poor_end: which end of its values is the poor one.
        reason: stable code of why a face beyond the limit is doubted; several measures may share one.
        says: what is wrong with such a face, in words that follow "the probe".
        advice: what the person should do, a sentence.
        share: of the calibration's faces that lie beyond the limit, unless somebody asks for another; 0 for no limit.
        unknown: why a face may lack it.
    """

    name: str
    source: MeasureSource
    poor_end: Literal["low", "high"]
    reason: str
    says: str
    advice: str
    share: float
    unknown: str

    def at_share(self, values: Floats64, share: float) -> float:
        """Return the limit beyond which a share of the known values (n,) lies."""
        return float(np.quantile(values, share if self.poor_end == "low" else 1 - share))

    def is_beyond(self, values: Floats64, limit: float) -> Bools:
        """Return which values, of any shape, lie beyond a limit; equal, and not known, is within."""
        beyond: Bools = values < limit if self.poor_end == "low" else values > limit
        return beyond

    def doubt(self, image: str) -> Doubt:
        """Return why a face beyond the limit is doubted, ``image`` being which input it is."""
        return Doubt(image, self.reason, f"the {image} {self.says}", self.advice)


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        measure.name: measure
        for measure in (
            Measure(
                name="norm",
                source="backbone",
                poor_end="low",
                reason="poor_picture",
                says="shows too little of a face to be told from others",
                advice="Come nearer, hold still, take light from the front, face the camera upright, and uncover "
                "the face.",
                share=0.005,
                unknown="the embedding was given with unit norm",
            ),
            Measure(
                name="detection_score",
                source="picture",
                poor_end="low",
                reason="doubtful_face",
                says="shows what may be no face",
                advice="Send a picture of one face, upright, uncovered and towards the camera.",
                share=0.003,
                unknown="the face came without the photograph that it was found in",
            ),
            Measure(
                name="evenness_of_detail",
                source="picture",
                poor_end="low",
                reason="motion_blur",
                says="moved while the picture was taken",
                advice="Hold still, and take more light.",
                share=0.002,
                unknown="the face came without the photograph that it was found in",
            ),
            Measure(
                name="eye_light",
                source="picture",
                poor_end="low",
                reason="eyes_covered",
                says="shows no eyes",
                advice="Take off dark glasses, and let light fall on the eyes.",
                share=0.003,
                unknown="the face came without the photograph that it was found in",
            ),
            Measure(
                name="crowding",
                source="anchors",
                poor_end="high",
                reason="outside_population",
                says="is more like everybody else than the faces that the rates were measured on",
                advice="Send an uncovered, sharp and upright picture; if it is one, calibrate on people like these.",
                share=0.001,
                unknown="no density is known",
            ),
        )
    }
)
"""The measures that are judged, in the order in which reasons are told."""

PICTURE_MEASURES = tuple(name for name, measure in MEASURES.items() if measure.source == "picture")
"""Names of those that a picture tells and an embedding does not."""


@checked_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class MeasureLimit:
    """How one measure lies among the calibration's faces.

    Attributes:
        limit: beyond it, no rate is vouched for; None where the measure has no limit in force.
        share: of the calibration's faces that lie beyond it.
        quantiles: values by the share of the faces below them, such as "0.01".
        faces: of how many faces the measure was known.
    """

    limit: _Value | None
    share: _Share
    quantiles: dict[str, _Value]
    faces: Annotated[int, Field(ge=1, strict=True)]


@checked_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class PopulationLimits:
    """How the faces of a calibration's people lie, and beyond what no rate is vouched for.

    Attributes:
        k: of the support sets that gave the crowding.
        tau: likewise.
        guard: likewise.
        measures: by the name of a measure; those that no face had are absent.
    """

    k: SupportSize
    tau: Tau
    guard: Guard | None
    measures: dict[str, MeasureLimit]

    def unified_quality(self, norm: float) -> float | None:
        """Return the unified quality of a face by its norm; None where it, or how these faces lay, is not known."""
        quantiles = self.measures["norm"].quantiles if "norm" in self.measures else {}
        median, one_percent = quantiles.get("0.5"), quantiles.get("0.01")
        if median is None or one_percent is None:
            return None
        return unified_quality(norm, median, one_percent)

    def in_force(self, parameters: Parameters) -> "LimitsInForce":
        """Return the limits that hold at some parameters: those of the anchors at their own k, tau and guard alone."""
        same = (self.k, self.tau, self.guard) == (parameters.k, parameters.tau, parameters.guard)
        limits: dict[str, float] = {}
        missing: dict[str, str] = {}
        for name, measure in MEASURES.items():
            found = self.measures.get(name)
            if found is None:
                missing[name] = "the calibration has no limit of it"
            elif found.limit is None:
                missing[name] = "it was calibrated without a limit of it"
            elif measure.source == "anchors" and not same:
                missing[name] = "the parameters in force are not those that its limit was found with"
            else:
                limits[name] = found.limit
        return LimitsInForce(limits, missing)


@dataclass(frozen=True, slots=True)
class LimitsInForce:
    """Beyond what no rate is vouched for, for faces of one form.

    Attributes:
        limits: by measure.
        missing: why each other measure has none.
    """

    limits: Mapping[str, float]
    missing: Mapping[str, str]

    @classmethod
    def none(cls, why: str) -> "LimitsInForce":
        """Return no limits, for one reason."""
        return cls({}, dict.fromkeys(MEASURES, why))

    def outside(self, values: MeasuredValues, faces: int) -> Bools:
        """Return which of n faces are beyond a limit, (n,) bool."""
        beyond = np.zeros(faces, dtype=bool)
        for name, limit in self.limits.items():
            if name in values:
                beyond |= MEASURES[name].is_beyond(values[name], limit)
        return beyond

    def check(self, values: MeasuredValues, row: int) -> "FaceCheck":
        """Return how one of n faces stands to every measure."""
        return FaceCheck(tuple(self._checked(measure, values, row) for measure in MEASURES.values()))

    def _checked(self, measure: Measure, values: MeasuredValues, row: int) -> "CheckedMeasure":
        value = float(values[measure.name][row]) if measure.name in values else math.nan
        known = None if math.isnan(value) else value
        limit = self.limits.get(measure.name)
        if limit is None:
            return CheckedMeasure(measure, known, None, self.missing.get(measure.name, "it has no limit"))
        if known is None:
            return CheckedMeasure(measure, None, limit, measure.unknown)
        return CheckedMeasure(measure, known, limit, None, bool(measure.is_beyond(np.asarray(value), limit)))


@dataclass(frozen=True, slots=True)
class CheckedMeasure:
    """How one face stands to one measure.

    Attributes:
        measure: the measure.
        value: of the face; None where it is not known.
        limit: None where there is none.
        not_judged: why it was not judged; None where it was.
        is_beyond: whether it was judged, and lies beyond the limit.
    """

    measure: Measure
    value: float | None
    limit: float | None
    not_judged: str | None
    is_beyond: bool = False


@dataclass(frozen=True, slots=True)
class FaceCheck:
    """How one face stands to the calibrated population.

    Attributes:
        measures: every measure.
    """

    measures: tuple[CheckedMeasure, ...]

    def doubts(self, image: str) -> tuple[Doubt, ...]:
        """Return why no rate is vouched for with this face, a doubt for each reason; none where there is none.

        Args:
            image: which input it is, as an error names it.
        """
        beyond = {found.measure.reason: found.measure for found in reversed(self.measures) if found.is_beyond}
        return tuple(measure.doubt(image) for measure in reversed(beyond.values()))


def measured_values(
    norms: Floats, crowding: Floats64 | None, pictures: MeasuredValues | None = None
) -> dict[str, Floats64]:
    """Return the values of n faces by measure.

    Args:
        norms: (n,), lengths of what the backbone gave; 0 where one is not known.
        crowding: (n,), NaN where one is not known; None where none is.
        pictures: what the pictures tell, as ``picture_values`` gives it; None where there are none.
    """
    lengths = np.asarray(norms, dtype=np.float64)
    found = {**(pictures or {}), "norm": np.where(lengths > 0, lengths, np.nan)}
    if crowding is not None:
        found["crowding"] = crowding
    return found


def picture_values(told: Sequence[Mapping[str, float]]) -> dict[str, Floats64]:
    """Return what n pictures tell, by measure, NaN where one does not.

    Args:
        told: of each face, ``AlignedFace.measures``; empty where it is not from a picture.
    """
    return {name: np.array([one.get(name, np.nan) for one in told]) for name in PICTURE_MEASURES}


def population_limits(
    values: MeasuredValues, parameters: Parameters, shares: Mapping[str, float] | None = None
) -> PopulationLimits:
    """Return how faces lie, and the limits beyond which some share of them does.

    Args:
        values: of a calibration's faces; a measure that none of them has is left out.
        parameters: those that gave the crowding.
        shares: of the faces to lie beyond a measure's limit, its own where absent; 0 for no limit.
    """
    found = {}
    for name, measure in MEASURES.items():
        known = values.get(name, np.empty(0))
        known = known[~np.isnan(known)]
        if not len(known):
            continue
        share = (shares or {}).get(name, measure.share)
        levels = [*_SHARES, 0.5] if measure.poor_end == "low" else [0.5, *(1 - one for one in reversed(_SHARES))]
        found[name] = MeasureLimit(
            # Rounded, since the last digits depend on the processor and would give the bundle another id.
            limit=_rounded(measure.at_share(known, share)) if share else None,
            share=share,
            quantiles={f"{level:g}": _rounded(float(np.quantile(known, level))) for level in levels},
            faces=len(known),
        )
    return PopulationLimits(parameters.k, parameters.tau, parameters.guard, found)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
