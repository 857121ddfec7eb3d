"""What a calibration gained on the people set aside: over the cosine, and over the bundle as it was."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.calibration.calibration_run import Calibrated
from models.calibration.measured_points import REPORT_SEED, weights_by_set
from models.calibration.set_aside import outside_of
from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, fnmr_at_fmr, interval, person_weights
from models.labelled.pairs.stated_scorer import AsServed
from models.labelled.rates.decided import DecidedPoint, decided_as_served, joined
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import OPERATING_FMRS, quality
from models.labelled.rates.observed import ObservedRates, observe
from models.labelled.rates.rate_ratio import RateRatio, rate_ratio
from models.labelled.rates.threshold_rates import fnmr_at
from models.tool_errors import LabelsInvalid
from service.arrays import Floats64
from service.bundle.reader import Bundle
from service.scoring.calibration import on_scale
from service.scoring.methods import COSINE, METHODS
from service.scoring.parameters import Parameters
from service.snapshot.term_sources import TermSources


@dataclass(frozen=True, slots=True)
class Gained:
    """A method beside the cosine, both at a false-match rate of the people set aside, on the same people.

    Attributes:
        set_name: the set.
        method: the method.
        fmr: the false-match rate; each method has its own threshold for it.
        cosine: the cosine's FNMR.
        fnmr: the method's.
        gain: how much lower the method's is; its interval is that of the difference, people resampled.
    """

    set_name: str
    method: str
    fmr: float
    cosine: Interval
    fnmr: Interval
    gain: Interval


@dataclass(frozen=True, slots=True)
class FormerPoint:
    """What an operating point of the bundle as it was does to the people set aside.

    Attributes:
        method: the method.
        name: as requests call the point.
        fmr: its stated false-match rate.
        seen: the rates that its threshold has on them, those beyond the limits of the bundle as it was as not found.
        decided: what becomes of all their pairs by those limits, each pair by the threshold of its own stratum.
    """

    method: str
    name: str
    fmr: float
    seen: ObservedRates
    decided: DecidedPoint

    @property
    def ratio(self) -> RateRatio:
        """How many times the stated false-match rate is seen."""
        return rate_ratio(self.fmr, self.seen.fmr_interval)


def gains(found: Calibrated, replicates: int, seed: int) -> tuple[Gained, ...]:
    """Return what every calibrated method gains over the cosine at the rates that the people set aside measure.

    Args:
        found: the calibration.
        replicates: of the bootstrap over people.
        seed: of the bootstrap.

    Raises:
        TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``TermSources.terms`` says.
    """
    told: list[Gained] = []
    for number, part in enumerate(found.parts.get("report", ())):
        cosine = _compared(part, COSINE, found.parameters, found.sources)
        fmrs = [fmr for fmr in OPERATING_FMRS if quality(cosine.non_mated, fmr) == "measured"]
        if not fmrs:
            continue
        weights = person_weights(cosine.people, replicates, seed + REPORT_SEED + number)
        by_cosine = _drawn(cosine, fmrs, weights)
        for name in (one.calibration.method for one in found.measured if one.calibration.method != COSINE):
            compared = _compared(part, name, found.parameters, found.sources)
            drawn = _drawn(compared, fmrs, weights)
            values = zip(fmrs, fnmr_at(cosine, fmrs), fnmr_at(compared, fmrs), strict=True)
            told += [
                Gained(
                    part.name,
                    name,
                    fmr,
                    _with_ends(before, by_cosine[:, place]),
                    _with_ends(after, drawn[:, place]),
                    _with_ends(before - after, by_cosine[:, place] - drawn[:, place]),
                )
                for place, (fmr, before, after) in enumerate(values)
            ]
    return tuple(told)


def former_points(
    found: Calibrated, former: Bundle, sources: TermSources, pipeline_id: str, replicates: int, seed: int
) -> tuple[FormerPoint, ...]:
    """Return what the bundle as it was does to the people set aside, by its own limits.

    Empty where no rate of it holds, or where its limits leave a set without pairs to count on.

    Args:
        found: the calibration.
        former: the bundle that was calibrated.
        sources: give the terms of faces in that bundle.
        pipeline_id: the pipeline that embedded the people.
        replicates: of the bootstrap over people.
        seed: of the bootstrap.

    Raises:
        TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``TermSources.terms`` says.
    """
    parameters = former.manifest.parameters
    if former.calibrations is None or not found.aside:
        return ()
    limits = former.calibrations.limits_in_force(found.input_form, parameters, pipeline_id)
    everybody = [aside.everybody() for aside in found.aside]
    outside = [outside_of(part, limits, parameters, sources) for part in everybody]
    # By its own limits and not by the new ones, or what these cost would count before as well.
    try:
        parts = [aside.within(part, out) for aside, part, out in zip(found.aside, everybody, outside, strict=True)]
    except LabelsInvalid:
        return ()
    told: list[FormerPoint] = []
    form = (found.input_form, found.input_form)
    for name in dict.fromkeys((former.manifest.default_method, COSINE)):
        calibration = former.calibrations.find(name, form, parameters, pipeline_id)
        if isinstance(calibration, str) or not set(METHODS[name].needs) <= sources.provides:
            continue
        method = METHODS[name]
        compared = [_compared(part, name, parameters, sources) for part in parts]
        thresholds = np.array([on_scale(point.threshold, method.scale) for point in calibration.points])
        seen = observe(thresholds, method.scale, compared, weights_by_set(compared, replicates, seed + REPORT_SEED))
        served = AsServed(calibration)
        decided = joined(
            [
                decided_as_served(served, part, part.scorer_by(method, parameters, sources), out)
                for part, out in zip(everybody, outside, strict=True)
            ]
        )
        told += [
            FormerPoint(name, point.name, point.fmr, rates, of_point)
            for point, rates, of_point in zip(calibration.points, seen, decided, strict=True)
        ]
    return tuple(told)


def _compared(part: Comparable, method: str, parameters: Parameters, sources: TermSources) -> Comparisons:
    return part.compare_by(METHODS[method], parameters, sources)


def _drawn(compared: Comparisons, fmrs: Sequence[float], weights: WeightArray) -> Floats64:
    """Return the FNMR (b, f) of each replicate without the half error that steadies a choice between parameters."""
    smoothed = fnmr_at_fmr(compared, np.array(fmrs), weights)
    pairs = np.bincount(compared.mated_person, minlength=compared.people) + compared.failed
    drawn = (weights.astype(np.float64) @ pairs)[:, None]
    found: Floats64 = np.clip((smoothed * (drawn + 1) - 0.5) / np.maximum(drawn, 1), 0.0, 1.0)
    return found


def _with_ends(value: float, drawn: Floats64) -> Interval:
    low, high = interval(drawn)
    return Interval(float(value), float(low), float(high))
