"""The results of an evaluation, as its JSON file has them."""

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from models.evaluation.ablations import Ablation
from models.evaluation.changes import Changes, ListedPair
from models.evaluation.contrasts import Contrast
from models.evaluation.descents import Descent
from models.evaluation.error_discard import ErrorDiscard
from models.evaluation.groups import GroupRates
from models.evaluation.identification import Identification
from models.evaluation.likelihood_cost import LikelihoodCost
from models.evaluation.method_rates import FnmrAtFmr
from models.evaluation.probability_gap import ProbabilityGap
from models.evaluation.reliability import Reliability
from models.evaluation.tenfold import Accuracy
from models.labelled.rates.decided import DecidedPoint
from models.labelled.rates.interval import Interval


@dataclass(frozen=True, slots=True)
class Curves:
    """What the plots of one method show.

    Attributes:
        det_fmr: false-match rates of the DET curve.
        det_fnmr: false non-match rates there.
        score_edges: edges of the bins of scores; logarithms of the scores where ``log_scores``.
        mated: share of the mated pairs by bin.
        non_mated: share of the non-mated pairs by bin.
        log_scores: whether the edges are logarithms.
    """

    det_fmr: tuple[float, ...]
    det_fnmr: tuple[float, ...]
    score_edges: tuple[float, ...]
    mated: tuple[float, ...]
    non_mated: tuple[float, ...]
    log_scores: bool


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method, with one bundle's anchors where it needs some.

    Attributes:
        label: what tables call it.
        method: its name.
        bundle: name of the bundle; None for the cosine.
        parameters: those that its scores depend on.
        rates: FNMR at each false-match rate.
        equal_error_rate: where FMR and FNMR meet.
        overlap: the area under both score distributions.
        curves: for the plots.
        accuracy: over the folds of the given pairs; None where there are none.
        identification: rank-1 rates; None where they were not asked for.
        groups: rates of each group; empty where there are none.
        changes: pairs decided otherwise than by the cosine; None for the cosine.
        highest_non_mated: the non-mated pairs that score highest.
        error_discard: FNMR as poor faces are left out; None where no false-match rate is measured or norms are not
            known.
        likelihood: what the scores are worth as evidence.
        lowest_mated: the pairs of one person that score lowest.
        equal_error_rate_interval: ``equal_error_rate`` with its 95 % interval, people resampled.
        overlap_interval: ``overlap`` likewise.
    """

    label: str
    method: str
    bundle: str | None
    parameters: dict[str, float | None]
    rates: tuple[FnmrAtFmr, ...]
    equal_error_rate: float
    overlap: float
    curves: Curves
    accuracy: Accuracy | None
    identification: Identification | None
    groups: tuple[GroupRates, ...]
    changes: Changes | None
    highest_non_mated: tuple[ListedPair, ...]
    error_discard: ErrorDiscard | None
    likelihood: LikelihoodCost
    lowest_mated: tuple[ListedPair, ...] = ()
    equal_error_rate_interval: Interval | None = None
    overlap_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class EvaluatedBundle:
    """A bundle that was evaluated."""

    name: str
    bundle_id: str
    anchors_digest: str
    anchors: int
    parameters: dict[str, float | None]
    population: str | None
    default_method: str = "cosine"


@dataclass(frozen=True, slots=True)
class DetMark:
    """An operating point on a DET curve.

    Attributes:
        name: as requests call it.
        fmr: share of all non-mated pairs that reach its threshold.
        fnmr: share of all mated pairs that do not.
    """

    name: str
    fmr: float
    fnmr: float


@dataclass(frozen=True, slots=True)
class StatedRates:
    """Stated against observed rates of one method with one bundle; the reason where there are none.

    Attributes:
        bundle: name of the bundle.
        label: what tables call the method.
        reliability: on pairs whose faces are both within the bundle's limits, where it has some.
        reason: why there is none; "" where there is.
        decided: what the service makes of all pairs at each operating point; empty without limits.
        limits: those that decide, by measure.
        marks: the operating points beside the DET curve of all pairs; off it where each stratum has its own threshold.
    """

    bundle: str
    label: str
    reliability: Reliability | None
    reason: str
    decided: tuple[DecidedPoint, ...] = ()
    limits: dict[str, float] = field(default_factory=dict)
    marks: tuple[DetMark, ...] = ()


@dataclass(frozen=True, slots=True)
class UnexcludedRates:
    """What one method's rates are when nothing is excluded.

    Attributes:
        label: what tables call the method.
        bundle: name of the bundle; None for the cosine.
        mated_pairs: mated pairs, those lost among them.
        non_mated_pairs: non-mated pairs.
        rates: FNMR at each false-match rate.
    """

    label: str
    bundle: str | None
    mated_pairs: int
    non_mated_pairs: int
    rates: tuple[FnmrAtFmr, ...]


@dataclass(frozen=True, slots=True)
class PackResult:
    """A labelled set embedded with one model pack.

    Attributes:
        pack: name of the pack; None where the embeddings were given.
        pipeline_id: everything between picture and embedding; None as above.
        detected: faces with an embedding.
        failures: faces without one by reason.
        people: people compared.
        mated_pairs: mated pairs, those lost among them.
        lost_mated_pairs: mated pairs with an undetected face; they count as false non-matches.
        non_mated_pairs: non-mated pairs.
        identity_pairs: pairs of people that are compared.
        bundles: the bundles.
        methods: the cosine first.
        stated: whether stated rates hold.
        ablations: those asked for.
        unexcluded: the rates with the excluded pairs counted; empty where nothing is excluded.
        probability_gap: segments of probability by their scores; None where it was not asked for.
        warnings: what a reader must know before he believes the figures, sentences.
        contrasts: methods beside each other; empty where the paper's claims were not asked for.
        descents: how similarities to the anchors fall, by bundle; empty as above.
    """

    pack: str | None
    pipeline_id: str | None
    detected: int
    failures: dict[str, int]
    people: int
    mated_pairs: int
    lost_mated_pairs: int
    non_mated_pairs: int
    identity_pairs: int
    bundles: tuple[EvaluatedBundle, ...]
    methods: tuple[MethodResult, ...]
    stated: tuple[StatedRates, ...]
    ablations: tuple[Ablation, ...]
    unexcluded: tuple[UnexcludedRates, ...]
    probability_gap: ProbabilityGap | None = None
    warnings: tuple[str, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    descents: tuple[Descent, ...] = ()


@dataclass(frozen=True, slots=True)
class SetResult:
    """One labelled set.

    Attributes:
        name: its name.
        compared: what the faces are: photos, crops, embeddings or templates.
        faces: how many there are.
        protocol: which pairs were compared: "all pairs" or "given pairs".
        groups: names of the groups.
        excluded: how many entries of the exclusions concern this set.
        packs: the results by model pack.
    """

    name: str
    compared: str
    faces: int
    protocol: str
    groups: tuple[str, ...]
    excluded: int
    packs: tuple[PackResult, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation.

    Attributes:
        created: when, in UTC.
        created_by: the program and its version.
        replicates: of the bootstrap over people.
        seed: of everything drawn.
        exclusions: version and digest of the exclusions; "" for none.
        sets: the labelled sets.
    """

    created: str
    created_by: str
    replicates: int
    seed: int
    exclusions: str
    sets: tuple[SetResult, ...]


def to_json(report: Report) -> bytes:
    """Return the report as JSON."""
    return TypeAdapter(Report).dump_json(report, indent=2)
