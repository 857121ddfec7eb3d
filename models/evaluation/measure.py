"""Everything that is measured of one method on one labelled set."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from models.evaluation.asked_ablation import AskedAblation
from models.evaluation.changes import PairChanges
from models.evaluation.error_discard import error_discard
from models.evaluation.groups import GroupRates, group_rates
from models.evaluation.identification import RankedTrials, ranked_trials
from models.evaluation.likelihood_cost import likelihood_cost
from models.evaluation.method_rates import FMRS, FnmrAtFmr, MethodRates, fnmr_replicates, method_rates
from models.evaluation.report.report_document import Curves, MethodResult
from models.evaluation.scored import ScoredSet, score_set
from models.evaluation.systems import System, Variant
from models.evaluation.tenfold import Accuracy, FoldDecisions, accuracy_gain, fold_decisions
from models.labelled.comparable import Comparable
from models.labelled.exclusions import SetExclusions
from models.labelled.labelled_faces import LabelledFaces
from models.labelled.pairs.resampling import WeightArray
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.spread_intervals import eer_interval, overlap_interval
from models.labelled.rates.threshold_rates import det_curve, distribution, equal_error_rate
from models.progress import Stage
from service.arrays import Floats32, Ints
from service.choices import Device
from service.scoring.calibration import relevant

# The rate at which groups are compared besides the smallest measured one, and at which poor faces are left out.
_LOOSER_FMR = 1e-3


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """What is evaluated, and how.

    Attributes:
        fmrs: the false-match rates, the largest first.
        methods: names of the methods besides the cosine; None for all that a bundle has the parts for.
        given: whether only given pairs are compared.
        replicates: of the bootstrap over people.
        seed: of everything drawn.
        listed: pairs of each kind that are listed by name.
        ranks: whether identification is measured.
        ablations: those asked for.
        gap_scale: scale of the softmax of the probability gap; None where it is not asked for.
        workers: threads.
        device: where anchors are searched.
        for_paper: whether what only the paper's claims need is measured too, and of the methods the paper's alone.
    """

    fmrs: tuple[float, ...] = FMRS
    methods: tuple[str, ...] | None = None
    given: bool = False
    replicates: int = 500
    seed: int = 0
    listed: int = 20
    ranks: bool = True
    ablations: tuple[AskedAblation, ...] = field(default=())
    gap_scale: float | None = None
    workers: int = 2
    device: Device = "cpu"
    for_paper: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What every method is measured on.

    Attributes:
        labelled: the set.
        found: what is compared of it.
        embeddings: (m + e, d) float32, of the m faces compared and of e that are distractors only.
        norms: (m + e,) float32, lengths of what the backbone gave for them, 0 where one is not known.
        distractors: (d,) int64, rows of ``embeddings`` in the order in which the distractor sets grow.
        weights: (b, u), how often each person is drawn in each replicate.
        options: what is measured.
        stage: told what runs and how far it is.
        exclusions: what is left out; None for nothing.
        folds: the same faces, the pairs of a cross-validation given; None where there are none.
    """

    labelled: LabelledFaces
    found: Comparable
    embeddings: Floats32
    norms: Floats32
    distractors: Ints
    weights: WeightArray
    options: MeasureOptions
    stage: Stage
    exclusions: SetExclusions | None = None
    folds: Comparable | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A method's result, with what others are compared with.

    Attributes:
        result: for the report.
        scored: the scores.
        rates: FNMR and its replicates.
        decided: the pairs of the folds; None where there are none.
        ranked: the rank-1 rates; None where they were not asked for.
    """

    result: MethodResult
    scored: ScoredSet
    rates: MethodRates
    decided: FoldDecisions | None = None
    ranked: RankedTrials | None = None


def measure(
    ground: Ground, variant: Variant, scorer: BlockScorer, system: System | None, cosine: Measured | None
) -> Measured:
    """Measure one method.

    Args:
        ground: what it is measured on.
        variant: the method and its parameters.
        scorer: that variant's, of the ground's embeddings.
        system: the bundle; None for the cosine.
        cosine: what the cosine gave on the same ground; None for the cosine itself.
    """
    found, options = ground.found, ground.options
    own = scorer.subset(np.arange(len(found.rows)))
    title = variant.label if system is None else f"{variant.label} ({system.name})"
    tick = ground.stage(title)
    # Scoring is most of the work; what follows is told by the bar's end.
    scored = score_set(found, variant, own, lambda share: tick(0.5 * share))
    drawn = fnmr_replicates(scored.comparisons, options.fmrs, ground.weights, options.workers)
    scale = variant.method.scale
    found_rates = method_rates(scored.comparisons, scale, options.fmrs, drawn, cosine.rates if cosine else None)
    level = smallest_measured(found_rates.rates)
    compared = PairChanges(ground.labelled, found, cosine.scored if cosine else scored, scored)
    spread, meeting = distribution(scored.comparisons), equal_error_rate(scored.comparisons)
    det_fmr, det_fnmr = det_curve(scored.comparisons)
    ranked = None
    if options.ranks and len(ground.distractors):
        reference = cosine.ranked if cosine else None
        ranked = ranked_trials(found, scored, scorer, ground.distractors, ground.weights, reference)
    decided = None if ground.folds is None else fold_decisions(ground.folds, own)
    result = MethodResult(
        label=variant.label,
        method=variant.method.name,
        bundle=system.name if system else None,
        parameters=relevant(variant.method.name, variant.parameters),
        rates=found_rates.rates,
        equal_error_rate=meeting,
        equal_error_rate_interval=eer_interval(scored.comparisons, meeting, ground.weights),
        overlap=spread.overlap,
        overlap_interval=overlap_interval(scored.comparisons, spread, ground.weights),
        curves=Curves(
            det_fmr=tuple(det_fmr.tolist()),
            det_fnmr=tuple(det_fnmr.tolist()),
            score_edges=tuple(spread.edges.tolist()),
            mated=tuple(spread.mated.tolist()),
            non_mated=tuple(spread.non_mated.tolist()),
            log_scores=scale == "log",
        ),
        accuracy=_accuracy(ground, decided, cosine),
        identification=ranked.result if ranked else None,
        groups=tuple(_groups(ground, scored, level)),
        changes=compared.at(level, options.listed) if cosine and level else None,
        highest_non_mated=compared.highest_non_mated(options.listed),
        lowest_mated=compared.lowest_mated(options.listed),
        likelihood=likelihood_cost(scored.comparisons, tells_llr=variant.method.tells_llr, weights=ground.weights),
        error_discard=error_discard(found, scored, max(level, _LOOSER_FMR), ground.weights) if level else None,
    )
    tick(1.0)
    return Measured(result, scored, found_rates, decided, ranked)


def _accuracy(ground: Ground, decided: FoldDecisions | None, cosine: Measured | None) -> Accuracy | None:
    if decided is None:
        return None
    if ground.folds is None or cosine is None or cosine.decided is None:
        return decided.accuracy
    gain = accuracy_gain(ground.folds, ground.labelled, decided, cosine.decided, ground.weights)
    return replace(decided.accuracy, gain=gain)


def smallest_measured(at: tuple[FnmrAtFmr, ...]) -> float | None:
    """Return the smallest false-match rate that the pairs measure; None where they measure none."""
    return min((rate.fmr for rate in at if rate.quality == "measured"), default=None)


def _groups(ground: Ground, scored: ScoredSet, level: float | None) -> Iterator[GroupRates]:
    if level is None:
        return
    for fmr in sorted({level, max(level, _LOOSER_FMR)}, reverse=True):
        of_groups = group_rates(ground.labelled, ground.found, scored, fmr, ground.weights)
        if of_groups is not None:
            yield of_groups
