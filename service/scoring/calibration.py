"""What was measured about one method's scores: the false-match rate of each, and thresholds for decisions.

Nothing is measured here, and no threshold stands in code: all numbers come with the bundle.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from service.choices import FacePolicy
from service.errors import UnknownOperatingPoint
from service.scoring.dao import to_score
from service.scoring.fmr_curve import FmrCurve, StatedFmr
from service.scoring.llr_interval import LlrLine
from service.scoring.methods import Scale, find_method
from service.scoring.parameters import Parameters
from service.scoring.population import LimitsInForce, PopulationLimits
from service.scoring.strata import Norms, Strata, Stratum

UNKNOWN_NORMS: Norms = (None, None)
NO_LIMITS = "the anchor set was calibrated without limits of its people: run `ida-verify calibrate`"

Quality = Literal["measured", "wide", "extrapolated"]
InputForm = Literal["photo", "crop", "embedding"]

Rate = Annotated[float, Field(gt=0, le=1, strict=True)]
ShareValue = Annotated[float, Field(ge=0, le=1, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]


@checked_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class OperatingPoint:
    """A named threshold with what was measured of it.

    Attributes:
        name: as requests call it, such as "fmr_1e-4".
        fmr: the false-match rate it is meant for.
        threshold: a score of at least this much is a match.
        quality: "measured" where the pairs show the rate, "wide" where they show its order, else "extrapolated".
        fmr_low: lower end of the 95 % interval of its false-match rate.
        fmr_high: upper end.
        fnmr: false non-match rate on the calibration people, undetected faces counted as non-matches; None, as both
            ends, where nobody said who is whom.
        fnmr_low: lower end of its 95 % interval.
        fnmr_high: upper end.
        false_matches: how many non-mated calibration pairs reach the threshold.
        non_mated_pairs: how many there were.
        mated_pairs: number of mated pairs.
        people: number of people.
        identity_pairs: number of pairs of people.
    """

    name: str
    fmr: Rate
    threshold: Number
    quality: Quality
    fmr_low: ShareValue
    fmr_high: ShareValue
    fnmr: ShareValue | None
    fnmr_low: ShareValue | None
    fnmr_high: ShareValue | None
    false_matches: Count
    non_mated_pairs: Count
    mated_pairs: Count
    people: Count
    identity_pairs: Count


@dataclass(frozen=True, slots=True)
class MeasuredOn:
    """What a stated rate rests on.

    Attributes:
        stratum: name of the stratum, such as "poor-good"; None where all pairs are one.
        pairs: how many pairs of different people; None where the calibration does not say.
        people: of how many people.
    """

    stratum: str | None
    pairs: int | None
    people: int | None


@dataclass(frozen=True, slots=True, eq=False)
class MethodCalibration:
    """The calibration of one method for one form of input.

    Attributes:
        method: name of the method.
        parameters: those that gave the scores.
        input_form: what the calibration embeddings were made from.
        curve: false-match rate against score, of all pairs.
        points: the operating points, measured over all pairs.
        strata: curves by the norms of both faces; None where all pairs are one.
        llr: what stated log-likelihood ratios are worth over all pairs; None by other methods, and where that was not
            measured.
    """

    method: str
    parameters: Parameters
    input_form: InputForm
    curve: FmrCurve
    points: tuple[OperatingPoint, ...]
    strata: Strata | None = None
    llr: LlrLine | None = None

    def fmr_at_score(self, score: float, norms: Norms = UNKNOWN_NORMS) -> StatedFmr:
        """Return the false-match rate that a score of this method stands for.

        Args:
            score: of the pair.
            norms: of both faces; None for one that is not known, and then the rate is that of all pairs.
        """
        return self._curve(norms).at(on_scale(score, find_method(self.method).scale))

    def llr_interval(self, llr: float, norms: Norms = UNKNOWN_NORMS) -> tuple[float, float] | None:
        """Return both ends of the 95 % interval of a stated log-likelihood ratio; None where none was measured.

        Args:
            llr: the pair's score, of a method that tells such ratios.
            norms: of both faces, as for ``fmr_at_score``.
        """
        stratum = None if self.strata is None else self.strata.of(norms)
        line = self.llr if stratum is None or stratum.llr is None else stratum.llr
        return None if line is None else line.interval(llr)

    def measured_on(self, norms: Norms = UNKNOWN_NORMS) -> MeasuredOn:
        """Return what the rates of a pair of these norms rest on."""
        found = None if self.strata is None else self.strata.of(norms)
        if self.strata is not None and found is not None:
            return MeasuredOn(self.strata.name(found), found.pairs, found.people)
        if not self.points:
            return MeasuredOn(None, None, None)
        return MeasuredOn(None, self.points[0].non_mated_pairs, self.points[0].people)

    def _curve(self, norms: Norms) -> FmrCurve:
        found = None if self.strata is None else self.strata.of(norms)
        return self.curve if found is None else found.curve

    def curve_of_bands(self, bands: tuple[int, int]) -> FmrCurve:
        """Return the curve that pairs of two bands are judged by, in either order; -1 is a norm that is not known."""
        poorer, better = sorted(bands)
        return self.curve if self.strata is None or poorer < 0 else self.strata.strata[poorer, better].curve

    def point(self, name: str) -> OperatingPoint:
        """Return the operating point of a name.

        Raises:
            UnknownOperatingPoint: listing the names there are.
        """
        for point in self.points:
            if point.name == name:
                return point
        raise UnknownOperatingPoint(
            f"There is no operating point {name!r}. Ask for one of: {', '.join(point.name for point in self.points)}."
        )

    def threshold(self, name: str, norms: Norms = UNKNOWN_NORMS) -> float:
        """Return the score that decides at an operating point: at least so much is a match.

        Args:
            name: of the point.
            norms: of both faces, as for ``fmr_at_score``: the threshold is where the pair's own curve has the rate.

        Raises:
            UnknownOperatingPoint: as ``point``.
        """
        point = self.point(name)
        stratum = None if self.strata is None else self.strata.of(norms)
        return point.threshold if stratum is None else self.threshold_in(stratum, point)

    def threshold_in(self, stratum: Stratum, point: OperatingPoint) -> float:
        """Return the score at which a stratum's curve has the rate of an operating point."""
        return as_score(stratum.curve.score_of(point.fmr), find_method(self.method).scale)


@dataclass(frozen=True, slots=True, eq=False)
class TemplateCalibration:
    """The calibration of one method where the reference is several pictures of a person.

    Attributes:
        pictures: how many each template had, 2 or more. Of fewer pictures strangers score lower, so the rates that it
            states hold for these as upper ends.
        calibration: of pairs of one picture and one template.
    """

    pictures: int
    calibration: MethodCalibration


@dataclass(frozen=True, slots=True, eq=False)
class Calibrations:
    """All that a bundle was calibrated for.

    Attributes:
        population: who the calibration people were, in the words of those who chose them.
        methods: the calibrations.
        pipeline_id: the pipeline that embedded them; None for any.
        outdated: names of the methods that were calibrated with another head than the bundle has.
        limits: by form of input, how its faces lay; none where the calibration does not say.
        face_policy: by which one of several faces of a photograph was chosen.
        templates: the calibrations of several pictures against one.
    """

    population: str
    methods: tuple[MethodCalibration, ...]
    pipeline_id: str | None = None
    outdated: frozenset[str] = frozenset()
    limits: Mapping[InputForm, PopulationLimits] = field(default_factory=dict)
    face_policy: FacePolicy = "largest"
    templates: tuple[TemplateCalibration, ...] = ()

    def template_size(self, pictures: int) -> int | None:
        """Return the size of the templates whose calibration holds for so many pictures; None where none does."""
        return min((found.pictures for found in self.templates if found.pictures >= pictures), default=None)

    def of_templates(self, pictures: int) -> "Calibrations | str":
        """Return the calibrations that hold where the reference is so many pictures, or the reason why none does."""
        size = self.template_size(pictures)
        if size is not None:
            chosen = tuple(found.calibration for found in self.templates if found.pictures == size)
            return replace(self, methods=chosen, templates=())
        largest = max((found.pictures for found in self.templates), default=1)
        known = f"up to {largest} pictures" if largest > 1 else "one picture"
        return f"the anchor set was calibrated for references of {known}, not of {pictures}: calibrate it again"

    def require_point(self, name: str) -> None:
        """Refuse the name of an operating point that no method has.

        Raises:
            UnknownOperatingPoint: listing the names there are.
        """
        names = list(dict.fromkeys(point.name for method in self.methods for point in method.points))
        if name not in names:
            raise UnknownOperatingPoint(
                f"There is no operating point {name!r}. Ask for one of: {', '.join(names) or 'none'}."
            )

    def find(
        self,
        method: str,
        forms: tuple[InputForm, InputForm],
        parameters: Parameters,
        pipeline_id: str | None = None,
        face_policy: FacePolicy | None = None,
    ) -> MethodCalibration | str:
        """Return the calibration that holds for a pair's scores, or the reason why none does.

        Args:
            method: name of the method.
            forms: what the probe and the reference are.
            parameters: those in force.
            pipeline_id: the pipeline that embedded the pair; None where it is not known.
            face_policy: by which one of several faces of a photograph was chosen; None where there was no choice.
        """
        other = self._other_pipeline(pipeline_id) or self._other_policy(face_policy)
        if other is not None:
            return other
        of_method = [found for found in self.methods if found.method == method]
        if method in self.outdated:
            return f"the anchor set was calibrated for the method {method} with another head: calibrate it again"
        if not of_method:
            return f"the anchor set was not calibrated for the method {method}"
        of_form = [found for found in of_method if forms == (found.input_form, found.input_form)]
        if not of_form:
            known = " and ".join(sorted({f"two {found.input_form}s" for found in of_method}))
            return f"the anchor set was calibrated for {known}, not for {_in_words(forms)}"
        wanted = relevant(method, parameters)
        for found in of_form:
            if relevant(method, found.parameters) == wanted:
                return found
        return f"the parameters in force are not those that {method} was calibrated with"

    def _other_policy(self, face_policy: FacePolicy | None) -> str | None:
        if face_policy in (None, self.face_policy):
            return None
        return (
            f"the anchor set was calibrated with the face policy {self.face_policy}, and {face_policy} chose among "
            f"several faces: ask for {self.face_policy}, or calibrate with IDA_FACE_POLICY={face_policy}"
        )

    def limits_in_force(self, form: InputForm, parameters: Parameters, pipeline_id: str | None = None) -> LimitsInForce:
        """Return beyond what no rate is vouched for; arguments as for ``find``, of one face."""
        found = self.limits.get(form)
        if found is None:
            known = " and ".join(sorted(f"{name}s" for name in self.limits))
            return LimitsInForce.none(f"the anchor set has limits for {known}, not for {form}s" if known else NO_LIMITS)
        other = self._other_pipeline(pipeline_id)
        return found.in_force(parameters) if other is None else LimitsInForce.none(other)

    def unified_quality(self, norm: float, form: InputForm, pipeline_id: str | None = None) -> float | None:
        """Return the unified quality of a face by its norm, 0 to 100; None where the calibration cannot tell.

        Args:
            norm: length of what the backbone gave; 0 where it is not known.
            form: what the face was given as.
            pipeline_id: the pipeline that embedded it; None where it is not known.
        """
        found = self.limits.get(form)
        if found is None or self._other_pipeline(pipeline_id) is not None:
            return None
        return found.unified_quality(norm)

    def _other_pipeline(self, pipeline_id: str | None) -> str | None:
        """Return why a pipeline is not the one that was calibrated; None where it is, or is not known."""
        if None in (pipeline_id, self.pipeline_id) or pipeline_id == self.pipeline_id:
            return None
        return (
            f"the anchor set was calibrated with the pipeline {self.pipeline_id}, and {pipeline_id} is served: "
            "calibrate it with the model pack that is served"
        )


def relevant(method: str, parameters: Parameters) -> dict[str, float | None]:
    """Return the parameters, by name, that a method's scores depend on."""
    names = find_method(method).parameters
    return {name: getattr(parameters, name) for name in names}


def _in_words(forms: tuple[InputForm, InputForm]) -> str:
    articles = {"photo": "a photo", "crop": "a crop", "embedding": "an embedding"}
    return f"two {forms[0]}s" if forms[0] == forms[1] else f"{articles[forms[0]]} and {articles[forms[1]]}"


def on_scale(score: float, scale: Scale) -> float:
    """Return a score on the scale of ``Method.combine``, which is that of a method's curve."""
    if scale == "linear":
        return score
    return math.log(score) if score > 0 else -math.inf


def as_score(value: float, scale: Scale) -> float:
    """Return the score that a value on the scale of ``Method.combine`` stands for: the inverse of ``on_scale``."""
    return value if scale == "linear" else float(to_score(value))
