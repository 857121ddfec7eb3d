"""Many pairs with one snapshot: each face is read and embedded once, and what one pair lacks fails that pair alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import InputError, UnknownOperatingPoint
from service.settings import FacePolicy
from service.telemetry import Metrics
from service.verifier.clock import Clock
from service.verifier.inputs import FaceInput, form_of
from service.verifier.pair_scoring import EmbeddedFaces, PairScorer
from service.verifier.reading import FaceReader, Side
from service.verifier.results import EmbeddedFace, Verification

Pair = tuple[FaceInput, FaceInput]
ReadFaces = dict[FaceInput, Side | InputError]
"""What became of each face."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch of pairs.

    Attributes:
        items: for each pair its verification, or why there is none, marked with the side it is about.
        timings_ms: milliseconds by stage, all pairs together; threads that worked side by side are added up.
    """

    items: list[Verification | InputError]
    timings_ms: dict[str, float]


class Batch:
    """A batch of faces, scored with one snapshot whatever is swapped meanwhile. Safe to call from several threads."""

    def __init__(self, scorer: PairScorer, reader: FaceReader, policy: FacePolicy | None, metrics: Metrics) -> None:
        """Take how it is scored.

        Args:
            scorer: scores pairs.
            reader: reads and embeds faces.
            policy: which of several faces is chosen, the service's default where None.
            metrics: where the stages' times go.
        """
        self.snapshot = scorer.snapshot
        self._scorer = scorer
        self._reader = reader
        self._policy = policy
        self._metrics = metrics
        self.clock = Clock()

    def read(self, faces: Sequence[FaceInput]) -> ReadFaces:
        """Read faces; what cannot be read is an error in its place.

        Raises:
            InferenceFailed: if a network fails.
        """
        found: ReadFaces = {}
        for face in faces:
            try:
                found[face] = self._reader.read(face, self._policy, self.clock)
            except InputError as error:
                found[face] = error
        return found

    def verify(self, pairs: Sequence[Pair], read: ReadFaces) -> BatchResult:
        """Score pairs of faces that were read.

        Raises:
            InferenceFailed, SearchFailed, TooFewAnchors: as ``PairScorer.score`` says.
        """
        rows, faces = self._embedded(read)
        items: list[Verification | InputError] = []
        scored: list[tuple[int, int]] = []
        places: list[int] = []
        for pair in pairs:
            failure = self._failure(pair, read)
            if failure is None:
                places.append(len(items))
                scored.append((rows[pair[0]], rows[pair[1]]))
                items.append(InputError(""))  # until it is scored, below
            else:
                items.append(failure)
        if scored:
            for place, verification in zip(places, self._scorer.score(faces, scored, self.clock), strict=True):
                items[place] = verification
        return BatchResult(items, self.clock.stop(self._metrics))

    def embed(self, faces: Sequence[FaceInput], read: ReadFaces) -> list[EmbeddedFace | InputError]:
        """Return each face's embedding and density, or why there is none.

        Raises:
            InferenceFailed, SearchFailed, TooFewAnchors: as ``Snapshot.terms`` says.
        """
        rows, found = self._embedded(read)
        densities = self._scorer.densities(found, self.clock) if rows else []
        timings_ms = self.clock.stop(self._metrics)

        def embedded(face: FaceInput) -> EmbeddedFace | InputError:
            side = read[face]
            if isinstance(side, InputError):
                return side
            row = rows[face]
            return EmbeddedFace(
                embedding=found.embeddings[row],
                norm=float(found.norms[row]) or None,
                method=self._scorer.method.name,
                density=densities[row],
                face=side.aligned,
                snapshot=self.snapshot,
                timings_ms=timings_ms,
            )

        return [embedded(face) for face in faces]

    def _embedded(self, read: ReadFaces) -> tuple[dict[FaceInput, int], EmbeddedFaces]:
        sides = {face: side for face, side in read.items() if isinstance(side, Side)}
        embeddings, norms = self._reader.embed(list(sides.values()), self.clock)
        forms = [form_of(face) for face in sides]
        aligned = [side.aligned for side in sides.values()]
        rows = {face: row for row, face in enumerate(sides)}
        return rows, EmbeddedFaces(embeddings, norms, forms, aligned)

    def _failure(self, pair: Pair, read: ReadFaces) -> InputError | None:
        for name, face in zip(("probe", "reference"), pair, strict=True):
            side = read[face]
            if isinstance(side, InputError):
                # A copy: the same face may be another pair's other side.
                return type(side)(side.message).about(name)
        try:
            self._scorer.require_point((form_of(pair[0]), form_of(pair[1])))
        except UnknownOperatingPoint as error:
            return error
        return None
