"""What a caller kept of a comparison: the answer, and the embeddings that were compared."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.bounded import read_bounded
from models.tool_errors import ReplayImpossible
from service.api.wire.receipt_wire import KeptEmbedding
from service.api.wire.verify_wire import VerifyAnswer
from service.arrays import Floats
from service.documents import Limits, Unreadable, parse_document
from service.errors import InvalidEmbedding
from service.scoring.similarity import normalise, telling_norms
from service.verifier import MOST_PICTURES
from service.verifier.results import ScoredEmbedding

_ANSWER_BYTES = 4 * 1024 * 1024
# Of 17 faces with all that is told of them, and as many embeddings.
_LIMITS = Limits(_ANSWER_BYTES, max_objects=1000, max_arrays=500, max_values=200_000)
_EMBEDDING_BYTES = 1024 * 1024
# A float32 of unit norm misses it by no more.
_UNIT = 1e-5


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer of /verify.

    Attributes:
        document: as it was kept, for its signature.
        answer: the same, read.
    """

    document: Mapping[str, object]
    answer: VerifyAnswer


@dataclass(frozen=True, slots=True, eq=False)
class GivenEmbedding:
    """An embedding that was kept.

    Attributes:
        scored: as it was compared; its norm None where it is not known.
        is_scaled: whether it was kept with unit norm, so that the norm must come from elsewhere.
    """

    scored: ScoredEmbedding
    is_scaled: bool


class _AnswerOfAnyAge(VerifyAnswer):
    """An answer as it was kept: fields that came later may be lacking."""

    llr_interval: tuple[float, float] | None = None


def read_answer(path: Path) -> KeptAnswer:
    """Read an answer.

    Raises:
        ReplayImpossible: if it is none, or one in short, which does not say what was computed.
    """
    content = _read(path, _ANSWER_BYTES)
    try:
        answer = parse_document(_AnswerOfAnyAge, content, _LIMITS)
    except Unreadable as error:
        raise ReplayImpossible(
            f"{path} is no full answer of /verify: {error}. One with detail=basic cannot be replayed, and an answer of "
            "a batch is replayed by the `answer` of one of its items."
        ) from error
    return KeptAnswer(json.loads(content), answer)


def read_embedding(path: Path) -> GivenEmbedding:
    """Read an embedding: an ``.npy`` of its values, of any norm, or the JSON that /embed answered.

    Raises:
        ReplayImpossible: if it is none.
    """
    if path.suffix == ".json":
        try:
            kept = parse_document(KeptEmbedding, _read(path, _EMBEDDING_BYTES), _LIMITS)
        except Unreadable as error:
            raise ReplayImpossible(f"{path} is no answer of /embed: {error}.") from error
        return given(kept)
    try:
        values = np.load(io.BytesIO(_read(path, _EMBEDDING_BYTES)), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ReplayImpossible(f"{path} cannot be read as an .npy file ({error}).") from error
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.ndim not in (1, 2):
        raise ReplayImpossible(f"{path} holds no embedding: an array of floats (d,) is one.")
    if values.ndim == 2 and len(values) != 1:
        raise ReplayImpossible(f"{path} holds {len(values)} embeddings: give a file for each.")
    return _scored(values.reshape(-1), None)


def given(kept: KeptEmbedding) -> GivenEmbedding:
    """Return an embedding of an answer.

    Raises:
        ReplayImpossible: if it is none.
    """
    return _scored(np.array(kept.embedding), kept.norm)


def embeddings_of(answer: VerifyAnswer) -> tuple[GivenEmbedding, tuple[GivenEmbedding | None, ...]] | None:
    """Return the embeddings that an answer itself has; None where it has none."""
    if answer.embeddings is None:
        return None
    listed = answer.embeddings.reference
    references = listed if isinstance(listed, list) else [listed]
    return given(answer.embeddings.probe), tuple(None if one is None else given(one) for one in references)


def in_places(answer: VerifyAnswer, references: Sequence[GivenEmbedding]) -> tuple[GivenEmbedding | None, ...]:
    """Return the embeddings of the reference's pictures at their places, those that could not be read left out.

    Raises:
        ReplayImpossible: if there are more, or fewer, than the answer compared.
    """
    used = [True] if answer.template is None else [one.similarity is not None for one in answer.template.pictures]
    if len(references) != sum(used) or not 0 < len(used) <= MOST_PICTURES:
        raise ReplayImpossible(
            f"The answer compared {sum(used)} pictures of the reference, and {len(references)} embeddings are given: "
            "give --reference once for each, in the order in which they were sent."
        )
    left = iter(references)
    return tuple(next(left) if is_used else None for is_used in used)


def _scored(values: Floats, norm: float | None) -> GivenEmbedding:
    try:
        unit = normalise(values[None])[0].astype(np.float32)
    except InvalidEmbedding as error:
        raise ReplayImpossible(f"An embedding cannot be used: {error.message}") from error
    length = float(np.linalg.norm(values.astype(np.float64)))
    if abs(length - 1) < _UNIT:
        # As it is, to the last digit: scaled again, its last digits might change.
        return GivenEmbedding(ScoredEmbedding(values.astype(np.float32), norm), is_scaled=True)
    told = float(telling_norms(values[None])[0])
    return GivenEmbedding(ScoredEmbedding(unit, told or None), is_scaled=False)


def _read(path: Path, most: int) -> bytes:
    try:
        return read_bounded(path, most)
    except (OSError, ValueError) as error:
        raise ReplayImpossible(f"{path} cannot be read ({getattr(error, 'strerror', None) or error}).") from error
