"""Pairs of embeddings as bytes: the body of ``POST /verify/batch`` that holds nothing else, and the answer in columns.

The body is float32, little-endian, row by row: the first pair's probe, its reference, the second's probe, and so on.
Its length tells how many pairs there are before any of it is looked at, and there is no structure that could be deep.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import numpy as np
from starlette.datastructures import QueryParams

from service.api.answering.shared import identity, rounded, told
from service.api.audit import Digests
from service.api.body import RawBody, shortened
from service.api.pair_log import log_pair
from service.api.places import Place
from service.api.problems import STATUS, InvalidRequest, UnknownField, problem_of
from service.api.state import State
from service.api.wire.batch_wire import PairProblem, PairReasons, VerifyColumnsAnswer
from service.api.wire.verify_wire import DoubtAnswer
from service.arrays import Floats32, Floats64, Ints
from service.choices import QualityPolicy
from service.errors import DimensionMismatch, InputError, InvalidEmbedding
from service.telemetry import tell
from service.verifier import Embedding
from service.verifier.pair_columns import EmbeddingBatch, PairColumns, usable
from service.verifier.pair_scoring import EmbeddedFaces

# Of faces searched at a time: some tens of milliseconds, after which another request may have its turn.
_PART = 256
_FIELDS = ("dimension", "method", "operating_point", "quality_policy")
_LONGEST_OPTION = 64


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Pairs as they were sent.

    Attributes:
        method: as in a JSON document, and the two below.
        pairs: (n, 2), rows of ``faces``; those of pairs that cannot be compared are left out.
        rows: (n,), which of the pairs that were sent each is.
        faces: (m, d) float32, each once.
        failures: why a pair cannot be compared, by its row.
        count: how many pairs were sent.
    """

    method: str | None
    operating_point: str | None
    quality_policy: QualityPolicy | None
    pairs: Ints
    rows: Ints
    faces: Floats32
    failures: dict[int, InputError]
    count: int


async def verify_octets(body: RawBody, options: QueryParams, place: Place, state: State) -> VerifyColumnsAnswer:
    """Answer a body of pairs of embeddings.

    Raises:
        InvalidRequest, UnknownField, DimensionMismatch: if it is none, or an option cannot be taken.
        UnknownMethod, MethodNotServed, UnknownOperatingPoint: as for a batch in JSON.
        AuditUnavailable: if the audit log cannot be written.
    """
    dimension, most = state.pipeline.dimension, state.settings.max_embedding_pairs
    asked = await place.run(partial(_parsed, body.content, options, dimension, most))
    batch = state.verifier.batch_of_embeddings(
        method=asked.method, operating_point=asked.operating_point, quality_policy=asked.quality_policy
    )
    parts = [asked.faces[start : start + _PART] for start in range(0, len(asked.faces), _PART)]
    read = await place.run_all([partial(_read, batch, part) for part in parts])
    is_told_apart = state.auditor.writes or state.settings.log_pairs

    def work() -> tuple[PairColumns | None, list[Digests]]:
        if not read:
            return None, []
        found = batch.verify(EmbeddedFaces.concatenated(read), asked.pairs, with_verifications=is_told_apart)
        return found, _digests(asked, found, state) if state.auditor.writes else []

    columns, digests = await place.run(work)
    if columns is not None and state.auditor.writes:
        await state.auditor.pairs(zip(columns.verifications, digests, strict=True))
    if columns is not None and state.settings.log_pairs:
        for one in columns.verifications:
            log_pair(one)
    timings = batch.clock.stop()
    state.metrics.observe_stages(timings)
    failures = dict(asked.failures)
    if columns is not None:
        _observe(batch, columns, state)
        failures |= {int(asked.rows[row]): failure for row, failure in columns.refused.items()}
    for failure in failures.values():
        state.metrics.item_failures.labels(failure.code).inc()
    return await place.run(partial(_answer, asked, batch, columns, failures, told(timings), state))


def _parsed(content: bytes, options: QueryParams, dimension: int, most: int) -> _Asked:
    chosen = _options(options)
    stated = chosen["dimension"]
    if stated is None or not stated.isascii() or not stated.isdigit():
        raise InvalidRequest(
            f"dimension must be given in the query, as a whole number: /verify/batch?dimension={dimension}."
        )
    if int(stated) != dimension:
        raise DimensionMismatch(
            f"The embeddings are said to have {int(stated)} values, the backbone's have {dimension}. Send embeddings "
            "made by the model that /info names."
        )
    count, rest = divmod(len(content), 8 * dimension)
    if rest or not count:
        raise InvalidRequest(
            f"The body has {len(content)} bytes, and a pair has {8 * dimension}: two embeddings of {dimension} float32 "
            "each. Send one pair or more."
        )
    if count > most:
        raise InvalidRequest(
            f"The body has {count} pairs, the limit is {most}. Send several, or raise IDA_MAX_EMBEDDING_PAIRS."
        )
    size = 4 * dimension
    numbers: dict[bytes, int] = {}
    places = [numbers.setdefault(content[at : at + size], len(numbers)) for at in range(0, len(content), size)]
    faces = np.frombuffer(b"".join(numbers), "<f4").reshape(-1, dimension).astype(np.float32, copy=False)
    pairs = np.array(places, np.int64).reshape(count, 2)
    is_usable = usable(faces)
    failures: dict[int, InputError] = {}
    if not is_usable.all():
        for row, side in np.argwhere(~is_usable[pairs])[::-1].tolist():  # of two the probe is named
            failures[row] = InvalidEmbedding(
                "An embedding must have finite values only, which are not all zero."
            ).about(("probe", "reference")[side])
    rows = np.flatnonzero(is_usable[pairs].all(axis=1))
    kept, inverse = np.unique(pairs[rows], return_inverse=True)
    return _Asked(
        method=chosen["method"],
        operating_point=chosen["operating_point"],
        quality_policy=_quality_policy(chosen["quality_policy"]),
        pairs=inverse.reshape(-1, 2).astype(np.int64),
        rows=rows,
        faces=faces[kept],
        failures=failures,
        count=count,
    )


def _options(options: QueryParams) -> dict[str, str | None]:
    found: dict[str, str | None] = dict.fromkeys(_FIELDS)
    for name, value in options.multi_items():
        if name not in found:
            raise UnknownField(f"The option {shortened(name)!r} is not known. The query takes {', '.join(_FIELDS)}.")
        if found[name] is not None:
            raise InvalidRequest(f"The query names {name!r} twice.")
        if len(value) > _LONGEST_OPTION:
            raise InvalidRequest(f"The option {name!r} has {len(value)} characters, the limit is {_LONGEST_OPTION}.")
        found[name] = value
    return found


def _quality_policy(value: str | None) -> Any:
    if value is not None and value not in get_args(QualityPolicy):
        raise InvalidRequest(f"quality_policy must be one of {', '.join(get_args(QualityPolicy))}.")
    return value


def _read(batch: EmbeddingBatch, part: Floats32, may_be_large: bool) -> EmbeddedFaces:  # noqa: ARG001 - none is large
    return batch.read(part)


def _digests(asked: _Asked, columns: PairColumns, state: State) -> list[Digests]:
    faces = [Embedding(tuple(face)) for face in asked.faces.tolist()]
    return state.auditor.digests([[faces[face] for face in pair] for pair in asked.pairs[columns.rows].tolist()])


def _observe(batch: EmbeddingBatch, columns: PairColumns, state: State) -> None:
    scorer, metrics = batch.scorer, state.metrics
    snapshot, method = batch.snapshot, scorer.method.name
    tell(scoring_method=method, anchor_set_id=snapshot.bundle_id, generation=snapshot.generation)
    norms = columns.norms[columns.norms > 0]
    metrics.observe_pairs(method, columns.similarity, columns.score)
    metrics.observe_faces(scorer.density_method, columns.crowding, norms)
    reasons = (
        columns.doubts[place][0].code if decision == "inconclusive" else (columns.undecided or "")
        for place, decision in enumerate(columns.decisions)
    )
    for (decision, reason), count in Counter(zip(columns.decisions, reasons, strict=True)).items():
        point = (scorer.operating_point or "") if decision else ""
        metrics.count_decision(point, method, decision or "none", reason, count)


def _answer(
    asked: _Asked,
    batch: EmbeddingBatch,
    columns: PairColumns | None,
    failures: dict[int, InputError],
    timings_ms: dict[str, float],
    state: State,
) -> VerifyColumnsAnswer:
    scorer = batch.scorer
    rows = np.empty(0, np.int64) if columns is None else asked.rows[columns.rows]
    places = rows.tolist()

    def spread(found: Sequence[Any]) -> list[Any]:
        column: list[Any] = [None] * asked.count
        for row, value in zip(places, found, strict=True):
            column[row] = value
        return column

    def numbers(values: Floats64, digits: int = 7) -> list[float | None]:
        return spread([None if value != value else rounded(value, digits) for value in values.tolist()])  # noqa: PLR0124

    nothing = np.empty(0)
    return VerifyColumnsAnswer(
        decision=spread([] if columns is None else columns.decisions),
        score=numbers(nothing if columns is None else columns.score),
        similarity=numbers(nothing if columns is None else columns.similarity),
        threshold=numbers(nothing if columns is None else columns.threshold),
        fmr_at_score=numbers(nothing if columns is None else columns.fmr, 3),
        evidence=numbers(nothing if columns is None else columns.evidence.round(2)),
        method=scorer.method.name,
        operating_point=scorer.operating_point,
        no_decision_reason=None if columns is None else columns.reason,
        reasons=[
            PairReasons(pair=places[place], reasons=[DoubtAnswer.model_validate(doubt) for doubt in doubts])
            for place, doubts in ({} if columns is None else columns.doubts).items()
        ],
        problems=[
            PairProblem(pair=row, status=STATUS[type(failure)], problem=problem_of(failure))
            for row, failure in sorted(failures.items())
        ],
        timings_ms=timings_ms,
        **identity(batch.snapshot, state.pipeline),
    )
