"""What is measured of one method: its curve, its operating points, and what they do to the people set aside."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.calibration.between_sets import between_sets
from models.calibration.curve import FittedCurve, fit_curve
from models.calibration.llr_line import fit_llr_line
from models.calibration.operating_points import operating_points
from models.calibration.strata_fit import fit_strata
from models.calibration.vouched_tails import vouched
from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, person_weights
from models.labelled.pairs.stated_scorer import AsServed
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.decided import DecidedPoint, decided_as_served, joined
from models.labelled.rates.observed import ObservedRates, observe
from models.labelled.rates.seen_kinds import SeenKind, seen_kinds
from models.labelled.rates.seen_strata import SeenStratum, seen_strata
from models.progress import Stage
from service.arrays import Bools
from service.scoring.calibration import InputForm, MethodCalibration, on_scale
from service.scoring.methods import Method
from service.scoring.parameters import Parameters
from service.snapshot.term_sources import TermSources

REPORT_SEED = 1_000_003


@dataclass(frozen=True, slots=True)
class MeasuredPoints:
    """What was measured of one method, with or without the exclusions.

    Attributes:
        calibration: its curve and operating points.
        fitted: the curve with its tail.
        observed: what the thresholds of all pairs do to the people set aside, all sets together.
        observed_by_set: the same for each set.
        decided: what becomes of all pairs of the people set aside, those with a face beyond the limits among them, by
            the thresholds of each pair's own stratum.
        strata: what each stratum's own thresholds do to the people set aside; empty where all pairs are one.
        kinds: what the same thresholds do by kind of pair, pictures as they are and degraded copies.
        served: what they do to all pairs of the people set aside; ``threshold`` is that of all pairs.
    """

    calibration: MethodCalibration
    fitted: FittedCurve
    observed: list[ObservedRates]
    observed_by_set: dict[str, list[ObservedRates]]
    decided: tuple[DecidedPoint, ...]
    strata: tuple[SeenStratum, ...] = ()
    kinds: tuple[SeenKind, ...] = ()
    served: list[ObservedRates] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Measuring:
    """What every method is measured with.

    Attributes:
        parameters: in force.
        input_form: what is calibrated for.
        sources: give the terms of faces.
        replicates: of every bootstrap.
        seed: of the bootstraps.
        stage: told what runs and how far it is.
    """

    parameters: Parameters
    input_form: InputForm
    sources: TermSources
    replicates: int
    seed: int
    stage: Stage


@dataclass(frozen=True, slots=True)
class MeasuredParts:
    """The faces that methods are measured on, by set.

    Attributes:
        calibrate: of the part "calibrate", those beyond the limits as not found.
        report: of the part "report" likewise.
        everybody: all faces of the part "report", and which of them (m,) are beyond the limits.
        stratified: of the part "calibrate" with degraded copies of its pictures, where there are any.
        stratified_aside: of the part "report" likewise.
        cuts: norms that part the strata; none for one stratum.
    """

    calibrate: list[Comparable]
    report: list[Comparable]
    everybody: Sequence[tuple[Comparable, Bools]]
    stratified: Sequence[Comparable]
    stratified_aside: Sequence[Comparable]
    cuts: tuple[float, ...]


def measure_method(method: Method, work: Measuring, parts: MeasuredParts) -> MeasuredPoints:
    """Measure a method on the faces of two parts, and decide on everybody who is set aside.

    Args:
        method: the method.
        work: with what.
        parts: the faces.

    Raises:
        MethodNotServed, TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``TermSources.terms`` says.
    """
    parameters = work.parameters
    tick = work.stage(f"measuring {method.name}")
    fitted_on = [part.compare_by(method, parameters, work.sources) for part in parts.calibrate]
    tick(0.3)
    weights = weights_by_set(fitted_on, work.replicates, work.seed)
    fitted = fit_curve(fitted_on)
    fitted = replace(fitted, curve=replace(fitted.curve, between_sets=between_sets([(fitted.curve, fitted_on)])))
    strata = fit_strata(
        parts.stratified, _scorers(method, work, parts.stratified), parts.cuts, tells_llr=method.tells_llr
    )
    if strata is not None:
        strata = vouched(strata, fitted.curve)
    points = operating_points(fitted.curve, method.scale, fitted_on, weights)
    tick(0.5)
    aside = [part.compare_by(method, parameters, work.sources) for part in parts.report]
    aside_weights = weights_by_set(aside, work.replicates, work.seed + REPORT_SEED)
    thresholds = np.array([on_scale(point.threshold, method.scale) for point in points])
    by_set = {
        found.name: observe(thresholds, method.scale, [found], [drawn])
        for found, drawn in zip(aside, aside_weights, strict=True)
    }
    observed = observe(thresholds, method.scale, aside, aside_weights)
    aside_scorers = _scorers(method, work, parts.stratified_aside)
    seen = seen_strata(strata, method, parts.stratified_aside, aside_scorers)
    tick(0.8)
    llr = fit_llr_line(fitted_on) if method.tells_llr else None
    calibration = MethodCalibration(method.name, parameters, work.input_form, fitted.curve, points, strata, llr)
    served = AsServed(calibration)
    as_served = observed if strata is None else _observed_as_served(served, method, work, parts.report, aside_weights)
    originals = [len(part.rows) for part in parts.report]
    kinds = seen_kinds(calibration, parts.stratified_aside, aside_scorers, originals)
    decided = [
        decided_as_served(served, part, part.scorer_by(method, parameters, work.sources), outside)
        for part, outside in parts.everybody
    ]
    tick(1.0)
    return MeasuredPoints(calibration, fitted, observed, by_set, joined(decided), seen, kinds, as_served)


def _observed_as_served(
    served: AsServed, method: Method, work: "Measuring", parts: Sequence[Comparable], weights: Sequence[WeightArray]
) -> list[ObservedRates]:
    """Return what the points do where each pair is judged by its own stratum."""
    scorers = [
        served.scorer(scorer, part.norms) for part, scorer in zip(parts, _scorers(method, work, parts), strict=True)
    ]
    found = [part.compare_with(scorer) for part, scorer in zip(parts, scorers, strict=True)]
    seen = observe(served.thresholds(), method.scale, found, weights)
    points = served.calibration.points
    return [replace(at, threshold=point.threshold) for point, at in zip(points, seen, strict=True)]


def _scorers(method: Method, work: "Measuring", parts: Sequence[Comparable]) -> list[BlockScorer]:
    return [part.scorer_by(method, work.parameters, work.sources) for part in parts]


def weights_by_set(found: Sequence[Comparisons], replicates: int, seed: int) -> list[WeightArray]:
    """Return how often each person of every set is drawn in each replicate, each set from a seed of its own."""
    return [person_weights(of_set.people, replicates, seed + number) for number, of_set in enumerate(found)]
