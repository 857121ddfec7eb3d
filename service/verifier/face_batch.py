"""Pairs and faces with one snapshot: each face is read and embedded once, and what one pair lacks fails that alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.choices import FacePolicy
from service.errors import InputError, UnknownOperatingPoint
from service.faces.select import no_face
from service.verifier.clock import Clock
from service.verifier.inputs import (
    Crop,
    Embedding,
    FaceInput,
    Photo,
    Reference,
    Template,
    form_of,
    pictures_of,
)
from service.verifier.pair_scoring import EmbeddedFaces, PairScorer
from service.verifier.pooling import PooledFaces, pool_templates
from service.verifier.reading import FaceReader, Side
from service.verifier.results import EmbeddedFace, Verification

Pair = tuple[FaceInput, Reference]

# Faces of one part, by what they are. A photograph takes half as long as a single request, and is as fast alone: on a
# CPU a crop costs the same in a run of its own.
_PART: Mapping[type[FaceInput], int] = {Photo: 1, Crop: 4, Embedding: 32}


@dataclass(frozen=True, slots=True, eq=False)
class OpenedFaces:
    """Faces that were found and not yet embedded.

    Attributes:
        sides: each of them.
        failures: why the others could not be found.
    """

    sides: dict[FaceInput, Side]
    failures: dict[FaceInput, InputError]


@dataclass(frozen=True, slots=True, eq=False)
class ReadFaces:
    """What became of faces that were read.

    Attributes:
        faces: those that could be, embedded, their terms found; None where none could.
        rows: the row of each of them.
        failures: why each of the others could not.
    """

    faces: EmbeddedFaces | None
    rows: dict[FaceInput, int]
    failures: dict[FaceInput, InputError]

    @classmethod
    def joined(cls, parts: Sequence["ReadFaces"]) -> "ReadFaces":
        """Return what became of the faces of several parts, none of which is in two."""
        rows: dict[FaceInput, int] = {}
        failures: dict[FaceInput, InputError] = {}
        for part in parts:
            rows |= {face: len(rows) + row for face, row in part.rows.items()}
            failures |= part.failures
        found = [part.faces for part in parts if part.faces is not None]
        return cls(EmbeddedFaces.concatenated(found) if found else None, rows, failures)


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

    def __init__(
        self, scorer: PairScorer, reader: FaceReader, policy: FacePolicy | None, *, with_liveness: bool = False
    ) -> None:
        """Take how it is scored.

        Args:
            scorer: scores pairs.
            reader: reads and embeds faces.
            policy: which of several faces is chosen, the service's default where None.
            with_liveness: whether it is asked of each photograph if its face is a live one.
        """
        self.snapshot = scorer.snapshot
        self._scorer = scorer
        self._reader = reader
        self._policy = policy
        self._with_liveness = with_liveness
        self.clock = Clock()

    def require_point(self, probe: FaceInput, reference: FaceInput) -> None:
        """Refuse an operating point that the calibration of such a pair does not have, before anything is read.

        Args:
            probe: one face.
            reference: the other; what one of several pictures is compared as is known once they are read.

        Raises:
            UnknownOperatingPoint: if it has none of that name.
        """
        self._scorer.require_point((form_of(probe), form_of(reference)))

    def read(self, faces: Sequence[FaceInput], *, stop_at_failure: bool = False) -> ReadFaces:
        """Read and embed faces, each once, and find their terms; what cannot be read is told in its place.

        Args:
            faces: a batch's, or a part of them (see ``in_parts``).
            stop_at_failure: whether the rest is left alone once one could not be read.

        Raises:
            InferenceFailed, SearchFailed, TooFewAnchors: as ``Snapshot.terms`` says.
        """
        opened = self.open(faces, stop_at_failure=stop_at_failure)
        if stop_at_failure and opened.failures:
            return ReadFaces(None, {}, opened.failures)
        return self.embed_opened(opened, stop_at_failure=stop_at_failure)

    def open(self, faces: Sequence[FaceInput], *, stop_at_failure: bool = False) -> OpenedFaces:
        """Find the faces of pictures, each once, and embed none: the first half of ``read``.

        Raises:
            InferenceFailed: if a network fails.
        """
        opened = OpenedFaces({}, {})
        for face in dict.fromkeys(faces):
            try:
                opened.sides[face] = self._reader.read(
                    face, self._policy, self.clock, with_liveness=self._with_liveness
                )
            except InputError as error:
                opened.failures[face] = _bare(error)
                if stop_at_failure:
                    break
        return opened

    def embed_opened(self, opened: OpenedFaces, *, stop_at_failure: bool = False) -> ReadFaces:
        """Embed faces that were found, and find their terms: the second half of ``read``, which raises as that does."""
        sides, failures = dict(opened.sides), dict(opened.failures)
        if not sides:
            return ReadFaces(None, {}, failures)
        embeddings, norms = self._reader.embed(list(sides.values()), self.clock)
        shown: list[int] = []
        for row, (face, side) in enumerate(opened.sides.items()):
            norm = float(norms[row])
            if self._reader.shows_no_face(side, norm):
                failures[face] = no_face()
                del sides[face]
            else:
                shown.append(row)
                self._reader.tell(side, norm, self.snapshot)
        if not shown or (stop_at_failure and len(shown) < len(norms)):
            return ReadFaces(None, {}, failures)
        if len(shown) < len(norms):
            embeddings, norms = embeddings[shown], norms[shown]
        found = EmbeddedFaces(
            embeddings,
            norms,
            [form_of(face) for face in sides],
            [side.aligned for side in sides.values()],
            self._scorer.terms(embeddings, norms, self.clock),
        )
        return ReadFaces(found, {face: row for row, face in enumerate(sides)}, failures)

    def verify(self, pairs: Sequence[Pair], read: ReadFaces) -> BatchResult:
        """Score pairs of faces that were read; what several pictures of a reference stand for is found first."""
        pooled = self._pooled(pairs, read)
        faces = pooled.faces
        failures = [self._failure(pair, read, pooled) for pair in pairs]
        rows = [
            (read.rows[probe], pooled.row(reference))
            for (probe, reference), failure in zip(pairs, failures, strict=True)
            if failure is None
        ]
        scored = iter(
            () if faces is None or not rows else self._scorer.score(faces, rows, self.clock, pooled.templates)
        )
        items = [next(scored) if failure is None else failure for failure in failures]
        return BatchResult(items, self.clock.stop())

    def embed(self, faces: Sequence[FaceInput], read: ReadFaces) -> list[EmbeddedFace | InputError]:
        """Return each face's embedding and density, or why there is none."""
        found = read.faces
        densities = [] if found is None else self._scorer.densities(found)
        self.clock.stop()

        def embedded(face: FaceInput) -> EmbeddedFace | InputError:
            if found is None or face not in read.rows:
                return read.failures[face]
            row = read.rows[face]
            return EmbeddedFace(
                embedding=found.embeddings[row],
                norm=float(found.norms[row]) or None,
                density_method=self._scorer.density_method,
                density=densities[row],
                face=found.aligned[row],
                snapshot=self.snapshot,
                timings_ms={},
            )

        return [embedded(face) for face in faces]

    def _pooled(self, pairs: Sequence[Pair], read: ReadFaces) -> PooledFaces:
        wanted = dict.fromkeys(reference for _, reference in pairs if isinstance(reference, Template))
        if not wanted:
            return PooledFaces(read.faces, read.rows)
        return pool_templates(list(wanted), read.faces, read.rows, read.failures, self._scorer, self.clock)

    def _failure(self, pair: Pair, read: ReadFaces, pooled: PooledFaces) -> InputError | None:
        probe, reference = pair
        for name, face in (("probe", probe), ("reference", reference)):
            if face in read.failures:
                failure = read.failures[face]
                # A copy: the same face may be another pair's other side.
                return type(failure)(failure.message).about(name)
        if isinstance(reference, Template):
            return pooled.failures.get(reference)
        try:
            self._scorer.require_point((form_of(probe), form_of(reference)))
        except UnknownOperatingPoint as error:
            return error
        return None


def _bare(error: InputError) -> InputError:
    """Return an error without where it was raised: those calls hold a decoded picture, for as long as it is kept."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def faces_of(pair: Pair) -> tuple[FaceInput, ...]:
    """Return all faces of a pair."""
    return (pair[0], *pictures_of(pair[1]))


def in_parts(faces: Sequence[FaceInput]) -> list[list[FaceInput]]:
    """Return faces, each once, in parts that can be read side by side, none of which keeps others waiting for long."""
    parts: list[list[FaceInput]] = []
    for kind, most in _PART.items():
        alike = [face for face in dict.fromkeys(faces) if isinstance(face, kind)]
        parts += [alike[start : start + most] for start in range(0, len(alike), most)]
    return parts
