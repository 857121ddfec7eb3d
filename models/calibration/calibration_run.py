"""Calibrating a bundle: people parted, parameters chosen on some, thresholds measured on others, tried on the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np
from pydantic import JsonValue

from models.calibration.limits_fit import find_limits
from models.calibration.measured_points import MeasuredParts, MeasuredPoints, Measuring, measure_method
from models.calibration.pfe_strength import pfe_strength
from models.calibration.selection import Fold, Grid, Selection, select
from models.calibration.set_aside import SetAside
from models.calibration.splits import PARTS, check_people, part_people, people_folds
from models.calibration.strata_fit import choose_cuts
from models.calibration.template_points import MeasuredTemplates, measure_templates, template_parts
from models.calibration.with_copies import Copies, with_copies
from models.labelled.beyond import rows_beyond
from models.labelled.calibration_people import Record, people_keys, record_of
from models.labelled.comparable import Comparable, comparable_part
from models.labelled.exclusions import Exclusions, SetExclusions, resolve
from models.labelled.labelled_faces import LabelledFaces
from models.progress import Stage, unstaged
from models.tool_errors import CalibrationImpossible
from service.arrays import Bools, Ints
from service.bundle.writer import PartContent
from service.errors import LowQuality
from service.scoring.calibration import InputForm
from service.scoring.methods import METHODS, methods_of
from service.scoring.parameters import Parameters
from service.scoring.population import PopulationLimits
from service.snapshot.term_sources import TermSources

TAUGHT_METHODS: Mapping[str, tuple[str, ...]] = MappingProxyType({"ida-q": ("ida-r", "cosine"), "ida-ql": ("ida-l",)})
"""The methods whose networks ``calibrate`` trains, each with the default methods whose place it takes."""


@dataclass(frozen=True, slots=True)
class CalibrationOptions:
    """How to calibrate.

    Attributes:
        shares: of the people, for tuning, calibrating and reporting.
        folds: into which the people for tuning are parted, 2 to 5.
        grid: the parameters that are tried; None to keep the bundle's.
        replicates: of every bootstrap.
        seed: chooses the parts, the folds and the replicates.
        methods: names of the methods that are calibrated; None for all that the bundle has the parts for.
        limits: by measure, the share of the faces to lie beyond its limit, 0 for none; the measure's own where absent.
    """

    shares: tuple[float, float, float] = (0.4, 0.3, 0.3)
    folds: int = 2
    grid: Grid | None = field(default_factory=Grid)
    replicates: int = 1000
    seed: int = 0
    methods: tuple[str, ...] | None = None
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taught:
    """The networks that were trained on the people who tune.

    Attributes:
        sources: give the terms of faces, by these networks too and no others of theirs.
        methods: those that have a network which holds.
        contents: the networks' parts of the new bundle.
        sha256: digests of the networks by part.
        report: what was found of every network, by method: whether it is kept, and why.
    """

    sources: TermSources
    methods: tuple[str, ...]
    contents: Mapping[str, PartContent]
    sha256: Mapping[str, str]
    report: Mapping[str, JsonValue]


class Teach(Protocol):
    """Trains networks for the chosen parameters."""

    def __call__(
        self,
        tune: Sequence[Comparable],
        rows: Sequence[Ints],
        sources: TermSources,
        parameters: Parameters,
        stage: Stage,
    ) -> Taught:
        """Return the networks that hold.

        Args:
            tune: the people who tune, by set.
            rows: by set (m,), the rows of their faces in the whole labelled set.
            sources: give the terms of faces, by no network of the kind.
            parameters: the chosen ones.
            stage: told what runs and how far it is.
        """
        ...


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The outcome.

    Attributes:
        method: the default method of the calibrated bundle.
        parameters: its parameters.
        input_form: what was calibrated for.
        selection: how they were chosen; None where they were kept.
        limits: how the faces of the part "calibrate" lie, and beyond what they are left out of what is measured.
        parts: the faces of each part, by its name; those beyond the limits count as not found.
        outside: how many these are, by part and set.
        people: the record of who was in which part; None where nobody said who is whom.
        measured: what was measured of each method.
        without_exclusions: the same with the excluded pairs counted; empty where nothing was excluded.
        templates: what was measured of each method where the reference is several pictures.
        sources: give the terms of faces in the calibrated bundle.
        taught: the networks that were trained; None where none were to be.
        aside: by set, who is set aside, before any limits; empty where nobody said who is whom.
        seen_beyond: how many of the faces that the limits were found on lie beyond each, by measure.
    """

    method: str
    parameters: Parameters
    input_form: InputForm
    selection: Selection | None
    limits: PopulationLimits
    outside: dict[str, dict[str, int]]
    parts: dict[str, list[Comparable]]
    people: Record | None
    measured: list[MeasuredPoints]
    without_exclusions: list[MeasuredPoints]
    templates: list[MeasuredTemplates]
    sources: TermSources
    taught: Taught | None = None
    aside: Sequence[SetAside] = ()
    seen_beyond: Mapping[str, int] = field(default_factory=dict)


def calibrate(
    sets: Sequence[LabelledFaces],
    sources: TermSources,
    base: Parameters,
    default_method: str,
    exclusions: Exclusions,
    options: CalibrationOptions,
    stage: Stage = unstaged,
    copies: Mapping[str, Copies] | None = None,
    teach: Teach | None = None,
) -> Calibrated:
    """Choose the parameters of a bundle and measure what its scores mean.

    Args:
        sets: labelled faces; no pair is made across two sets, which may share people.
        sources: give the terms of faces.
        base: the bundle's parameters.
        default_method: the bundle's.
        exclusions: label noise, left out everywhere.
        options: how.
        stage: told what runs and how far it is.
        copies: by the name of a set, degraded copies of its pictures, which the strata are measured on besides; those
            of the people who tune are not looked at.
        teach: trains the networks of ``TAUGHT_METHODS``; None for those that the sources have.

    Raises:
        CalibrationImpossible: if there are too few people or pairs, or the sets are of different forms.
        ExclusionsInvalid: if the exclusions name what a set does not have.
        LabelsInvalid: if a part of a set has nothing to compare.
        MethodNotServed: if the bundle lacks what a method needs.
        TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``TermSources.terms`` says.
    """
    if teach is not None:
        # Those there are belong to other parameters.
        sources = sources.with_likelihood(())
    names = methods_of(sources.provides) if options.methods is None else options.methods
    sources.require([name for name in names if teach is None or name not in TAUGHT_METHODS])
    input_form = input_form_of(sets)
    for labelled in sets:
        check_people(labelled, options.shares, options.folds, chooses=options.grid is not None)
    left_out = [resolve(exclusions, labelled) for labelled in sets]
    rows = [part_people(labelled, options.shares, options.seed) for labelled in sets]

    def faces_of(
        number: int, exclusions_of_sets: Sequence[SetExclusions], among: Sequence[LabelledFaces] = sets
    ) -> list[Comparable]:
        return [comparable_part(s, e, r[number]) for s, e, r in zip(among, exclusions_of_sets, rows, strict=True)]

    selection = None
    parameters, method = base, default_method
    if options.grid is not None:
        # The density's parameters are yet to be chosen, and with them what crowding is.
        first, _ = find_limits(faces_of(0, left_out), base, None, options.limits)
        chosen_from = [
            labelled.without(rows_beyond(labelled, first.in_force(base), base, None), LowQuality.code)
            for labelled in sets
        ]
        folds = _folds(chosen_from, left_out, [of_set[0] for of_set in rows], sources, base, options)
        selection = select(
            folds,
            base.changed(typical_norm=_typical_norm(folds, base)),
            options.grid,
            replicates=options.replicates,
            seed=options.seed,
            tick=stage("choosing parameters"),
        )
        parameters = selection.parameters
        # What ida-r was chosen for holds for the method that predicts its densities.
        method = default_method if (selection.method, default_method) == ("ida-r", "ida-l") else selection.method
    limits, seen_beyond = find_limits(faces_of(1, left_out), parameters, sources, options.limits)
    beyond = [rows_beyond(labelled, limits.in_force(parameters), parameters, sources) for labelled in sets]
    within = [labelled.without(found, LowQuality.code) for labelled, found in zip(sets, beyond, strict=True)]
    tune = faces_of(0, left_out, within)
    if options.grid is not None and "pfe+ida-r" in names:
        told = stage("choosing the strength of pfe+ida-r")
        parameters = parameters.changed(pfe_strength=pfe_strength(tune, sources, parameters, options.grid, told))
    taught = None
    if teach is not None and (options.methods is None or not TAUGHT_METHODS.keys().isdisjoint(names)):
        taught = teach(tune, [of_set[0] for of_set in rows], sources, parameters, stage)
        sources = taught.sources
        names = (*(name for name in names if name not in TAUGHT_METHODS), *taught.methods)
        method = next((name for name in taught.methods if method in TAUGHT_METHODS[name]), method)

    def aside_of(exclusions_of_sets: Sequence[SetExclusions]) -> list[tuple[Comparable, Bools]]:
        """Return everybody who is set aside, and who of them is beyond the limits."""
        everybody = faces_of(2, exclusions_of_sets)
        return [
            (part, np.isin(of_set[2][part.rows], found))
            for part, of_set, found in zip(everybody, rows, beyond, strict=True)
        ]

    def stratified(number: int, exclusions_of_sets: Sequence[SetExclusions]) -> list[Comparable]:
        """Return the faces of a part with their copies."""
        return [
            with_copies(part, of_set[number], (copies or {}).get(part.name), limits.in_force(parameters))
            for part, of_set in zip(faces_of(number, exclusions_of_sets, within), rows, strict=True)
        ]

    def parts_of(exclusions_of_sets: Sequence[SetExclusions]) -> MeasuredParts:
        calibrated, reported = (stratified(number, exclusions_of_sets) for number in (1, 2))
        return MeasuredParts(
            faces_of(1, exclusions_of_sets, within),
            faces_of(2, exclusions_of_sets, within),
            aside_of(exclusions_of_sets),
            calibrated,
            reported,
            choose_cuts(calibrated),
        )

    work = Measuring(parameters, input_form, sources, options.replicates, options.seed, stage)
    measured_parts = parts_of(left_out)
    found = [measure_method(METHODS[name], work, measured_parts) for name in names]
    of_parts = {"calibrate": measured_parts.calibrate, "report": measured_parts.report}
    of_sizes = template_parts(of_parts, parameters.typical_norm, options.seed)
    templates = [one for name in names for one in measure_templates(METHODS[name], work, of_sizes)]
    without = []
    if exclusions.entries:
        nothing = [resolve(Exclusions.none(), labelled) for labelled in sets]
        whole = parts_of(nothing)
        without = [measure_method(METHODS[name], work, whole) for name in names]
    return Calibrated(
        method=method,
        parameters=parameters,
        input_form=input_form,
        selection=selection,
        limits=limits,
        outside={
            part: {
                labelled.name: int(np.count_nonzero(np.isin(found, of_set[number])))
                for labelled, of_set, found in zip(sets, rows, beyond, strict=True)
            }
            for number, part in enumerate(PARTS)
        },
        parts={"tune": tune, "calibrate": measured_parts.calibrate, "report": measured_parts.report},
        people=_people(sets, rows, options),
        measured=found,
        without_exclusions=without,
        templates=templates,
        sources=sources,
        taught=taught,
        seen_beyond=seen_beyond,
        aside=tuple(SetAside(s, e, r[2]) for s, e, r in zip(sets, left_out, rows, strict=True)),
    )


def _people(sets: Sequence[LabelledFaces], rows: Sequence[Sequence[Ints]], options: CalibrationOptions) -> Record:
    keys: dict[str, list[str]] = {part: [] for part in PARTS}
    for labelled, of_set in zip(sets, rows, strict=True):
        names = people_keys(labelled)
        for part, faces in zip(PARTS, of_set, strict=True):
            keys[part] += [names[person] for person in np.unique(labelled.identities[faces])]
    if options.grid is None:
        # Nothing was chosen on them.
        keys["tune"] = []
    return record_of(keys, options.seed)


def input_form_of(sets: Sequence[LabelledFaces]) -> InputForm:
    """Return what all sets hold.

    Raises:
        CalibrationImpossible: if they are of different forms, or two are called alike.
    """
    forms = sorted({labelled.input_form for labelled in sets})
    names = [labelled.name for labelled in sets]
    if len(forms) > 1:
        raise CalibrationImpossible(
            f"The sets hold {' and '.join(f'{form}s' for form in forms)}, and a calibration holds for one form: "
            "calibrate for one after the other."
        )
    if len(set(names)) < len(names):
        raise CalibrationImpossible(f"Two sets are called alike ({', '.join(names)}): give each a name of its own.")
    return forms[0]


def _folds(
    sets: Sequence[LabelledFaces],
    left_out: Sequence[SetExclusions],
    rows: Sequence[Ints],
    sources: TermSources,
    base: Parameters,
    options: CalibrationOptions,
) -> list[Fold]:
    largest = max(options.grid.ks) if options.grid is not None else base.k
    folds = []
    for labelled, exclusions, tune in zip(sets, left_out, rows, strict=True):
        for fold in people_folds(labelled.subset(tune), options.folds, options.seed):
            faces = comparable_part(labelled, exclusions, tune[fold])
            folds.append(Fold(faces, sources.support(faces.embeddings, largest, base.guard).similarities))
    return folds


def _typical_norm(folds: Sequence[Fold], base: Parameters) -> float:
    """Return the median norm of the faces that tune, the bundle's own where their norms are not known."""
    norms = np.concatenate([fold.faces.norms for fold in folds])
    # Rounded, since the last digits depend on the processor and would give the bundle another id.
    return round(float(np.median(norms[norms > 0])), 3) if np.any(norms) else base.typical_norm
