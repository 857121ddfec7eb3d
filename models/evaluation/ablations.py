"""The paper's ablations: one parameter of DAO varied, all else held (Fig. 6a, 6b, 7)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.evaluation.asked_ablation import AskedAblation, Knob, with_value
from models.evaluation.method_rates import FMRS, fnmr_replicates
from models.evaluation.systems import System, term_finder
from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, interval
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import quality
from models.labelled.rates.threshold_rates import fnmr_at
from models.progress import Stage
from service.arrays import Floats32, Floats64, Ints
from service.bundle.anchors_part import Anchors
from service.choices import Device
from service.scoring.density import log_density
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms
from service.search.face_terms import TermFinder

_Draw = tuple[Floats64, Floats64 | None]
"""FNMR at each of the rates (f,), and that of every replicate (b, f)."""
# Random subsets of the anchors of each size: one alone says as much of its luck as of its size.
_DRAWS = 3
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class AblationPoint:
    """One value of the parameter.

    Attributes:
        value: the value.
        fnmr: FNMR at each of the ablation's rates; the mean over draws where anchors are drawn.
        lowest: the lowest over the draws; equal to the mean where there is one.
        highest: the highest.
        gain: FNMR at the value in force less this one, paired person by person, above 0 where this value is better;
            empty where nobody was resampled.
    """

    value: float
    fnmr: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    gain: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class Ablation:
    """One parameter varied.

    Attributes:
        knob: the parameter.
        bundle: name of the bundle.
        in_force: the bundle's own value, or the paper's.
        fmrs: the false-match rates, those that the set can show.
        cosine: the cosine's FNMR at each.
        points: by value, increasing.
        note: what was left out and why; "" for nothing.
    """

    knob: Knob
    bundle: str
    in_force: float
    fmrs: tuple[float, ...]
    cosine: tuple[float, ...]
    points: tuple[AblationPoint, ...]
    note: str


def ablate(
    asked: AskedAblation,
    system: System,
    found: Comparable,
    cosine: Comparisons,
    *,
    seed: int,
    device: Device,
    stage: Stage,
    weights: WeightArray | None = None,
    workers: int = 1,
) -> Ablation:
    """Measure ``ida-r`` at each value of one parameter, all others being the bundle's, or the paper's.

    Args:
        asked: the parameter and its values.
        system: the bundle.
        found: the faces, and what is compared of them.
        cosine: the cosine's scores of the same pairs.
        seed: draws the anchors.
        device: where anchors are searched.
        stage: told how far it is.
        weights: (b, u), how often each person is drawn; None to resample nobody.
        workers: threads that resample.
    """
    fmrs = _fmrs(cosine.non_mated)
    count = len(system.bundle.anchors)
    parameters = _base(system.bundle.manifest.parameters, asked, count)
    possible = _possible(asked, parameters, count)
    keep = max(100_000, int(4 * fmrs[0] * cosine.non_mated))

    def measure(terms: FaceTerms, changed: Parameters) -> _Draw:
        scorer = BlockScorer(found.embeddings, METHODS["ida-r"], terms.with_norms(found.norms, changed), changed)
        compared = found.compare(scorer, keep=keep)
        drawn = None if weights is None else fnmr_replicates(compared, fmrs, weights, workers)
        return fnmr_at(compared, fmrs), drawn.fnmr if drawn and drawn.fmrs == fmrs else None

    tick = stage(f"ablation of {asked.knob}, {system.name}")
    points, resampled = [], []
    for done, (value, draws) in enumerate(
        _measured(asked.knob, possible, system, parameters, found.embeddings, measure, seed, device), 1
    ):
        rates = np.array([fnmr for fnmr, _ in draws])
        points.append(
            AblationPoint(value, _floats(rates.mean(axis=0)), _floats(rates.min(axis=0)), _floats(rates.max(axis=0)))
        )
        replicates = [drawn for _, drawn in draws if drawn is not None]
        resampled.append(np.mean(replicates, axis=0) if replicates else None)
        tick(done / len(possible))
    in_force = float(count if asked.knob == "anchors" else getattr(parameters, asked.knob))
    return Ablation(
        knob=asked.knob,
        bundle=system.name,
        in_force=in_force,
        fmrs=fmrs,
        cosine=_floats(fnmr_at(cosine, fmrs)),
        points=_with_gains(points, resampled, in_force),
        note=_note(asked, system.bundle.manifest.parameters, possible, count),
    )


def _with_gains(
    points: Sequence[AblationPoint], resampled: Sequence[Floats64 | None], in_force: float
) -> tuple[AblationPoint, ...]:
    """Return the points with their gains over the one in force, where people were resampled."""
    place = next(number for number, point in enumerate(points) if point.value == in_force)
    reference = resampled[place]
    if reference is None:
        return tuple(points)
    found = []
    for point, drawn in zip(points, resampled, strict=True):
        if drawn is None:
            return tuple(points)
        low, high = interval(reference - drawn)
        values = np.array(points[place].fnmr) - np.array(point.fnmr)
        gain = tuple(Interval(*map(float, ends)) for ends in zip(values, low, high, strict=True))
        found.append(replace(point, gain=gain))
    return tuple(found)


def _base(parameters: Parameters, asked: AskedAblation, count: int) -> Parameters:
    """Return the parameters that are held; at strength 0 no other parameter would matter."""
    if asked.as_paper:
        # Section 4.1 and 4.5: k = 10, tau = 1; Eq. 4 has no strength and knows no norms.
        return Parameters(k=min(Parameters().k, count), guard=parameters.guard)
    return parameters.changed(strength=1.0) if parameters.strength == 0 and asked.knob != "strength" else parameters


def _note(asked: AskedAblation, parameters: Parameters, possible: Sequence[float], count: int) -> str:
    said = []
    base = _base(parameters, asked, count)
    if asked.as_paper:
        said.append(f"Eq. 4 as the paper has it: strength 1, k = {base.k}, tau = {base.tau:g}, no norms.")
    elif base != parameters:
        said.append("At strength 1: the bundle's own strength, 0, gives the cosine whatever the rest.")
    left_out = [f"{value:g}" for value in asked.values if value not in possible]
    if left_out:
        said.append(f"Left out: {', '.join(left_out)} (there are {count:,} anchors, k is {base.k}).")
    return " ".join(said)


def _fmrs(non_mated: int) -> tuple[float, ...]:
    """Return the smallest rates that so many pairs measure."""
    return tuple(fmr for fmr in FMRS if quality(non_mated, fmr) == "measured")[-_SHOWN:] or FMRS[:1]


def _possible(asked: AskedAblation, parameters: Parameters, count: int) -> tuple[float, ...]:
    """Return the values that the bundle's anchors allow; the whole set and the value in force are always among them."""
    if asked.knob == "anchors":
        return (*(value for value in asked.values if parameters.k <= value < count), float(count))
    values = {*asked.values, float(getattr(parameters, asked.knob))}
    return tuple(sorted(value for value in values if asked.knob != "k" or value <= count))


def _measured(
    knob: Knob,
    values: Sequence[float],
    system: System,
    parameters: Parameters,
    embeddings: Floats32,
    measure: Callable[[FaceTerms, Parameters], _Draw],
    seed: int,
    device: Device,
) -> Iterator[tuple[float, list[_Draw]]]:
    """Yield each value with the FNMR of every draw."""
    if knob == "anchors":
        anchors = system.bundle.anchors
        generator = np.random.default_rng(seed)
        for value in values:
            draws = 1 if value == len(anchors) else _DRAWS
            chosen = [np.sort(generator.permutation(len(anchors))[: int(value)]) for _ in range(draws)]
            finders = (_finder(anchors, rows, device) for rows in chosen)
            yield value, [measure(_terms(finder, embeddings, parameters), parameters) for finder in finders]
        return
    largest = max(int(value) for value in values) if knob == "k" else parameters.k
    similarities = system.sources.support(embeddings, largest, parameters.guard).similarities
    for value in values:
        changed = with_value(parameters, knob, value)
        yield value, [measure(FaceTerms(log_density=log_density(similarities[:, : changed.k], changed.tau)), changed)]


def _finder(anchors: Anchors, rows: Ints, device: Device) -> TermFinder:
    return term_finder(Anchors.from_stored(anchors.embeddings[rows], anchors.backbone_id), device)


def _terms(finder: TermFinder, embeddings: Floats32, parameters: Parameters) -> FaceTerms:
    similarities = finder.support(embeddings, parameters.k, parameters.guard).similarities
    return FaceTerms(log_density=log_density(similarities, parameters.tau))


def _floats(values: Floats64) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
