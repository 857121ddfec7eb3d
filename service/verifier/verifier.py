"""The use cases: a pair, one face, or many of them, each with one snapshot from start to end."""

from collections.abc import Iterable
from dataclasses import replace

from service.choices import FacePolicy, LivenessPolicy, QualityPolicy, stricter
from service.errors import InputError, LivenessNotServed
from service.pipeline import FacePipeline
from service.scoring.methods import Method
from service.snapshot.registry import Registry
from service.snapshot.snapshot import Snapshot
from service.verifier.agreement_monitor import AgreementMonitor
from service.verifier.face_batch import Batch
from service.verifier.inputs import FaceInput, Reference, Template, pictures_of
from service.verifier.pair_columns import EmbeddingBatch
from service.verifier.pair_scoring import PairScorer
from service.verifier.reading import FaceReader, PhotographWatch
from service.verifier.results import EmbeddedFace, Verification


class Verifier:
    """Scores pairs and embeds faces. Safe to call from several threads."""

    def __init__(
        self,
        *,
        pipeline: FacePipeline,
        registry: Registry,
        default_policy: FacePolicy,
        default_point: str | None = None,
        default_quality: QualityPolicy = "decide",
        liveness_policy: LivenessPolicy = "off",
        agreement: AgreementMonitor | None = None,
        watch: PhotographWatch | None = None,
    ) -> None:
        """Take what faces are read and scored with.

        Args:
            pipeline: the models.
            registry: says what is served.
            default_policy: which of several faces is chosen where nothing else is asked.
            default_point: the operating point where none is asked; None for no decision.
            default_quality: what becomes of faces beyond the calibrated population where nothing else is asked.
            liveness_policy: the least strict that holds, whatever is asked.
            agreement: compares predicted densities with searched ones; None for nobody.
            watch: told of every photograph whose face was embedded; None for nobody.
        """
        self._pipeline_id = pipeline.pipeline_id
        self._has_liveness = pipeline.liveness_id is not None
        self._liveness_policy: LivenessPolicy = liveness_policy
        self._reader = FaceReader(pipeline, default_policy, watch)
        self._default_policy = default_policy
        self._registry = registry
        self._default_point = default_point
        self._default_quality = default_quality
        self._agreement = agreement

    def is_large(self, faces: Iterable[FaceInput]) -> bool:
        """Return whether one of the faces is a photograph that may take the better part of a second to decode."""
        return any(map(self._reader.is_large, faces))

    def verify(
        self,
        probe: FaceInput,
        reference: Reference,
        *,
        method: str | None = None,
        operating_point: str | None = None,
        policy: FacePolicy | None = None,
        quality_policy: QualityPolicy | None = None,
        liveness_policy: LivenessPolicy | None = None,
    ) -> Verification:
        """Score a pair of faces and say what the score means.

        Args:
            probe: the face presented now.
            reference: the face of the claimed identity, or several pictures of it.
            method: name of the scoring method, the bundle's default where None.
            operating_point: name of the operating point to decide at, the service's default where None.
            policy: which of several faces is chosen, the service's default where None.
            quality_policy: what becomes of faces beyond the calibrated population, the service's default where None.
            liveness_policy: holds where it is stricter than the service's own.

        Raises:
            UnknownMethod, MethodNotServed, UnknownOperatingPoint, LivenessNotServed: before anything is computed.
            LowQuality: if a face lies beyond it and the policy is ``gate``.
            InputError: one of its kinds, marked with the side it is about.
            InferenceFailed: if a network fails.
        """
        liveness = self._liveness(liveness_policy)
        scorer = self._scorer(method, operating_point, liveness, quality_policy, policy)
        batch = Batch(scorer, self._reader, policy, with_liveness=liveness != "off")
        if stops := not isinstance(reference, Template):
            batch.require_point(probe, reference)
        result = batch.verify([(probe, reference)], batch.read([probe, *pictures_of(reference)], stop_at_failure=stops))
        (verification,) = result.items
        if isinstance(verification, InputError):
            raise verification
        return replace(verification, timings_ms=result.timings_ms)

    def embed(
        self,
        image: FaceInput,
        *,
        method: str | None = None,
        policy: FacePolicy | None = None,
        liveness_policy: LivenessPolicy | None = None,
    ) -> EmbeddedFace:
        """Embed one face and tell the density of its neighbourhood.

        Args:
            image: the face.
            method: name of the method whose density is told; the bundle's default where None. Where it needs none,
                what the default method needs is told, or else a search's.
            policy: which of several faces is chosen, the service's default where None.
            liveness_policy: holds where it is stricter than the service's own; with no decision to make, ``require``
                tells as ``report`` does.

        Raises:
            UnknownMethod, MethodNotServed, LivenessNotServed: before anything is computed.
            InputError: one of its kinds, marked as being about "image".
            InferenceFailed: if a network fails.
        """
        batch = self.batch_of_faces(method=method, policy=policy, liveness_policy=liveness_policy)
        (found,) = batch.embed([image], batch.read([image]))
        if isinstance(found, InputError):
            raise found.about("image")
        return replace(found, timings_ms=batch.clock.timings_ms)

    def batch(
        self,
        *,
        method: str | None = None,
        operating_point: str | None = None,
        policy: FacePolicy | None = None,
        quality_policy: QualityPolicy | None = None,
        liveness_policy: LivenessPolicy | None = None,
    ) -> Batch:
        """Return a batch of pairs, all of which are scored with what is served now; see ``verify``.

        Raises:
            UnknownMethod, MethodNotServed, UnknownOperatingPoint, LivenessNotServed: at once.
        """
        liveness = self._liveness(liveness_policy)
        scorer = self._scorer(method, operating_point, liveness, quality_policy, policy)
        return Batch(scorer, self._reader, policy, with_liveness=liveness != "off")

    def batch_of_embeddings(
        self,
        *,
        method: str | None = None,
        operating_point: str | None = None,
        quality_policy: QualityPolicy | None = None,
    ) -> EmbeddingBatch:
        """Return a batch of pairs of embeddings, all of which are scored with what is served now; see ``verify``.

        Raises:
            UnknownMethod, MethodNotServed, UnknownOperatingPoint, LivenessNotServed: at once.
        """
        return EmbeddingBatch(self._scorer(method, operating_point, self._liveness(None), quality_policy, None))

    def batch_of_faces(
        self,
        *,
        method: str | None = None,
        policy: FacePolicy | None = None,
        liveness_policy: LivenessPolicy | None = None,
    ) -> Batch:
        """Return a batch of faces to embed; see ``embed``.

        Raises:
            UnknownMethod, MethodNotServed, LivenessNotServed: at once.
        """
        liveness = self._liveness(liveness_policy)
        snapshot = self._registry.current()
        chosen = snapshot.method(method)
        scorer = self._scorer_of(snapshot, chosen, None, liveness, face_policy=policy)
        return Batch(scorer, self._reader, policy, with_liveness=liveness != "off")

    def _liveness(self, asked: LivenessPolicy | None) -> LivenessPolicy:
        """Return the policy that holds; raises LivenessNotServed where the part that it needs is missing."""
        policy = stricter(asked or "off", self._liveness_policy)
        if policy != "off" and not self._has_liveness:
            raise LivenessNotServed(
                f"liveness_policy={policy} needs the liveness part, which is not installed here. Ask without it, or "
                "have the operator run `ida-verify models pull liveness` and start the service again."
            )
        return policy

    def _scorer(
        self,
        method: str | None,
        operating_point: str | None,
        liveness: LivenessPolicy,
        quality_policy: QualityPolicy | None,
        face_policy: FacePolicy | None,
    ) -> PairScorer:
        snapshot = self._registry.current()
        chosen = snapshot.method(method)
        if operating_point is not None and snapshot.calibrations is not None:
            snapshot.calibrations.require_point(operating_point)
        return self._scorer_of(snapshot, chosen, operating_point, liveness, quality_policy, face_policy)

    def _scorer_of(
        self,
        snapshot: Snapshot,
        method: Method,
        operating_point: str | None,
        liveness: LivenessPolicy,
        quality_policy: QualityPolicy | None = None,
        face_policy: FacePolicy | None = None,
    ) -> PairScorer:
        return PairScorer(
            snapshot,
            method,
            self._default_point if operating_point is None else operating_point,
            is_point_required=operating_point is not None,
            quality_policy=quality_policy or self._default_quality,
            face_policy=face_policy or self._default_policy,
            requires_liveness=liveness == "require",
            pipeline_id=self._pipeline_id,
            agreement=self._agreement,
        )
