"""From a face as it was given to its embedding: read it, then embed several in one run of the backbone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from service.arrays import Floats32, ImageArray
from service.choices import FacePolicy
from service.errors import DimensionMismatch
from service.faces.types import AlignedFace
from service.pipeline import FacePipeline
from service.scoring.similarity import normalise, telling_norms
from service.snapshot.snapshot import Snapshot
from service.verifier.clock import Clock
from service.verifier.inputs import Crop, Embedding, FaceInput, Photo


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A face that was read.

    Attributes:
        content: an aligned crop (112, 112, 3) uint8, or an embedding (d,) of any norm.
        aligned: the face of a photograph; None for what was no photograph.
    """

    content: ImageArray | Floats32
    aligned: AlignedFace | None = None


class PhotographWatch(Protocol):
    """Is told of every photograph whose face was embedded; called from several threads."""

    def __call__(self, *, face_pixels: float, detection_score: float, rotated_by: int, unified: float | None) -> None:
        """Take note of one: the box's shorter side, the score, the turn in degrees, the unified quality if known."""
        ...


class FaceReader:
    """Reads and embeds faces. Safe to call from several threads."""

    def __init__(
        self, pipeline: FacePipeline, default_policy: FacePolicy, watch: PhotographWatch | None = None
    ) -> None:
        """Take what reads them.

        Args:
            pipeline: the models.
            default_policy: which of several faces is chosen where nothing else is asked.
            watch: told of every photograph whose face was embedded; None for nobody.
        """
        self._pipeline = pipeline
        self._watch = watch
        self._default_policy = default_policy

    def is_large(self, face: FaceInput) -> bool:
        """Return whether a face is a photograph that may take the better part of a second to decode."""
        return isinstance(face, Photo) and self._pipeline.is_large(face.data)

    def read(self, face: FaceInput, policy: FacePolicy | None, clock: Clock, *, with_liveness: bool = False) -> Side:
        """Return a face as an aligned crop or an embedding.

        Args:
            face: as it was given.
            policy: which of several faces is chosen, the service's default where None.
            clock: times the stages.
            with_liveness: whether it is asked of a photograph if its face is a live one.

        Raises:
            InputError: one of its kinds.
            InferenceFailed: if a network fails.
        """
        if isinstance(face, Photo):
            aligned = self._pipeline.extract(
                face.data, policy or self._default_policy, clock, with_liveness=with_liveness
            )
            return Side(aligned.crop, aligned)
        if isinstance(face, Crop):
            return Side(self._pipeline.read_crop(face.data, clock))
        return Side(self._values(face))

    def embed(self, sides: Sequence[Side], clock: Clock) -> tuple[Floats32, Floats32]:
        """Return the sides' unit embeddings (n, d) and the norms they had (n,), 0 where one tells nothing.

        The crops among them share one run of the backbone.

        Raises:
            InferenceFailed: if it fails.
        """
        embeddings = np.zeros((len(sides), self._pipeline.dimension))
        crop_rows = [row for row, side in enumerate(sides) if side.content.ndim == 3]
        for row, side in enumerate(sides):
            if side.content.ndim == 1:
                embeddings[row] = side.content
        if crop_rows:
            with clock("embed"):
                embeddings[crop_rows] = self._pipeline.represent(np.stack([sides[row].content for row in crop_rows]))
        return np.asarray(normalise(embeddings), dtype=np.float32), telling_norms(embeddings)

    def shows_no_face(self, side: Side, norm: float) -> bool:
        """Return whether an embedded picture's length is one that no face has."""
        return side.content.ndim == 3 and self._pipeline.shows_no_face(norm)

    def tell(self, side: Side, norm: float, snapshot: Snapshot) -> None:
        """Tell the watch of an embedded face, if it is a photograph's.

        Args:
            side: the face.
            norm: the length that its embedding had; 0 where it tells nothing.
            snapshot: what knows how long those of its calibration's people are.
        """
        if self._watch is None or side.aligned is None:
            return
        face = side.aligned.face
        self._watch(
            face_pixels=min(face.box.width, face.box.height),
            detection_score=face.score,
            rotated_by=side.aligned.rotated_by,
            unified=snapshot.unified_quality(norm or None, "photo", self._pipeline.pipeline_id),
        )

    def _values(self, embedding: Embedding) -> Floats32:
        values = np.asarray(embedding.values)
        if values.shape != (self._pipeline.dimension,):
            raise DimensionMismatch(
                f"The embedding has {values.size} values, the backbone's have {self._pipeline.dimension}. "
                "Send an embedding made by the model that /info names."
            )
        normalise(values[None])
        return values
