"""One labelled set, embedded once: every method and bundle on the same pairs, with the same resampled people."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from models.evaluation.ablations import Ablation, ablate
from models.evaluation.contrasts import ContrastSide, contrasts, form_of
from models.evaluation.descents import Descent, descent
from models.evaluation.measure import Ground, Measured, MeasureOptions, measure
from models.evaluation.probability_gap import ProbabilityGap, probability_gap
from models.evaluation.reliability import as_served, calibration_of, reliability
from models.evaluation.report.report_document import DetMark, EvaluatedBundle, PackResult, StatedRates, UnexcludedRates
from models.evaluation.scored import score_set
from models.evaluation.systems import System, Variant, cosine_scorer, scorers, variants
from models.evaluation.tenfold import drawn_folds
from models.evaluation.warnings import warnings_of
from models.labelled.beyond import measured as measured_of
from models.labelled.comparable import Comparable, comparable
from models.labelled.exclusions import SetExclusions
from models.labelled.labelled_faces import LabelledFaces, unit_or_zeros
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import person_weights
from models.labelled.pairs.stated_scorer import AsServed
from models.labelled.rates.decided import decided_points
from models.progress import Stage, unstaged
from models.tool_errors import LabelsInvalid
from service.arrays import Bools, Floats32, Floats64
from service.errors import LowQuality
from service.scoring.methods import COSINE, METHODS, methods_of
from service.scoring.parameters import Parameters
from service.scoring.population import LimitsInForce
from service.scoring.similarity import telling_norms

PAPER_METHODS = ("ida-r", "ida-l", "pfe", "pfe+ida-r")
"""Those whose results the paper gives, beside the cosine."""


def evaluate_set(
    labelled: LabelledFaces,
    systems: Sequence[System],
    options: MeasureOptions,
    *,
    pack: tuple[str, str] | None,
    exclusions: SetExclusions | None = None,
    distractors: Floats32 | None = None,
    stage: Stage = unstaged,
) -> PackResult:
    """Measure every method with every bundle on one labelled set.

    Args:
        labelled: the set; templates already pooled.
        systems: the bundles.
        options: what is measured.
        pack: name and pipeline id of the model pack; None where the embeddings were given.
        exclusions: what is left out; None for nothing.
        distractors: (e, d) float32 as the backbone gave them, faces of other people for identification; None for
            those of the set itself.
        stage: told what runs and how far it is.

    Raises:
        LabelsInvalid: if there is nothing to compare, or too little for what was asked, or the labels do not allow it.
        TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``TermSources.terms`` says.
    """
    ground = _ground(labelled, options, exclusions, distractors, stage)
    cosine = measure(
        ground, Variant(COSINE, METHODS[COSINE], Parameters()), cosine_scorer(ground.embeddings), None, None
    )
    methods, stated, sides = [cosine.result], [], []
    for system in systems:
        outside = _outside(ground, system)
        # One method at a time, so that its kept scores are dropped before the next is scored.
        for measured in (cosine, *_measured(ground, system, cosine)):
            stated.append(_stated(ground, system, measured, outside))
            if measured is not cosine:
                methods.append(measured.result)
                variant = measured.scored.variant
                sides.append(ContrastSide(variant.method.name, form_of(variant), system.name, measured.rates))
    comparisons = cosine.scored.comparisons
    return PackResult(
        pack=pack[0] if pack else None,
        pipeline_id=pack[1] if pack else None,
        detected=int(labelled.detected.sum()),
        failures=labelled.failures,
        people=comparisons.people,
        mated_pairs=comparisons.mated,
        lost_mated_pairs=int(ground.found.failed.sum()),
        non_mated_pairs=comparisons.non_mated,
        identity_pairs=comparisons.totals.identity_pairs,
        bundles=tuple(_facts(system) for system in systems),
        methods=tuple(methods),
        stated=tuple(stated),
        ablations=tuple(_ablations(ground, systems, cosine)),
        unexcluded=() if exclusions is None else _unexcluded(labelled, systems, options, stage),
        probability_gap=None if options.gap_scale is None else _gap(ground, systems, options.gap_scale),
        warnings=tuple(warnings_of(labelled, ground.found, systems, cosine.result.equal_error_rate)),
        contrasts=contrasts(cosine.rates, sides) if options.for_paper else (),
        descents=_descents(ground, systems) if options.for_paper else (),
    )


def _descents(ground: Ground, systems: Sequence[System]) -> tuple[Descent, ...]:
    return tuple(descent(ground.found, system, ground.weights, ground.options.seed) for system in systems)


def _ground(
    labelled: LabelledFaces,
    options: MeasureOptions,
    exclusions: SetExclusions | None,
    distractors: Floats32 | None,
    stage: Stage,
) -> Ground:
    found = comparable(labelled, exclusions, given=options.given)
    embeddings, norms = found.embeddings, found.norms
    candidates = np.arange(len(embeddings))
    if distractors is not None:
        embeddings = np.concatenate([embeddings, unit_or_zeros(distractors)])
        norms = np.concatenate([norms, telling_norms(distractors)])
        candidates = np.arange(len(candidates), len(embeddings))
    return Ground(
        labelled=labelled,
        found=found,
        embeddings=embeddings,
        norms=norms,
        distractors=np.random.default_rng(options.seed).permutation(candidates),
        weights=person_weights(len(found.people), options.replicates, options.seed),
        exclusions=exclusions,
        options=options,
        stage=stage,
        folds=_folds(labelled, found, exclusions, options),
    )


def _folds(
    labelled: LabelledFaces, found: Comparable, exclusions: SetExclusions | None, options: MeasureOptions
) -> Comparable | None:
    """Return the faces with the pairs of a cross-validation: the given ones, or drawn ones for the paper's claims."""
    if found.given is not None:
        return None if found.given.fold is None else found
    if not options.for_paper:
        return None
    has_folds = labelled.pairs is not None and labelled.pairs.fold is not None
    pairs = labelled.pairs if has_folds else drawn_folds(labelled, options.seed)
    return None if pairs is None else comparable(replace(labelled, pairs=pairs), exclusions, given=True)


def _methods(system: System, options: MeasureOptions) -> Sequence[str] | None:
    """Return which methods are measured with a bundle; None for all that it has the parts for."""
    if not options.for_paper or options.methods is not None:
        return options.methods
    return [name for name in methods_of(system.sources.provides) if name in PAPER_METHODS]


def _measured(ground: Ground, system: System, cosine: Measured) -> Iterator[Measured]:
    asked = variants(system, _methods(system, ground.options))
    tick = ground.stage(f"support sets ({system.name})")
    built = scorers(ground.embeddings, ground.norms, system, asked)
    tick(1.0)
    for variant, scorer in zip(asked, built, strict=True):
        yield measure(ground, variant, scorer, system, cosine)


def _limits(ground: Ground, system: System) -> LimitsInForce:
    calibrations, parameters = system.bundle.calibrations, system.bundle.manifest.parameters
    if calibrations is None:
        return LimitsInForce.none("the bundle is not calibrated")
    return calibrations.limits_in_force(ground.labelled.input_form, parameters)


def _outside(ground: Ground, system: System) -> Bools:
    """Return which of the faces compared (m,) are beyond a bundle's limits; none where it has none."""
    limits, found = _limits(ground, system), ground.found
    if not limits.limits:
        return np.zeros(len(found.rows), dtype=bool)
    return limits.outside(measured_of(found, system.bundle.manifest.parameters, system.sources), len(found.rows))


def _stated(ground: Ground, system: System, measured: Measured, outside: Bools) -> StatedRates:
    scored, limits, label = measured.scored, dict(_limits(ground, system).limits), measured.result.label
    within, form = scored, ground.labelled.input_form
    if np.any(outside):
        # The service states no rate of the others.
        kept = ground.labelled.without(ground.found.rows[outside], LowQuality.code)
        try:
            faces = comparable(kept, ground.exclusions, given=ground.options.given)
        except LabelsInvalid as error:
            return StatedRates(system.name, label, None, error.message, limits=limits)
        within = score_set(faces, scored.variant, scored.scorer.subset(np.flatnonzero(~outside)))
    found = reliability(system.bundle.calibrations, within, form, ground.weights)
    calibration = calibration_of(system.bundle.calibrations, scored.variant, form)
    if isinstance(found, str) or isinstance(calibration, str):
        return StatedRates(system.name, label, None, str(found))
    judged, thresholds = as_served(calibration, scored), AsServed(calibration).thresholds()
    names = [point.name for point in found.points]
    decided = decided_points(names, thresholds, ground.found, judged.comparisons, judged.mated, outside)
    marks = _marks(names, thresholds, judged.comparisons)
    return StatedRates(system.name, label, found, "", decided if limits else (), limits, marks)


def _marks(names: Sequence[str], thresholds: Floats64, comparisons: Comparisons) -> tuple[DetMark, ...]:
    fmr = comparisons.non_mated_at_least(thresholds) / comparisons.non_mated
    fnmr = comparisons.mated_below(thresholds) / comparisons.mated
    return tuple(DetMark(*mark) for mark in zip(names, fmr.tolist(), fnmr.tolist(), strict=True))


def _facts(system: System) -> EvaluatedBundle:
    manifest, calibrations = system.bundle.manifest, system.bundle.calibrations
    return EvaluatedBundle(
        name=system.name,
        bundle_id=system.bundle.bundle_id,
        anchors_digest=manifest.anchors_digest,
        anchors=manifest.count,
        parameters=manifest.parameters.model_dump(),
        population=calibrations.population if calibrations else None,
        default_method=manifest.default_method,
    )


def _ablations(ground: Ground, systems: Sequence[System], cosine: Measured) -> Iterator[Ablation]:
    # The paper varies the parameters with one kind of anchors.
    for system in systems[:1] if ground.options.for_paper else systems:
        for asked in ground.options.ablations:
            yield ablate(
                asked,
                system,
                ground.found,
                cosine.scored.comparisons,
                seed=ground.options.seed,
                device=ground.options.device,
                stage=ground.stage,
                weights=ground.weights if ground.options.for_paper else None,
                workers=ground.options.workers,
            )


def _gap(ground: Ground, systems: Sequence[System], scale: float) -> ProbabilityGap:
    if not ground.labelled.identities_stated:
        raise LabelsInvalid("The probability gap needs to know who every face is of, and these labels only join pairs.")
    tick = ground.stage("probability gap")
    found = probability_gap(
        ground.found.embeddings,
        ground.found.norms,
        ground.found.identities,
        [(system, variants(system, _methods(system, ground.options))) for system in systems],
        scale=scale,
        weights=ground.weights if ground.options.for_paper else None,
    )
    tick(1.0)
    return found


def _unexcluded(
    labelled: LabelledFaces, systems: Sequence[System], options: MeasureOptions, stage: Stage
) -> tuple[UnexcludedRates, ...]:
    bare = replace(options, ranks=False, ablations=(), listed=0, gap_scale=None)
    everything = evaluate_set(
        labelled, systems, bare, pack=None, stage=lambda name: stage(f"without exclusions: {name}")
    )
    return tuple(
        UnexcludedRates(
            label=method.label,
            bundle=method.bundle,
            mated_pairs=everything.mated_pairs,
            non_mated_pairs=everything.non_mated_pairs,
            rates=method.rates,
        )
        for method in everything.methods
    )
