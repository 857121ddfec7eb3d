"""Scoring a pair and embedding a face, each with one snapshot from start to end."""

import numpy as np

from service.bundle.registry import Registry
from service.errors import DimensionMismatch, InputError
from service.faces.types import AlignedFace, FloatArray, ImageArray
from service.pipeline import FacePipeline
from service.scoring.calibration import MethodCalibration
from service.scoring.decision import judge
from service.scoring.density import FaceDensities
from service.scoring.methods import Need, find_method
from service.scoring.similarity import normalise
from service.settings import FacePolicy
from service.telemetry import Metrics
from service.verifier.clock import Clock
from service.verifier.inputs import Crop, Embedding, FaceInput, Photo, form_of
from service.verifier.results import Density, EmbeddedFace, Verification


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
        self,
        probe: FaceInput,
        reference: FaceInput,
        *,
        method: str | None = None,
        operating_point: str | None = None,
        policy: FacePolicy | None = None,
    ) -> Verification:
        """Score a pair of faces and say what the score means.

        Args:
            probe: the face presented now.
            reference: the face of the claimed identity.
            method: name of the scoring method, the bundle's default where None.
            operating_point: name of the operating point to decide at, no decision where None.
            policy: which of several faces is chosen, the service's default where None.

        Raises:
            UnknownMethod, UnknownOperatingPoint: before anything is computed.
            InputError: one of its kinds, marked with the side it is about.
            InferenceFailed: if a network fails.
        """
        snapshot = self._registry.current()
        scoring = find_method(method if method is not None else snapshot.default_method)
        forms = form_of(probe), form_of(reference)
        calibration = snapshot.calibration(scoring.name, forms, self._pipeline.pipeline_id)
        cosine_calibration = snapshot.calibration("cosine", forms, self._pipeline.pipeline_id)
        _require_point(calibration, operating_point)
        clock = Clock()
        sides, aligned = self._prepare({"probe": probe, "reference": reference}, policy, clock)
        embeddings = self._embed(sides, clock)
        terms = None
        if scoring.need is not Need.NOTHING:
            with clock("search"):
                terms = snapshot.terms(embeddings, scoring.need)
        with clock("score"):
            scores = scoring.score(embeddings[:1], embeddings[1:], terms, snapshot.parameters)
            support = None if terms is None else terms.densities(snapshot.parameters)
            similarity, score = float(scores.similarity[0]), float(scores.score[0])
            judgement = judge(score, calibration, operating_point)
            cosine_judgement = judge(similarity, cosine_calibration, operating_point)
        verification = Verification(
            similarity=similarity,
            score=score,
            dao_score=None if scores.dao_score is None else float(scores.dao_score[0]),
            method=scoring.name,
            operating_point=operating_point,
            judgement=judgement,
            cosine_judgement=cosine_judgement,
            densities=None if support is None else (_density(support, 0), _density(support, 1)),
            faces=(aligned[0], aligned[1]),
            snapshot=snapshot,
            timings_ms=clock.stop(self._metrics),
        )
        self._observe(verification)
        return verification

    def embed(self, image: FaceInput, *, policy: FacePolicy | None = None) -> EmbeddedFace:
        """Embed one face and tell the density of its neighbourhood.

        Raises:
            InputError: one of its kinds, marked as being about "image".
            InferenceFailed: if a network fails.
        """
        snapshot = self._registry.current()
        clock = Clock()
        sides, aligned = self._prepare({"image": image}, policy, clock)
        embeddings = self._embed(sides, clock)
        with clock("search"):
            densities = snapshot.densities(embeddings)
        density = _density(densities, 0)
        self._metrics.crowding.labels("ida-r").observe(density.crowding)
        return EmbeddedFace(embeddings[0], density, aligned[0], snapshot, clock.stop(self._metrics))

    def _prepare(
        self, inputs: dict[str, FaceInput], policy: FacePolicy | None, clock: Clock
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

    def _embed(self, sides: list[ImageArray | FloatArray], clock: Clock) -> FloatArray:
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


def _require_point(calibration: MethodCalibration | str, operating_point: str | None) -> None:
    if operating_point is not None and not isinstance(calibration, str):
        calibration.point(operating_point)
