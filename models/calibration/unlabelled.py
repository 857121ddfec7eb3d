"""Calibrating on faces that nobody named: nearly all of their pairs are of different people, and the others are told.

Nothing is chosen, since that takes mated pairs: strength, k, tau and norm power stay the bundle's. Nothing is said of
false non-matches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.calibration.calibration_run import Calibrated, CalibrationOptions, input_form_of
from models.calibration.curve import fit_curve
from models.calibration.limits_fit import find_limits
from models.calibration.measured_points import MeasuredPoints
from models.calibration.presumed_people import PresumedPeople, presume_people
from models.calibration.unlabelled_strata import (
    UnlabelledFaces,
    UnlabelledStratum,
    at_least,
    strata_without_labels,
    unsure,
)
from models.labelled.beyond import rows_beyond
from models.labelled.comparable import Comparable
from models.labelled.labelled_faces import LabelledFaces, PairList
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.sweep import BlockScorer, ExcludedPairs, sweep
from models.labelled.rates.measured import OPERATING_FMRS, point_name, quality, upper_end
from models.progress import Stage, unstaged
from models.tool_errors import CalibrationImpossible
from service.arrays import Floats64, Ints
from service.errors import LowQuality
from service.scoring.calibration import MethodCalibration, OperatingPoint, Quality, as_score
from service.scoring.fmr_curve import FmrCurve
from service.scoring.methods import COSINE, METHODS, Method, Scale, methods_of
from service.scoring.parameters import Parameters
from service.scoring.population import PopulationLimits
from service.snapshot.term_sources import TermSources

LEAST_FACES = 64
"""Fewer have no 2,000 pairs, of which the highest alone are looked at."""
MOST_MATED = 0.005
"""Share of the pairs that may seem to be mated: one person in more pictures than that is no exception among them."""
NEAR_DUPLICATE = 0.95
"""Cosine from which on two pictures are told as the same one twice; two photographs of a person hardly reach it."""

_MOST_DUPLICATES = 10_000


@dataclass(frozen=True, slots=True)
class UnlabelledFacts:
    """What was told of one set by one method.

    Attributes:
        set_name: of the set.
        method: whose scores told it.
        faces: that were compared.
        pairs: all of theirs.
        linked: pairs whose scores alone say that they are of one person.
        linked_from: the lowest of their scores, as the service gives it; None where there are none.
        joined_pairs: all pairs of two faces of one presumed person; they count for nothing.
        repeated_people: presumed people in two pictures or more.
        doubtful: further pairs that count for nothing: as many as are expected to be one person's.
    """

    set_name: str
    method: str
    faces: int
    pairs: int
    linked: int
    linked_from: float | None
    joined_pairs: int
    repeated_people: int
    doubtful: int

    @property
    def left_out(self) -> int:
        """How many pairs count for nothing."""
        return self.joined_pairs + self.doubtful


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A calibration without labels.

    Attributes:
        calibrated: curves and thresholds; no people, no parts and nothing that was set aside.
        facts: by method, then by set.
        near_duplicates: by set, pairs of pictures that are as good as the same one.
        strata: by method, what is told of each stratum; none where all pairs are one.
    """

    calibrated: Calibrated
    facts: tuple[UnlabelledFacts, ...]
    near_duplicates: Mapping[str, tuple[tuple[str, str], ...]]
    strata: Mapping[str, tuple[UnlabelledStratum, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """One set by one method: its presumed people, what scores them, and their pairs."""

    part: Comparable
    scorer: BlockScorer
    presumed: PresumedPeople
    compared: Comparisons
    facts: UnlabelledFacts


def calibrate_unlabelled(
    sets: Sequence[LabelledFaces],
    sources: TermSources,
    base: Parameters,
    default_method: str,
    options: CalibrationOptions,
    stage: Stage = unstaged,
) -> Unlabelled:
    """Measure what a bundle's scores mean among faces that nobody named.

    Args:
        sets: the faces, each as a person of its own; no pair is made across two sets.
        sources: give the terms of faces.
        base: the bundle's parameters, which are kept.
        default_method: the bundle's, which is kept.
        options: methods, limits, replicates and seed; the rest has no effect.
        stage: told what runs and how far it is.

    Raises:
        CalibrationImpossible: if the faces are too few, of different forms, or too many pairs seem to be one person's.
        MethodNotServed, TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``TermSources.terms`` says.
    """
    names = methods_of(sources.provides) if options.methods is None else options.methods
    sources.require(names)
    form = input_form_of(sets)
    limits, seen_beyond = _limits(sets, base, sources, options)
    in_force = limits.in_force(base)
    within = [one.without(rows_beyond(one, in_force, base, sources), LowQuality.code) for one in sets]
    for labelled in within:
        _require_faces(labelled)
    alike = [_near_duplicates(labelled) for labelled in within]
    found, facts, strata_told = [], [], {}
    for name in names:
        tick = stage(f"measuring {name}")
        method = METHODS[name]
        told = [_compared(labelled, same, method, base, sources) for labelled, same in zip(within, alike, strict=True)]
        facts += [one.facts for one in told]
        tick(0.4)
        compared = [one.compared for one in told]
        doubtful = np.sort(np.concatenate([one.presumed.doubtful_scores for one in told]))
        fitted = fit_curve(compared)
        fitted = replace(fitted, curve=unsure(fitted.curve, doubtful, sum(one.non_mated for one in compared)))
        points = _points(fitted.curve, method.scale, compared, doubtful)
        tick(0.7)
        faces = [UnlabelledFaces(one.part, one.scorer, one.presumed) for one in told]
        strata, strata_told[name] = strata_without_labels(faces, fitted.curve)
        calibration = MethodCalibration(name, base, form, fitted.curve, points, strata)
        found.append(MeasuredPoints(calibration, fitted, [], {}, ()))
        tick(1.0)
    calibrated = Calibrated(
        method=default_method,
        parameters=base,
        input_form=form,
        selection=None,
        limits=limits,
        outside={},
        parts={},
        people=None,
        measured=found,
        without_exclusions=[],
        templates=[],
        sources=sources,
        seen_beyond=seen_beyond,
    )
    named = {
        labelled.name: tuple((labelled.images[i], labelled.images[j]) for i, j in _rows(labelled)[same].tolist())
        for labelled, same in zip(within, alike, strict=True)
    }
    return Unlabelled(calibrated, tuple(facts), named, strata_told)


def _limits(
    sets: Sequence[LabelledFaces], base: Parameters, sources: TermSources, options: CalibrationOptions
) -> tuple[PopulationLimits, dict[str, int]]:
    found = [labelled.subset(labelled.detected) for labelled in sets if labelled.detected.any()]
    if not found:
        raise CalibrationImpossible("No picture shows a face that was found.")
    return find_limits(found, base, sources, options.limits)


def _require_faces(labelled: LabelledFaces) -> None:
    faces = int(np.count_nonzero(labelled.detected))
    if faces < LEAST_FACES:
        raise CalibrationImpossible(
            f"{labelled.name} has {faces} faces within the limits, and {LEAST_FACES} are the least. A rate of 1e-3 is "
            "measured from 246 faces, 1e-4 from 776, 1e-5 from 2,450."
        )


def _rows(labelled: LabelledFaces) -> Ints:
    return np.flatnonzero(labelled.detected)


def _near_duplicates(labelled: LabelledFaces) -> Ints:
    """Return pairs of faces that are as good as the same picture, (m, 2) positions among the detected ones."""
    embeddings = labelled.embeddings[_rows(labelled)]
    scorer = BlockScorer(embeddings, METHODS[COSINE], None, Parameters())
    top = sweep(scorer, np.arange(len(embeddings)), keep=_MOST_DUPLICATES).top
    alike = top.scores >= NEAR_DUPLICATE
    return np.stack([top.first[alike], top.second[alike]], axis=1)


def _compared(
    labelled: LabelledFaces, same: Ints, method: Method, parameters: Parameters, sources: TermSources
) -> _Told:
    """Return a set's presumed people, their pairs, and what is told of that."""
    rows = _rows(labelled)
    embeddings, norms = labelled.embeddings[rows], labelled.norms[rows]
    terms = sources.terms(embeddings, method.needs, parameters, norms).with_norms(norms, parameters)
    scorer = BlockScorer(embeddings, method, terms, parameters)
    presumed = presume_people(scorer, same)
    pairs = len(rows) * (len(rows) - 1) // 2
    linked_from = None if presumed.linked_from is None else as_score(presumed.linked_from, method.scale)
    facts = UnlabelledFacts(
        set_name=labelled.name,
        method=method.name,
        faces=len(rows),
        pairs=pairs,
        linked=presumed.linked,
        linked_from=linked_from,
        joined_pairs=presumed.joined_pairs,
        repeated_people=presumed.repeated,
        doubtful=len(presumed.doubtful),
    )
    if facts.left_out > MOST_MATED * pairs:
        raise CalibrationImpossible(
            f"{facts.left_out / pairs:.2%} of the pairs of {labelled.name} seem to be one person's, by {method.name}; "
            f"{MOST_MATED:.1%} are the most with which the others' scores can be told. It takes more people, or fewer "
            "pictures of each; or give them with names (--data)."
        )
    people = int(presumed.people.max()) + 1
    part = Comparable(
        name=labelled.name,
        embeddings=embeddings,
        norms=norms,
        images=len(labelled),
        rows=rows,
        identities=presumed.people,
        people=np.arange(people),
        failed=np.zeros(people, np.int64),
        excluded=ExcludedPairs(presumed.doubtful, np.empty((0, 2), np.int64)),
        given=None,
        lost=PairList(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, dtype=bool), None),
    )
    return _Told(part, scorer, presumed, part.compare_with(scorer), facts)


def _points(
    curve: FmrCurve, scale: Scale, sets: Sequence[Comparisons], doubtful: Floats64
) -> tuple[OperatingPoint, ...]:
    thresholds = np.array([curve.score_of(fmr) for fmr in OPERATING_FMRS])
    total = sum(found.non_mated for found in sets)
    reached = np.sum([found.non_mated_at_least(thresholds) for found in sets], axis=0)
    in_doubt = at_least(doubtful, thresholds)
    identity_pairs = sum(found.totals.identity_pairs for found in sets)
    points = []
    for place, (fmr, threshold) in enumerate(zip(OPERATING_FMRS, thresholds.tolist(), strict=True)):
        stated = curve.at(threshold)
        points.append(
            OperatingPoint(
                name=point_name(fmr),
                fmr=fmr,
                threshold=as_score(threshold, scale),
                quality=told_quality(total, fmr, int(in_doubt[place])),
                fmr_low=stated.low,
                fmr_high=upper_end(float(reached[place]), identity_pairs, stated.high),
                fnmr=None,
                fnmr_low=None,
                fnmr_high=None,
                false_matches=round(float(reached[place])),
                non_mated_pairs=total,
                mated_pairs=0,
                people=sum(found.people for found in sets),
                identity_pairs=identity_pairs,
            )
        )
    return tuple(points)


def told_quality(total: int, fmr: float, doubtful: int) -> Quality:
    """Return how well non-mated pairs show a false-match rate where some pairs above its threshold are in doubt.

    Args:
        total: non-mated pairs.
        fmr: the rate.
        doubtful: pairs at the threshold or above it of which only is known how many are mated.
    """
    plain = quality(total, fmr)
    if doubtful > total * fmr:
        return "extrapolated"
    return "wide" if plain == "measured" and 2 * doubtful > total * fmr else plain
