"""What a calibration found, as the part of the bundle that people read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from pydantic import JsonValue

from models.calibration.calibration_run import Calibrated, CalibrationOptions
from models.calibration.measured_points import MeasuredPoints
from models.calibration.selection import Candidate, Selection
from models.calibration.template_points import MeasuredTemplates
from models.labelled.calibration_people import Record
from models.labelled.comparable import Comparable
from models.labelled.exclusions import Exclusions
from models.labelled.rates.observed import ObservedRates
from models.labelled.rates.rate_ratio import RateRatio, rate_ratio
from service.scoring.calibration import OperatingPoint, relevant

_CANDIDATES_TOLD = 20


def population_of(calibrated: Calibrated) -> str:
    """Return the people that the thresholds were measured on, in words."""
    parts = [
        f"{part.name}: {len(part.people)} people, {part.images} {calibrated.input_form}s"
        for part in calibrated.parts["calibrate"]
    ]
    return "; ".join(parts)


def calibration_report(
    calibrated: Calibrated,
    exclusions: Exclusions,
    options: CalibrationOptions,
    population: str,
    carried: Sequence[Record] = (),
) -> dict[str, JsonValue]:
    """Return everything that was found, for JSON.

    Args:
        calibrated: the outcome.
        exclusions: what was left out.
        options: how it was found.
        population: who the people are.
        carried: the people of former calibrations of which something is still in force.
    """
    own = () if calibrated.people is None else (calibrated.people,)
    records = dict.fromkeys(record.model_dump_json() for record in (*carried, *own))
    return {
        "format": 1,
        "population": population,
        "input_form": calibrated.input_form,
        "default_method": calibrated.method,
        "parameters": calibrated.parameters.model_dump(),
        "seed": options.seed,
        "shares": list(options.shares),
        "folds": options.folds,
        "replicates": options.replicates,
        "parts": {name: _counts(parts, calibrated.outside[name]) for name, parts in calibrated.parts.items()},
        "limits": _limits(calibrated),
        "people": [json.loads(record) for record in records],
        "exclusions": {"version": exclusions.version, "sha256": exclusions.digest, "entries": len(exclusions.entries)},
        "selection": None if calibrated.selection is None else _selection(calibrated.selection),
        "trained": None if calibrated.taught is None else dict(calibrated.taught.report),
        "methods": [_measured(measured) for measured in calibrated.measured],
        "templates": [_of_templates(measured) for measured in calibrated.templates],
        "methods_without_exclusions": [_measured(measured) for measured in calibrated.without_exclusions],
    }


def observed_ratio(point: OperatingPoint, seen: ObservedRates) -> RateRatio:
    """Return how many times its stated false-match rate an operating point has on the people set aside."""
    return rate_ratio(point.fmr, seen.fmr_interval)


def _limits(calibrated: Calibrated) -> dict[str, JsonValue]:
    """Return the limits, ``share`` being the one asked for and ``beyond`` how many faces of that part lie there."""
    told = asdict(calibrated.limits)
    for name, measure in told["measures"].items():
        measure["beyond"] = calibrated.seen_beyond.get(name)
    return told


def _counts(parts: Sequence[Comparable], outside: Mapping[str, int]) -> dict[str, JsonValue]:
    return {
        part.name: {
            "people": len(part.people),
            "images": part.images,
            "undetected": part.images - len(part.rows) - outside[part.name],
            "beyond_the_limits": outside[part.name],
        }
        for part in parts
    }


def _selection(selection: Selection) -> dict[str, JsonValue]:
    return {
        "method": selection.method,
        "false_match_rates": {name: list(fmrs) for name, fmrs in selection.fmrs.items()},
        "tried": len(selection.candidates),
        "candidates": [_candidate(candidate) for candidate in selection.candidates[:_CANDIDATES_TOLD]],
    }


def _candidate(candidate: Candidate) -> dict[str, JsonValue]:
    parameters = candidate.parameters
    return {
        "k": parameters.k,
        "tau": parameters.tau,
        "strength": parameters.strength,
        "norm_power": parameters.norm_power,
        "mean_log_fnmr_ratio": candidate.objective,
        "harmless": candidate.harmless if candidate.differences else None,
        "differences": [{**asdict(found), "harmless": found.harmless} for found in candidate.differences],
    }


def _measured(measured: MeasuredPoints) -> dict[str, JsonValue]:
    calibration, fitted = measured.calibration, measured.fitted
    return {
        "method": calibration.method,
        "parameters": dict(relevant(calibration.method, calibration.parameters)),
        "tail": {
            "starts_at": fitted.tail_start,
            "pairs": fitted.tail_pairs,
            "scale": fitted.scale,
            "shape": fitted.shape,
        },
        "between_sets": calibration.curve.between_sets,
        "operating_points": [asdict(point) for point in calibration.points],
        "strata": _strata(measured),
        "set_aside": _observed(calibration.points, measured.observed) if measured.observed else None,
        "set_aside_as_served": _observed(calibration.points, measured.served) if measured.served else None,
        "set_aside_by_kind": [
            {**asdict(kind), "rates": [{**asdict(rate), "verdict": rate.ratio.verdict} for rate in kind.rates]}
            for kind in measured.kinds
        ],
        "set_aside_decisions": [asdict(point) for point in measured.decided],
        "set_aside_by_set": {
            name: _observed(calibration.points, observed) for name, observed in measured.observed_by_set.items()
        },
    }


def _strata(measured: MeasuredPoints) -> JsonValue:
    strata = measured.calibration.strata
    if strata is None:
        return None
    return {
        "cuts": list(strata.cuts),
        "between_sets": next(iter(strata.strata.values())).curve.between_sets,
        "set_aside": [
            {**asdict(seen), "rates": [{**asdict(rate), "verdict": rate.ratio.verdict} for rate in seen.rates]}
            for seen in measured.strata
        ],
    }


def _of_templates(measured: MeasuredTemplates) -> dict[str, JsonValue]:
    calibration = measured.calibration.calibration
    return {
        "method": calibration.method,
        "pictures": measured.calibration.pictures,
        "templates": measured.templates,
        "people": measured.people,
        "operating_points": [asdict(point) for point in calibration.points],
        "set_aside": None if measured.observed is None else _observed(calibration.points, measured.observed),
    }


def _observed(points: tuple[OperatingPoint, ...], observed: list[ObservedRates]) -> JsonValue:
    return [
        {"name": point.name, **asdict(seen), "ratio": asdict(ratio), "verdict": ratio.verdict}
        for point, seen in zip(points, observed, strict=True)
        for ratio in (observed_ratio(point, seen),)
    ]
