"""What is measured of one method: its curve, its operating points, and what they do to the people set aside."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.calibration.between_sets import between_sets
from models.calibration.curve import FittedCurve, fit_curve
from models.calibration.operating_points import operating_points
from models.calibration.seen_strata import SeenStratum, seen_strata
from models.calibration.strata_fit import fit_strata
from models.calibration.vouched_tails import vouched
from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, person_weights
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.decided import DecidedPoint, decided_points, joined
from models.labelled.rates.observed import ObservedRates, observe
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
        observed: what the thresholds do to the people set aside, all sets together.
        observed_by_set: the same for each set.
        decided: what becomes of all pairs of the people set aside, those with a face beyond the limits among them.
        strata: what each stratum's own thresholds do to the people set aside; empty where all pairs are one.
    """

    calibration: MethodCalibration
    fitted: FittedCurve
    observed: list[ObservedRates]
    observed_by_set: dict[str, list[ObservedRates]]
    decided: tuple[DecidedPoint, ...]
    strata: tuple[SeenStratum, ...] = ()


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
    strata = fit_strata(parts.stratified, _scorers(method, work, parts.stratified), parts.cuts)
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
    seen = seen_strata(strata, method, parts.stratified_aside, _scorers(method, work, parts.stratified_aside))
    tick(0.8)
    decided = []
    for part, outside in parts.everybody:
        scorer = part.scorer_by(method, parameters, work.sources)
        names, compared = [point.name for point in points], part.compare_with(scorer)
        decided.append(decided_points(names, thresholds, part, compared, scorer.pairs(*part.mated()), outside))
    tick(1.0)
    return MeasuredPoints(
        MethodCalibration(method.name, parameters, work.input_form, fitted.curve, points, strata),
        fitted,
        observed,
        by_set,
        joined(decided),
        seen,
    )


def _scorers(method: Method, work: "Measuring", parts: Sequence[Comparable]) -> list[BlockScorer]:
    return [part.scorer_by(method, work.parameters, work.sources) for part in parts]


def weights_by_set(found: Sequence[Comparisons], replicates: int, seed: int) -> list[WeightArray]:
    """Return how often each person of every set is drawn in each replicate, each set from a seed of its own."""
    return [person_weights(of_set.people, replicates, seed + number) for number, of_set in enumerate(found)]
