"""What is measured of several pictures against one: curves and operating points by the number of pictures.

Strangers score higher against the mean of several pictures than against one, so the rates of single pictures do not
hold for it: with the default pack the false matches are 1.5 times the stated ones for 2 pictures, and 4 times for 8.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.calibration.between_sets import between_sets
from models.calibration.curve import fit_curve
from models.calibration.measured_points import REPORT_SEED, Measuring, weights_by_set
from models.calibration.operating_points import operating_points
from models.labelled.comparable import Comparable
from models.labelled.labelled_faces import PairList
from models.labelled.pairs.sweep import ExcludedPairs
from models.labelled.rates.observed import ObservedRates, observe
from service.arrays import Bools, Ints
from service.scoring.calibration import MethodCalibration, TemplateCalibration, on_scale
from service.scoring.fmr_curve import FmrCurve
from service.scoring.fusion import fused, picture_weights
from service.scoring.methods import Method

SIZES = (2, 4, 8, 16)
"""How many pictures the measured templates have; a reference of another number takes the next larger one."""

# How often a person's pictures are dealt out anew; large templates are few otherwise.
_ROUNDS: Mapping[int, int] = {2: 1, 4: 2, 8: 3, 16: 4}
# Two million pairs of a set say what there is to say, however large the set.
_MOST_TEMPLATES = 1000
_MOST_PROBES = 2000
# Fewer pairs show no rate, and fewer people not how it varies.
_LEAST_PAIRS = 3000
_LEAST_PEOPLE = 10
# Of every so many knots of the curve one is kept: four a decade, between which it is all but straight.
_KNOTS_APART = 4


@dataclass(frozen=True, slots=True)
class MeasuredTemplates:
    """What was measured of one method where the reference is so many pictures.

    Attributes:
        calibration: the size, the curve and the operating points.
        templates: how many there were.
        people: of how many people.
        observed: what the thresholds do to the people set aside; None where too few of them have so many pictures.
    """

    calibration: TemplateCalibration
    templates: int
    people: int
    observed: list[ObservedRates] | None


@dataclass(frozen=True, slots=True, eq=False)
class TemplateParts:
    """The pairs of one picture and one template, by part and set.

    Attributes:
        pictures: of each template.
        parts: the sets that have such pairs, by part.
    """

    pictures: int
    parts: Mapping[str, Sequence[Comparable]]


def template_parts(parts: Mapping[str, Sequence[Comparable]], typical_norm: float, seed: int) -> list[TemplateParts]:
    """Return the pairs of pictures and templates of each size that the part "calibrate" can measure.

    Args:
        parts: the faces of the parts "calibrate" and "report" by set, those beyond the limits as not found.
        typical_norm: in force.
        seed: deals out the pictures.
    """
    found = []
    for size in SIZES:
        made = {
            name: [
                made
                for number, part in enumerate(of_part)
                if (made := with_templates(part, size, typical_norm, np.random.default_rng([seed, number, size])))
            ]
            for name, of_part in parts.items()
        }
        if not _is_enough(made["calibrate"]):
            break
        if not _is_enough(made["report"]):
            made["report"] = []
        found.append(TemplateParts(size, made))
    return found


def measure_templates(method: Method, work: Measuring, of_sizes: Sequence[TemplateParts]) -> list[MeasuredTemplates]:
    """Measure a method on templates of each size.

    Args:
        method: the method.
        work: with what.
        of_sizes: the pairs.

    Raises:
        CalibrationImpossible: as ``fit_curve`` says.
        MethodNotServed, TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``TermSources.terms`` says.
    """
    found = []
    tick = work.stage(f"measuring {method.name} with several pictures")
    for place, of_size in enumerate(of_sizes):
        calibrate, report = of_size.parts["calibrate"], of_size.parts["report"]
        fitted_on = [part.compare_by(method, work.parameters, work.sources) for part in calibrate]
        weights = weights_by_set(fitted_on, work.replicates, work.seed)
        curve = _thinned(fit_curve(fitted_on).curve)
        curve = replace(curve, between_sets=between_sets([(curve, fitted_on)]))
        points = operating_points(curve, method.scale, fitted_on, weights)
        observed = None
        if report:
            aside = [part.compare_by(method, work.parameters, work.sources) for part in report]
            drawn = weights_by_set(aside, work.replicates, work.seed + REPORT_SEED)
            thresholds = np.array([on_scale(point.threshold, method.scale) for point in points])
            observed = observe(thresholds, method.scale, aside, drawn)
        calibration = MethodCalibration(method.name, work.parameters, work.input_form, curve, points)
        counts = [_counts(part) for part in calibrate]
        found.append(
            MeasuredTemplates(
                TemplateCalibration(of_size.pictures, calibration),
                templates=sum(templates for templates, _ in counts),
                people=sum(people for _, people in counts),
                observed=observed,
            )
        )
        tick((place + 1) / len(of_sizes))
    return found


def with_templates(
    part: Comparable, size: int, typical_norm: float, generator: np.random.Generator
) -> Comparable | None:
    """Return pairs of one picture and one template of a set's people; None where nobody has so many pictures.

    A template is never compared with a picture that is in it. Its norm counts as typical, as in the service.

    Args:
        part: the pictures.
        size: of the templates.
        typical_norm: in force.
        generator: deals out the pictures.
    """
    members = _dealt(part.identities, size, generator)
    if not len(members):
        return None
    who = part.identities[members[:, 0]]
    embeddings = np.stack(
        [fused(part.embeddings[rows], picture_weights(part.norms[rows], typical_norm)) for rows in members]
    )
    faces = len(part.rows)
    probes = np.arange(faces)
    if faces > _MOST_PROBES:
        probes = np.sort(generator.choice(faces, _MOST_PROBES, replace=False))
    excluded = _excluded(part, members, who)
    strangers = (part.identities[probes][:, None] != who) & ~excluded[probes]
    probe, template = np.nonzero(strangers)
    is_member = np.zeros((faces, len(members)), dtype=bool)
    is_member[members.ravel(), np.repeat(np.arange(len(members)), size)] = True
    mate, mated_template = np.nonzero((part.identities[:, None] == who) & ~is_member & ~excluded)
    if not len(probe) or not len(mate):
        return None
    nothing = np.empty(0, np.int64)
    return Comparable(
        name=part.name,
        embeddings=np.concatenate([part.embeddings, embeddings]),
        norms=np.concatenate([part.norms, np.zeros(len(members), np.float32)]),
        images=part.images,
        rows=np.arange(faces + len(members)),
        identities=np.concatenate([part.identities, who]),
        people=part.people,
        failed=np.zeros(len(part.people), np.int64),
        excluded=ExcludedPairs.none(),
        given=PairList(
            np.concatenate([mate, probes[probe]]),
            faces + np.concatenate([mated_template, template]),
            np.arange(len(mate) + len(probe)) < len(mate),
        ),
        lost=PairList(nothing, nothing, np.empty(0, dtype=bool)),
    )


def _dealt(identities: Ints, size: int, generator: np.random.Generator) -> Ints:
    """Return the rows (t, size) of each template: every person's pictures dealt out, several times."""
    order = np.argsort(identities, kind="stable")
    starts = np.flatnonzero(np.diff(identities[order], prepend=-1))
    dealt = [
        np.sort(shuffled[start : start + size])
        for rows in np.split(order, starts[1:])
        if len(rows) >= size
        for _ in range(_ROUNDS[size])
        for shuffled in (generator.permutation(rows),)
        for start in range(0, len(rows) - size + 1, size)
    ]
    if not dealt:
        return np.empty((0, size), np.int64)
    templates = np.unique(np.stack(dealt), axis=0)
    if len(templates) > _MOST_TEMPLATES:
        templates = templates[np.sort(generator.choice(len(templates), _MOST_TEMPLATES, replace=False))]
    return templates


def _excluded(part: Comparable, members: Ints, who: Ints) -> Bools:
    """Return which pairs of a face and a template (n, t) count for nothing: those with an excluded pair in them."""
    found = np.zeros((len(part.rows), len(members)), dtype=bool)
    for one, other in (*part.excluded.faces.tolist(), *part.excluded.faces[:, ::-1].tolist()):
        found[one] |= np.any(members == other, axis=1)
    for one, other in (*part.excluded.identities.tolist(), *part.excluded.identities[:, ::-1].tolist()):
        found |= (part.identities == one)[:, None] & (who == other)
    return found


def _counts(part: Comparable) -> tuple[int, int]:
    """Return how many templates there are in some pairs, and of how many people."""
    given = part.given
    templates = np.empty(0, np.int64) if given is None else np.unique(given.second)
    return len(templates), len(np.unique(part.identities[templates]))


def _is_enough(parts: Sequence[Comparable]) -> bool:
    pairs = sum(int(np.count_nonzero(~part.given.mated)) for part in parts if part.given is not None)
    return pairs >= _LEAST_PAIRS and sum(_counts(part)[1] for part in parts) >= _LEAST_PEOPLE


def _thinned(curve: FmrCurve) -> FmrCurve:
    last = len(curve.scores) - 1
    kept = np.unique(np.append(np.arange(0, last, _KNOTS_APART), last))
    return replace(
        curve,
        scores=curve.scores[kept],
        log10_fmr=curve.log10_fmr[kept],
        log10_low=curve.log10_low[kept],
        log10_high=curve.log10_high[kept],
    )
