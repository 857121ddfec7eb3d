"""``models try``: colour orders and scales of a pack's backbones compared by cosine, on labelled faces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.evaluation.feedings import Feeding, feedings_of
from models.evaluation.method_rates import MethodRates, fnmr_replicates, method_rates
from models.evaluation.scored import score_set
from models.evaluation.systems import Variant, cosine_scorer
from models.labelled.comparable import comparable
from models.labelled.embed import Embedder, PictureForm
from models.labelled.labelled_faces import LabelledFaces, read_labelled, unit_or_zeros
from models.labelled.labels import Labels
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import person_weights
from models.labelled.rates.interval import Interval
from models.labelled.rates.threshold_rates import equal_error_rate
from models.progress import Stage
from models.tool_errors import LabelsInvalid
from service.cpus import usable_cpus
from service.errors import InferenceFailed
from service.inference.backbone import Backbone
from service.inference.runs import RunGraph
from service.pack import BackboneFile, PackManifest
from service.pipeline import FacePipeline
from service.scoring.methods import COSINE, METHODS
from service.scoring.parameters import Parameters
from service.settings import Settings
from service.snapshot.synthetic_crop import synthetic_crop

FMR = 1e-3
"""The false-match rate at which the ways are compared."""


@dataclass(frozen=True, slots=True)
class TriedFeeding:
    """What one way to feed a backbone is worth.

    Attributes:
        feeding: the way.
        equal_error_rate: by cosine; None where the network gave no embeddings.
        fnmr: share of mated pairs rejected at ``FMR``; None also where the pairs are too few to show it.
        gain: the FNMR of the pack's own way less this one, above 0 where this is better; None for its own.
        failure: why there are no embeddings; None where there are.
    """

    feeding: Feeding
    equal_error_rate: float | None = None
    fnmr: Interval | None = None
    gain: Interval | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """All ways to feed one backbone, on one labelled set.

    Attributes:
        file: of the backbone.
        tried: the ways, the best first.
        faces: pictures with a face.
        mated_pairs: pairs of one person's pictures, those that were lost for want of a face too.
        non_mated_pairs: pairs of different people's.
        failures: pictures without an embedding, by reason.
    """

    file: str
    tried: tuple[TriedFeeding, ...]
    faces: int
    mated_pairs: int
    non_mated_pairs: int
    failures: dict[str, int]

    @property
    def best(self) -> TriedFeeding:
        """The best way."""
        return self.tried[0]

    @property
    def own(self) -> TriedFeeding:
        """The pack's."""
        return next(found for found in self.tried if found.feeding.is_own)

    @property
    def is_settled(self) -> bool:
        """Whether the pack's own way is the best, or cannot be told from it: the paired 95 % interval holds 0."""
        if self.best.feeding.is_own:
            return True
        gain = self.best.gain
        if gain is None or gain.low is None or self.own.failure is not None:
            return False
        return gain.low <= 0


def try_feedings(
    pipeline: FacePipeline,
    runs: Sequence[RunGraph],
    labels: Labels,
    settings: Settings,
    *,
    images: Path | None,
    input_form: PictureForm,
    replicates: int,
    seed: int,
    stage: Stage,
) -> list[Trial]:
    """Try every way to feed each backbone of a pack.

    Each picture is decoded, searched and aligned once, whatever the number of ways.

    Args:
        pipeline: the pack's.
        runs: its backbones, ready to run, in the manifest's order.
        labels: the labelled pictures.
        settings: the service's.
        images: where the pictures' paths start from; None for beside the label file.
        input_form: what the pictures are.
        replicates: of the bootstrap over people.
        seed: of the bootstrap.
        stage: told what runs and how far it is.

    Raises:
        LabelsInvalid: if the labels cannot be read, hold embeddings, or give nothing to compare.
        InferenceFailed: if a network fails.
    """
    if labels.holds_embeddings:
        raise LabelsInvalid(f"{labels.path} holds embeddings, which were fed already: give labelled pictures.")
    ways, failures = _usable(pipeline.manifest, runs)
    fed = _fed_in_all_ways(pipeline, ways)
    embedder = Embedder(fed, None, settings.workers or usable_cpus(), settings.max_image_bytes, input_form)
    tick = stage(f"embedding {labels.called} in {len(ways)} ways")
    labelled = read_labelled(labels.path, embedder, name=labels.name, images_root=images, tick=tick)
    tick(1.0)
    sets = list(_parted(labelled, [way.part for way in ways]))
    trials = []
    for part in pipeline.manifest.backbones:
        own = [(way, found) for way, found in zip(ways, sets, strict=True) if way.part.file == part.file]
        broken = [failure for failure in failures if failure.feeding.file == part.file]
        trials.append(_trial(part.file, own, broken, replicates, seed, stage))
    return trials


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    feeding: Feeding
    part: BackboneFile
    run: RunGraph


def _usable(manifest: PackManifest, runs: Sequence[RunGraph]) -> tuple[list[_Way], list[TriedFeeding]]:
    """Return the ways in which each backbone gives an embedding at all, and why it does not in the others."""
    ways, failures = [], []
    for part, run in zip(manifest.backbones, runs, strict=True):
        for feeding in feedings_of(part):
            fed = part.model_copy(update={"preprocessing": feeding.preprocessing, "weight": 1.0})
            try:
                Backbone([run], [fed]).represent(synthetic_crop()[None])
            except InferenceFailed as error:
                failures.append(TriedFeeding(feeding, failure=error.message))
            else:
                ways.append(_Way(feeding, fed, run))
    if not ways:
        raise InferenceFailed(f"No backbone of the pack gives an embedding: {failures[0].failure}")
    return ways, failures


def _fed_in_all_ways(pipeline: FacePipeline, ways: Sequence[_Way]) -> FacePipeline:
    """Return a pipeline whose embedding of a crop is that of all ways side by side, each of the same length."""
    parts = tuple(way.part for way in ways)
    manifest = pipeline.manifest.model_copy(update={"backbones": parts})
    return pipeline.with_backbone(Backbone([way.run for way in ways], parts), manifest)


def _parted(labelled: LabelledFaces, parts: Sequence[BackboneFile]) -> Iterator[LabelledFaces]:
    ends = np.cumsum([part.dimension for part in parts])
    for part, end in zip(parts, ends, strict=True):
        rows = labelled.embeddings[:, end - part.dimension : end]
        yield replace(labelled, embeddings=unit_or_zeros(rows), norms=np.zeros_like(labelled.norms))


def _trial(
    file: str,
    ways: Sequence[tuple[_Way, LabelledFaces]],
    broken: Sequence[TriedFeeding],
    replicates: int,
    seed: int,
    stage: Stage,
) -> Trial:
    own: MethodRates | None = None
    tried: list[TriedFeeding] = []
    comparisons: Comparisons | None = None
    for way, labelled in ways:  # the pack's own first, with which the others are compared
        tick = stage(f"{file}: {way.feeding.in_words}")
        found = comparable(labelled, None, given=labelled.pairs is not None)
        scorer = cosine_scorer(found.embeddings)
        scored = score_set(found, Variant(COSINE, METHODS[COSINE], Parameters()), scorer)
        comparisons = scored.comparisons
        weights = person_weights(len(found.people), replicates, seed)
        drawn = fnmr_replicates(comparisons, (FMR,), weights, usable_cpus())
        rates = method_rates(comparisons, "linear", (FMR,), drawn, own)
        (at,) = rates.rates
        tried.append(TriedFeeding(way.feeding, equal_error_rate(comparisons), at.fnmr, at.gain))
        if way.feeding.is_own:
            own = rates
        tick(1.0)
    if comparisons is None:
        raise InferenceFailed(f"{file} gives no embedding in any way: {broken[0].failure}")
    first = ways[0][1]
    return Trial(
        file,
        (*sorted(tried, key=_badness), *broken),
        int(first.detected.sum()),
        comparisons.mated,
        comparisons.non_mated,
        first.failures,
    )


def _badness(found: TriedFeeding) -> tuple[float, float]:
    """Order ways by FNMR, by the EER where it cannot be told or is the same."""
    rate = found.equal_error_rate
    return (0.0 if found.fnmr is None else found.fnmr.value, 1.0 if rate is None else rate)
