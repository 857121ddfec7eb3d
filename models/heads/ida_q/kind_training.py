"""One kind of likelihood network: tried on folds of people, and trained on all of them where it holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from pydantic import JsonValue

from models.heads.ida_q.fold_trial import FoldScores, TrialRate, trial_rates
from models.heads.ida_q.likelihood_graph import likelihood_graph
from models.heads.ida_q.likelihood_training import LikelihoodOptions, TrainingPairs, train_likelihood
from models.heads.ida_q.taught_faces import TaughtFaces, joined_pairs
from models.labelled.pairs.comparisons import Comparisons
from models.progress import Tick
from service.arrays import Floats32, Ints
from service.bundle.bundle_manifest import Manifest
from service.bundle.likelihood_part import IdaQCard, IdaQlCard, LikelihoodCard
from service.inference.likelihood_head import LikelihoodHead
from service.scoring.likelihood import face_statistics
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import LIKELIHOOD, LIKELIHOOD_PREDICTED, Statistic
from service.snapshot.head_sources import LikelihoodSource
from service.snapshot.term_sources import TermSources

FOLDS = 2


@dataclass(frozen=True, slots=True)
class NetworkKind:
    """A kind of likelihood network.

    Attributes:
        method: the method that it serves.
        card: the kind of its card.
        statistic: what it gives.
        without: the method that it must nowhere be worse than.
    """

    method: str
    card: type[LikelihoodCard]
    statistic: Statistic
    without: str


KINDS = (
    NetworkKind("ida-q", IdaQCard, LIKELIHOOD, "ida-r"),
    NetworkKind("ida-ql", IdaQlCard, LIKELIHOOD_PREDICTED, "ida-l"),
)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNetwork:
    """A network of all people that are learned from.

    Attributes:
        source: tells by it.
        graph: the network, an ONNX file's bytes.
        card: what it was trained for.
    """

    source: LikelihoodSource
    graph: bytes
    card: LikelihoodCard


@dataclass(frozen=True, slots=True, eq=False)
class KindTraining:
    """The training of one kind of network.

    Attributes:
        kind: which.
        faces: of every set's people.
        copied: how the copies among them were made, for people.
        sources: give the terms of faces.
        parameters: those that they depend on.
        manifest: of the bundle, whose anchors and SSR head the new one has.
        options: of the training.
        replicates: of the bootstrap that tells noise.
        seed: of folds, training and bootstrap.
    """

    kind: NetworkKind
    faces: Sequence[TaughtFaces]
    copied: Mapping[str, JsonValue]
    sources: TermSources
    parameters: Parameters
    manifest: Manifest
    options: LikelihoodOptions
    replicates: int
    seed: int

    def run(self, tick: Tick) -> tuple[TrainedNetwork | None, dict[str, JsonValue]]:
        """Return the network of all people where those of the folds hold, and what was found either way.

        Raises:
            TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``TermSources.terms`` says.
        """
        fold_of = [_folds(of_set, self.seed) for of_set in self.faces]
        scored: list[FoldScores] = []
        for fold in range(FOLDS):
            others = [of_set.subset(own != fold) for of_set, own in zip(self.faces, fold_of, strict=True)]
            network = self._trained(others, {})
            for of_set, own in zip(self.faces, fold_of, strict=True):
                scored += self._scored(of_set.subset(own == fold), network.source)
            tick((fold + 1) / (FOLDS + 1))
        rates = trial_rates(scored, replicates=self.replicates, seed=self.seed)
        told: dict[str, JsonValue] = {
            "kept": bool(rates) and all(rate.harmless for rate in rates),
            "why": self._why(rates),
            "compared_with": self.kind.without,
            "trial": [{**asdict(rate), "harmless": rate.harmless} for rate in rates],
        }
        whole = self._trained(self.faces, told) if told["kept"] else None
        tick(1.0)
        return whole, told

    def _trained(self, faces: Sequence[TaughtFaces], told: Mapping[str, JsonValue]) -> TrainedNetwork:
        draw = np.random.default_rng(self.seed)
        pairs = joined_pairs([of_set.training_pairs(self.options, draw) for of_set in faces], [*map(len, faces)])
        statistics = np.concatenate([self._statistics(of_set) for of_set in faces])
        as_they_are = np.concatenate([~of_set.is_copy for of_set in faces])
        weights, loss = train_likelihood(statistics, as_they_are, pairs, self.options)
        graph = likelihood_graph(weights)
        report = {**told, "sets": _counts(faces), "copies": dict(self.copied), "training": self._training(pairs, loss)}
        card = self.kind.card.of(graph, self.manifest, self.parameters, report=report)
        return TrainedNetwork(LikelihoodSource(LikelihoodHead.of(graph, card.called), card), graph, card)

    def _statistics(self, faces: TaughtFaces) -> Floats32:
        terms = self.sources.terms(faces.embeddings, self.kind.statistic.rests_on, self.parameters)
        known = terms.with_norms(faces.norms, self.parameters)
        return face_statistics(known, self.kind.card.told_from, self.parameters)

    def _scored(self, faces: TaughtFaces, source: LikelihoodSource) -> Iterator[FoldScores]:
        taught = self.sources.with_likelihood([source])
        without, by_network = METHODS[self.kind.without], METHODS[self.kind.method]

        def scores(some: TaughtFaces) -> tuple[Comparisons, Comparisons]:
            return some.compare(without, self.parameters, taught), some.compare(by_network, self.parameters, taught)

        yield FoldScores("as they are", *scores(faces.subset(~faces.is_copy)))
        if np.any(faces.is_copy):
            yield FoldScores("mixed", *scores(faces))

    def _why(self, rates: Sequence[TrialRate]) -> str:
        if not rates:
            return "no fold of people has the 3,000 pairs that measure a false-match rate of 1e-2"
        worse = [rate for rate in rates if not rate.harmless]
        if not worse:
            return f"nowhere worse than {self.kind.without} beyond noise, at {len(rates)} rates on people set aside"
        first = min(worse, key=lambda rate: rate.gain_low)
        return (
            f"worse than {self.kind.without} beyond noise at {len(worse)} of {len(rates)} rates on people set aside, "
            f"most on {first.set_name}, pictures {first.pictures}, at {first.fmr:.0e}: FNMR {first.fnmr:.2%}, not "
            f"{first.fnmr_without:.2%}"
        )

    def _training(self, pairs: TrainingPairs, loss: float) -> dict[str, JsonValue]:
        options: dict[str, JsonValue] = {**asdict(self.options)}
        options["false_match_rates"] = [*self.options.false_match_rates]
        mated = int(np.count_nonzero(pairs.mated))
        # Rounded, since the last digits depend on the processor.
        return {**options, "mated_pairs": mated, "other_pairs": len(pairs.mated) - mated, "loss": round(loss, 3)}


def _folds(faces: TaughtFaces, seed: int) -> Ints:
    """Return the fold of each face (n,): all of a person's, and people with several pictures dealt out evenly."""
    people, person, pictures = np.unique(faces.people, return_inverse=True, return_counts=True)
    draw = np.random.default_rng([seed, len(people)])
    # Drawn first and then sorted by how many there are: neighbours in this order go to different folds.
    order = draw.permutation(len(people))
    order = order[np.argsort(-pictures[order], kind="stable")]
    fold = np.empty(len(people), np.int64)
    fold[order] = np.arange(len(people)) % FOLDS
    found: Ints = fold[person]
    return found


def _counts(faces: Sequence[TaughtFaces]) -> list[JsonValue]:
    return [
        {
            "name": of_set.name,
            "people": len(np.unique(of_set.people)),
            "faces": int(np.count_nonzero(~of_set.is_copy)),
            "copies": int(np.count_nonzero(of_set.is_copy)),
        }
        for of_set in faces
    ]
