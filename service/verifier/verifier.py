"""Scoring a pair and embedding a face, each with one snapshot from start to end."""

import numpy as np

from service.bundle.registry import Registry
from service.bundle.snapshot import Snapshot
from service.errors import DimensionMismatch, InputError
from service.faces.types import AlignedFace, FloatArray, ImageArray
from service.pipeline import FacePipeline
from service.scoring.calibration import MethodCalibration
from service.scoring.decision import judge
from service.scoring.density import FaceDensities
from service.scoring.methods import Method
from service.scoring.similarity import normalise, telling_norms
from service.scoring.terms import FaceTerms, Need
from service.settings import FacePolicy
from service.telemetry import Metrics
from service.verifier.agreement import AgreementMonitor
from service.verifier.clock import Clock
from service.verifier.inputs import Crop, Embedding, FaceInput, Photo, form_of
from service.verifier.results import Density, EmbeddedFace, Verification


class Verifier:
    """Scores pairs and embeds faces. Safe to call from several threads."""

    def __init__(
        self,
        *,
        pipeline: FacePipeline,
        registry: Registry,
        metrics: Metrics,
        default_policy: FacePolicy,
        agreement: AgreementMonitor | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._registry = registry
        self._metrics = metrics
        self._default_policy = default_policy
        self._agreement = agreement

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
            UnknownMethod, MethodNotServed, UnknownOperatingPoint: before anything is computed.
            InputError: one of its kinds, marked with the side it is about.
            InferenceFailed: if a network fails.
        """
        snapshot = self._registry.current()
        scoring = snapshot.method(method)
        forms = form_of(probe), form_of(reference)
        calibration = snapshot.calibration(scoring.name, forms, self._pipeline.pipeline_id)
        cosine_calibration = snapshot.calibration("cosine", forms, self._pipeline.pipeline_id)
        _require_point(calibration, operating_point)
        clock = Clock()
        sides, aligned = self._prepare({"probe": probe, "reference": reference}, policy, clock)
        embeddings, norms = self._embed(sides, clock)
        terms = _terms(snapshot, scoring, embeddings, norms, clock)
        with clock("score"):
            scores = scoring.score(embeddings[:1], embeddings[1:], terms, snapshot.parameters)
            densities = terms.densities(snapshot.parameters)
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
            densities=None if densities is None else (_density(densities, 0), _density(densities, 1)),
            faces=(aligned[0], aligned[1]),
            snapshot=snapshot,
            timings_ms=clock.stop(self._metrics),
        )
        self._observe(verification)
        self._watch(snapshot, scoring, embeddings, densities)
        return verification

    def embed(self, image: FaceInput, *, method: str | None = None, policy: FacePolicy | None = None) -> EmbeddedFace:
        """Embed one face and tell the density of its neighbourhood.

        Args:
            image: the face.
            method: name of the method whose density is told; where None, the default one if it has any, or else the
                first served that has.
            policy: which of several faces is chosen, the service's default where None.

        Raises:
            UnknownMethod, MethodNotServed: before anything is computed.
            InputError: one of its kinds, marked as being about "image".
            InferenceFailed: if a network fails.
        """
        snapshot = self._registry.current()
        chosen = snapshot.method(snapshot.density_method if method is None else method)
        clock = Clock()
        sides, aligned = self._prepare({"image": image}, policy, clock)
        embeddings, norms = self._embed(sides, clock)
        densities = _terms(snapshot, chosen, embeddings, norms, clock).densities(snapshot.parameters)
        density = None if densities is None else _density(densities, 0)
        if density is not None:
            self._metrics.crowding.labels(chosen.name).observe(density.crowding)
        timings_ms = clock.stop(self._metrics)
        self._watch(snapshot, chosen, embeddings, densities)
        norm = float(norms[0]) or None
        return EmbeddedFace(embeddings[0], norm, chosen.name, density, aligned[0], snapshot, timings_ms)

    def _prepare(
        self, inputs: dict[str, FaceInput], policy: FacePolicy | None, clock: Clock
    ) -> tuple[list[ImageArray | FloatArray], list[AlignedFace | None]]:
        """Return each side as an aligned crop or an embedding of any norm, and the face it came from."""
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
                    sides.append(self._values(face))
                faces.append(aligned)
            except InputError as error:
                raise error.about(name) from error
        return sides, faces

    def _embed(self, sides: list[ImageArray | FloatArray], clock: Clock) -> tuple[FloatArray, FloatArray]:
        """Return the sides' unit embeddings (n, d) and the norms they had (n,), 0 where one tells nothing.

        The crops among them share one run of the backbone.
        """
        embeddings = np.empty((len(sides), self._pipeline.dimension))
        crop_rows = [row for row, side in enumerate(sides) if side.ndim == 3]
        for row, side in enumerate(sides):
            if side.ndim == 1:
                embeddings[row] = side
        if crop_rows:
            with clock("embed"):
                embeddings[crop_rows] = self._pipeline.represent(np.stack([sides[row] for row in crop_rows]))
            self._metrics.batch_size.observe(len(crop_rows))
        return np.asarray(normalise(embeddings), dtype=np.float32), telling_norms(embeddings)

    def _values(self, embedding: Embedding) -> FloatArray:
        values = np.asarray(embedding.values)
        if values.shape != (self._pipeline.dimension,):
            raise DimensionMismatch(
                f"The embedding has {values.size} values, the backbone's have {self._pipeline.dimension}. "
                "Send an embedding made by the model that /info names."
            )
        normalise(values[None])
        return values

    def _observe(self, verification: Verification) -> None:
        self._metrics.similarity.observe(verification.similarity)
        self._metrics.score.labels(verification.method).observe(verification.score)
        for density in verification.densities or ():
            self._metrics.crowding.labels(verification.method).observe(density.crowding)

    def _watch(
        self, snapshot: Snapshot, method: Method, embeddings: FloatArray, densities: FaceDensities | None
    ) -> None:
        if self._agreement is not None and method.need is Need.PREDICTION and densities is not None:
            self._agreement.offer(snapshot, embeddings, densities)


def _terms(snapshot: Snapshot, method: Method, embeddings: FloatArray, norms: FloatArray, clock: Clock) -> FaceTerms:
    if method.need is Need.NOTHING:
        return FaceTerms()
    with clock("predict" if method.need in (Need.PREDICTION, Need.VARIANCE) else "search"):
        return snapshot.terms(embeddings, method.need).with_norms(norms, snapshot.parameters)


def _density(support: FaceDensities, row: int) -> Density:
    return Density(float(support.density[row]), float(support.crowding[row]))


def _require_point(calibration: MethodCalibration | str, operating_point: str | None) -> None:
    if operating_point is not None and not isinstance(calibration, str):
        calibration.point(operating_point)
