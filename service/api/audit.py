"""The audit log: of each pair that was scored and each face that was embedded, a line, before the answer goes out."""

import asyncio
import hmac
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from service.api.problems import AuditUnavailable
from service.errors import SettingsInvalid
from service.faces.types import AlignedFace
from service.pipeline import FacePipeline
from service.settings import Settings
from service.snapshot.snapshot import Snapshot
from service.telemetry import Metrics, caller, request_id
from service.telemetry.audit_sink import AuditSink, open_audit_sink
from service.verifier import EmbeddedFace, Embedding, FaceInput, Verification

logger = logging.getLogger(__name__)

Digests = tuple[str | None, ...]
"""Of a pair's probe and then each picture of its reference, or of one face; None for each where none is asked for."""

# A disk answers in less, or not at all.
_LONGEST_WRITE_SECONDS = 5.0
_LEAST_KEY_BYTES = 32
_KEY_FILE_BYTES_LIMIT = 4096


class Auditor:
    """Writes the audit log, or nothing where none is asked for. Its coroutines are awaited in the event loop's thread.

    A line is written and handed to the system before the answer that it tells of is sent; where that fails, so does the
    request. There may be a line whose answer nobody got, and never an answer without its line.
    """

    def __init__(
        self, sink: AuditSink | None, digest_key: bytes | None, pipeline: FacePipeline, metrics: Metrics
    ) -> None:
        """Take where it goes.

        Args:
            sink: takes the lines; None for no audit log.
            digest_key: key of the inputs' digests; None for no digests.
            pipeline: by which faces are embedded.
            metrics: where lines are counted.
        """
        self._sink = sink
        self._digest_key = None if sink is None else digest_key
        self._pipeline = pipeline
        self._records = metrics.audit_records
        self._thread = None if sink is None else ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._is_failing = False

    @property
    def writes(self) -> bool:
        """Whether there is an audit log."""
        return self._sink is not None

    def digests(self, groups: Iterable[Sequence[FaceInput]]) -> list[Digests]:
        """Return the digests of pairs, or of single faces: HMAC-SHA256 of a file's bytes, or an embedding's float32s.

        Called in a worker's thread. A face that recurs is gone through once.
        """
        found: dict[FaceInput, str] = {}
        key = self._digest_key
        if key is None:
            return [(None,) * len(group) for group in groups]
        told: list[Digests] = []
        for group in groups:
            for face in group:
                if face not in found:
                    found[face] = hmac.digest(key, _content(face), "sha256").hex()
            told.append(tuple(found[face] for face in group))
        return told

    async def pairs(self, scored: Iterable[tuple[Verification, Digests]]) -> None:
        """Write a line for each of some pairs.

        Raises:
            AuditUnavailable: if they were not all written.
        """
        if self._sink is not None:
            await self._write([self._pair(result, digests) for result, digests in scored])

    async def faces(self, embedded: Iterable[tuple[EmbeddedFace, Digests]]) -> None:
        """Write a line for each of some embedded faces.

        Raises:
            AuditUnavailable: if they were not all written.
        """
        if self._sink is not None:
            await self._write([self._face(result, digests) for result, digests in embedded])

    def close(self) -> None:
        """Write what waits, and no more."""
        if self._thread is not None and self._sink is not None:
            self._thread.shutdown()
            self._sink.close()

    def _pair(self, result: Verification, digests: Digests) -> dict[str, Any]:
        judged = result.judgement
        return {
            "event": "verify",
            "decision": judged.decision,
            "undecided": judged.undecided,
            "reasons": [{"image": doubt.image, "code": doubt.code} for doubt in judged.doubts],
            "operating_point": result.operating_point,
            "threshold": judged.threshold,
            "method": result.method,
            "score": result.score,
            "similarity": result.similarity,
            "fmr_at_score": judged.fmr and judged.fmr.fmr,
            "evidence": judged.fmr and judged.fmr.evidence,
            **self._served(result.snapshot),
            "inputs": self._inputs(result, digests),
        }

    def _inputs(self, result: Verification, digests: Digests) -> dict[str, Any]:
        (probe, reference), (norm, norm_of_reference) = result.faces, result.norms
        of_probe = self._input(probe, norm, result.snapshot, digests[0])
        if result.template is None:
            of_reference = self._input(reference, norm_of_reference, result.snapshot, digests[1])
            return {"probe": of_probe, "reference": of_reference}
        pictures = [
            {
                **self._input(picture.face, picture.norm, result.snapshot, digest),
                "weight": picture.weight,
                **({} if picture.failure is None else {"code": picture.failure.code}),
            }
            for picture, digest in zip(result.template.pictures, digests[1:], strict=True)
        ]
        return {"probe": of_probe, "reference": {"pictures": pictures}}

    def _face(self, result: EmbeddedFace, digests: Digests) -> dict[str, Any]:
        found = self._input(result.face, result.norm, result.snapshot, digests[0])
        return {"event": "embed", **self._served(result.snapshot), "inputs": {"image": found}}

    def _served(self, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "anchor_set_id": snapshot.bundle_id,
            "generation": snapshot.generation,
            "backbone_id": self._pipeline.backbone_id,
            "pipeline_id": self._pipeline.pipeline_id,
        }

    def _input(
        self, face: AlignedFace | None, norm: float | None, snapshot: Snapshot, digest: str | None
    ) -> dict[str, Any]:
        told: dict[str, Any] = {"quality": snapshot.unified_quality(norm, "photo", self._pipeline.pipeline_id)}
        if face is not None and face.liveness is not None:
            told["liveness"] = face.liveness.verdict
        if digest is not None:
            told["digest"] = digest
        return told

    async def _write(self, records: Sequence[Mapping[str, Any]]) -> None:
        if self._sink is None or not records:
            return
        head = {"time": datetime.now(UTC).isoformat(), "request_id": request_id.get(), "key": caller.get()}
        lines = "".join(json.dumps({**head, **record}) + "\n" for record in records).encode()
        call = asyncio.get_running_loop().run_in_executor(self._thread, partial(self._sink.write, lines))
        try:
            await asyncio.wait_for(call, _LONGEST_WRITE_SECONDS)
        except OSError as error:  # TimeoutError among them
            self._records.labels("failed").inc(len(records))
            if not self._is_failing:
                logger.error(
                    "the audit log cannot be written, and nothing is answered: %s", error or "it takes too long"
                )
            self._is_failing = True
            raise AuditUnavailable(
                "The service cannot write its audit log, and answers nothing that would not stand in it. Tell its "
                "operator."
            ) from error
        if self._is_failing:
            logger.info("the audit log can be written again")
            self._is_failing = False
        self._records.labels("written").inc(len(records))


@dataclass(frozen=True, slots=True)
class AuditSetup:
    """What the settings ask of the audit log: where it goes, and the key of digests."""

    sink: AuditSink | None = None
    digest_key: bytes | None = None


def open_audit(settings: Settings) -> AuditSetup:
    """Return what the settings ask for, the file open.

    Raises:
        SettingsInvalid: if the file cannot be written, or the key of digests cannot be used.
    """
    key = None if settings.audit_digest_key_file is None else _read_digest_key(settings.audit_digest_key_file)
    if not settings.audit_log:
        return AuditSetup()
    return AuditSetup(open_audit_sink(settings.audit_log, settings.audit_log_bytes, settings.audit_log_files), key)


def _read_digest_key(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(_KEY_FILE_BYTES_LIMIT + 1)
    except OSError as error:
        raise SettingsInvalid(f"IDA_AUDIT_DIGEST_KEY_FILE: {file} cannot be read ({error.strerror}).") from error
    key = content.strip()
    if len(key) < _LEAST_KEY_BYTES or len(content) > _KEY_FILE_BYTES_LIMIT:
        raise SettingsInvalid(
            f"IDA_AUDIT_DIGEST_KEY_FILE: {file} must have {_LEAST_KEY_BYTES} to {_KEY_FILE_BYTES_LIMIT} bytes: "
            "`openssl rand -hex 32` makes them."
        )
    return key


def _content(face: FaceInput) -> bytes:
    return np.asarray(face.values, "<f4").tobytes() if isinstance(face, Embedding) else face.data
