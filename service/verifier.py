"""The use cases: a pair of faces in, a scored answer out; one face in, its embedding out.

Every call takes one snapshot of what is served and uses it throughout, and its answer names it. This module computes
and knows nothing of HTTP; it is called from worker threads.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from service.bundle.registry import Registry
from service.bundle.snapshot import Snapshot
from service.errors import DimensionMismatch, InputError
from service.faces.types import AlignedFace, FloatArray, ImageArray
from service.pipeline import FacePipeline
from service.scoring.density import FaceDensities
from service.scoring.methods import PairScores, find_method
from service.scoring.similarity import normalise
from service.settings import FacePolicy
from service.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph: bytes of a JPEG, PNG, WebP or BMP image."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Crop:
    """An aligned crop: bytes of a 112x112 image."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Embedding:
    """An embedding made by the same backbone, of any norm but zero."""

    values: tuple[float, ...]


FaceInput = Photo | Crop | Embedding


@dataclass(frozen=True, slots=True)
class Density:
    """How crowded one face's neighbourhood is.

    Attributes:
        density: the paper's F, lower is more crowded.
        crowding: log(1/(k F))/tau, in cosine units, higher is more crowded.
    """

    density: float
    crowding: float


@dataclass(frozen=True, slots=True)
class Verification:
    """A scored pair.

    Attributes:
        similarity: cosine of the two embeddings, in [-1, 1].
        score: the asked method's score.
        dao_score: Eq. 4's score at the bundle's strength, None where the density is not known.
        method: the method that gave ``score``.
        densities: of probe and reference, None where the method needs none.
        faces: of probe and reference, None for a side that was no photograph.
        snapshot: what was served when the pair was scored.
        timings_ms: milliseconds by stage, both sides together.
    """

    similarity: float
    score: float
    dao_score: float | None
    method: str
    densities: tuple[Density, Density] | None
    faces: tuple[AlignedFace | None, AlignedFace | None]
    snapshot: Snapshot
    timings_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """One embedded face.

    Attributes:
        embedding: (d,) float32, unit norm.
        density: its density among the anchors.
        face: the chosen face, None where the input was no photograph.
        snapshot: what was served when the density was computed.
        timings_ms: milliseconds by stage.
    """

    embedding: FloatArray
    density: Density
    face: AlignedFace | None
    snapshot: Snapshot
    timings_ms: dict[str, float]


class _Clock:
    """Adds up the milliseconds of each stage of one call; the stages that did not run stay at 0."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.timings_ms = dict.fromkeys(("decode", "detect", "align", "embed", "search", "score"), 0.0)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.timings_ms[stage] += (time.perf_counter() - started) * 1000

    def stop(self, metrics: Metrics) -> dict[str, float]:
        self.timings_ms["total"] = (time.perf_counter() - self._started) * 1000
        for stage, milliseconds in self.timings_ms.items():
            metrics.stage_seconds.labels(stage).observe(milliseconds / 1000)
        return self.timings_ms


class Verifier:
    """Scores pairs and embeds faces. Safe to call from several threads."""

    def __init__(
        self, *, pipeline: FacePipeline, registry: Registry, metrics: Metrics, default_policy: FacePolicy
    ) -> None:
        self._pipeline = pipeline
        self._registry = registry
        self._metrics = metrics
        self._default_policy = default_policy

    def verify(
        self, probe: FaceInput, reference: FaceInput, *, method: str | None = None, policy: FacePolicy | None = None
    ) -> Verification:
        """Score a pair of faces.

        Args:
            probe: the face presented now.
            reference: the face of the claimed identity.
            method: name of the scoring method, the bundle's default where None.
            policy: which of several faces is chosen, the service's default where None.

        Raises:
            UnknownMethod: before anything is computed.
            InputError: one of its kinds, marked with the side it is about.
            InferenceFailed: if a network fails.
        """
        snapshot = self._registry.current()
        scoring = find_method(method if method is not None else snapshot.default_method)
        clock = _Clock()
        sides, aligned = self._prepare({"probe": probe, "reference": reference}, policy, clock)
        embeddings = self._embed(sides, clock)
        support = None
        if scoring.needs_density:
            with clock("search"):
                support = snapshot.densities(embeddings)
        with clock("score"):
            scores = scoring.score(embeddings[:1], embeddings[1:], support, snapshot.parameters)
            densities = None if support is None else (_density(support, 0), _density(support, 1))
            verification = _verification(scores, scoring.name, densities, aligned, snapshot, clock)
        clock.stop(self._metrics)
        self._observe(verification)
        return verification

    def embed(self, image: FaceInput, *, policy: FacePolicy | None = None) -> EmbeddedFace:
        """Embed one face and tell the density of its neighbourhood.

        Raises:
            InputError: one of its kinds, marked as being about "image".
            InferenceFailed: if a network fails.
        """
        snapshot = self._registry.current()
        clock = _Clock()
        sides, aligned = self._prepare({"image": image}, policy, clock)
        embeddings = self._embed(sides, clock)
        with clock("search"):
            support = snapshot.densities(embeddings)
        density = _density(support, 0)
        self._metrics.crowding.labels("ida-r").observe(density.crowding)
        return EmbeddedFace(embeddings[0], density, aligned[0], snapshot, clock.stop(self._metrics))

    def _prepare(
        self, inputs: dict[str, FaceInput], policy: FacePolicy | None, clock: _Clock
    ) -> tuple[list[ImageArray | FloatArray], list[AlignedFace | None]]:
        """Return each side as an aligned crop or a unit embedding, and the face it came from."""
        sides: list[ImageArray | FloatArray] = []
        faces: list[AlignedFace | None] = []
        for name, face in inputs.items():
            try:
                aligned = None
                if isinstance(face, Photo):
                    aligned = self._pipeline.extract(face.data, policy or self._default_policy, clock)
                    sides.append(aligned.crop)
                elif isinstance(face, Crop):
                    sides.append(self._pipeline.read_crop(face.data, clock))
                else:
                    sides.append(self._unit(face))
                faces.append(aligned)
            except InputError as error:
                raise error.about(name) from error
        return sides, faces

    def _embed(self, sides: list[ImageArray | FloatArray], clock: _Clock) -> FloatArray:
        """Return the sides' embeddings (n, d); the crops among them share one run of the backbone."""
        embeddings = np.empty((len(sides), self._pipeline.dimension), np.float32)
        crop_rows = [row for row, side in enumerate(sides) if side.ndim == 3]
        for row, side in enumerate(sides):
            if side.ndim == 1:
                embeddings[row] = side
        if crop_rows:
            with clock("embed"):
                embeddings[crop_rows] = self._pipeline.embed(np.stack([sides[row] for row in crop_rows]))
            self._metrics.batch_size.observe(len(crop_rows))
        return embeddings

    def _unit(self, embedding: Embedding) -> FloatArray:
        values = np.asarray(embedding.values)
        if values.shape != (self._pipeline.dimension,):
            raise DimensionMismatch(
                f"The embedding has {values.size} values, the backbone's have {self._pipeline.dimension}. "
                "Send an embedding made by the model that /info names."
            )
        return np.asarray(normalise(values[None])[0], dtype=np.float32)

    def _observe(self, verification: Verification) -> None:
        self._metrics.similarity.observe(verification.similarity)
        self._metrics.score.labels(verification.method).observe(verification.score)
        for density in verification.densities or ():
            self._metrics.crowding.labels(verification.method).observe(density.crowding)


def _density(support: FaceDensities, row: int) -> Density:
    return Density(float(support.density[row]), float(support.crowding[row]))


def _verification(
    scores: PairScores,
    method: str,
    densities: tuple[Density, Density] | None,
    aligned: list[AlignedFace | None],
    snapshot: Snapshot,
    clock: _Clock,
) -> Verification:
    return Verification(
        similarity=float(scores.similarity[0]),
        score=float(scores.score[0]),
        dao_score=None if scores.dao_score is None else float(scores.dao_score[0]),
        method=method,
        densities=densities,
        faces=(aligned[0], aligned[1]),
        snapshot=snapshot,
        timings_ms=clock.timings_ms,
    )
