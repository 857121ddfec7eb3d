"""Teaching ida-q for ``calibrate``: whom it learns from, and which networks hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import JsonValue

from models.calibration.calibration_run import Taught
from models.heads.ida_q.kind_training import KINDS, KindTraining, TrainedNetwork
from models.heads.ida_q.likelihood_training import LikelihoodOptions
from models.heads.ida_q.taught_faces import TaughtFaces
from models.labelled.comparable import Comparable
from models.progress import Stage
from service.arrays import Floats32, Ints
from service.bundle.bundle_manifest import Manifest
from service.bundle.head_part import head_contents
from service.bundle.writer import PartContent
from service.scoring.parameters import Parameters
from service.snapshot.term_sources import TermSources

LEAST_PEOPLE = 40
"""People with several pictures without whom nothing is learned: fewer tell networks apart by chance alone."""

# Beyond this, in logarithms, the parameters' typical length is not these faces', and stands for no unknown one.
_FAR_FROM_TYPICAL = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class CopiesOfSet:
    """Degraded copies of a set's pictures.

    Attributes:
        embeddings: (c, d) float32, unit norm.
        norms: (c,) float32, lengths of what the backbone gave.
        rows: (c,) int64, the row of each one's picture in the whole labelled set.
    """

    embeddings: Floats32
    norms: Floats32
    rows: Ints


@dataclass(frozen=True, slots=True)
class Teacher:
    """Trains the networks of ida-q and ida-ql; see ``calibration_run.Teach``.

    Attributes:
        manifest: of the bundle, whose anchors and SSR head the new one has.
        copies: degraded copies by set; none of a set of embeddings.
        copied: how they were made, for people.
        options: of the training.
        replicates: of the bootstrap that tells noise.
        seed: of folds, training and bootstrap.
    """

    manifest: Manifest
    copies: Mapping[str, CopiesOfSet] = field(default_factory=dict)
    copied: Mapping[str, JsonValue] = field(default_factory=dict)
    options: LikelihoodOptions = field(default_factory=LikelihoodOptions)
    replicates: int = 300
    seed: int = 0

    def __call__(
        self,
        tune: Sequence[Comparable],
        rows: Sequence[Ints],
        sources: TermSources,
        parameters: Parameters,
        stage: Stage,
    ) -> Taught:
        """Return the networks that hold, and what was found of all.

        Raises:
            TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``TermSources.terms`` says.
        """
        faces = [self._faces(part, of_set) for part, of_set in zip(tune, rows, strict=True)]
        networks: dict[str, TrainedNetwork] = {}
        report: dict[str, JsonValue] = {}
        lacking = _lacking(faces, parameters)
        for kind in KINDS:
            if not set(kind.statistic.rests_on) <= sources.provides:
                continue
            if lacking is not None:
                report[kind.method] = {"kept": False, "why": lacking}
                continue
            training = KindTraining(
                kind, faces, self.copied, sources, parameters, self.manifest, self.options, self.replicates, self.seed
            )
            network, report[kind.method] = training.run(stage(f"training {kind.method}"))
            if network is not None:
                networks[kind.method] = network
        contents: dict[str, PartContent] = {}
        for network in networks.values():
            contents |= head_contents(network.graph, network.card)
        return Taught(
            sources=sources.with_likelihood([network.source for network in networks.values()]),
            methods=tuple(networks),
            contents=contents,
            sha256={network.card.part: network.card.head_sha256 for network in networks.values()},
            report=report,
        )

    def _faces(self, part: Comparable, rows: Ints) -> TaughtFaces:
        """Return the faces of a set's people, and the copies of the pictures among them."""
        copies = self.copies.get(part.name)
        if copies is None:
            nothing = np.empty((0, part.embeddings.shape[1]), np.float32)
            return TaughtFaces.of(part, nothing, np.empty(0, np.float32), np.empty(0, np.int64))
        # A part counts its rows among its own; copies count theirs in the whole set.
        of_set = rows[part.rows]
        place = np.full(int(max(of_set.max(initial=-1), copies.rows.max(initial=-1))) + 1, -1, np.int64)
        place[of_set] = np.arange(len(of_set))
        originals = place[copies.rows]
        there = originals >= 0
        return TaughtFaces.of(part, copies.embeddings[there], copies.norms[there], originals[there])


def _lacking(faces: Sequence[TaughtFaces], parameters: Parameters) -> str | None:
    """Return why nothing can be learned from some faces; None where something can."""
    several = sum(int(np.count_nonzero(np.unique(of_set.people, return_counts=True)[1] > 1)) for of_set in faces)
    if several < LEAST_PEOPLE:
        return f"{several} people with several pictures are among those who tune, and {LEAST_PEOPLE} are the least"
    norms = np.concatenate([of_set.norms[~of_set.is_copy] for of_set in faces])
    lengths = norms[norms > 0]
    if len(lengths) and abs(np.log(np.median(lengths) / parameters.typical_norm)) > _FAR_FROM_TYPICAL:
        return "the bundle's typical norm is not these faces': calibrate without --keep-parameters"
    return None
