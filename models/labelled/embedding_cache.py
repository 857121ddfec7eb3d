"""Embeddings of former runs, so that the same pictures are embedded once for each pack."""

import hashlib
import sqlite3
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np

from models.labelled.cache_files import CACHE_FILE, adopt_former, cache_folder
from models.tool_errors import CacheUnusable
from service.arrays import Floats32
from service.choices import FacePolicy
from service.pipeline import FacePipeline
from service.scoring.population import PICTURE_MEASURES
from service.settings import Settings

DEFAULT_LIMIT_BYTES = 2 * 1024**3
# What a row of the cache holds: changed with it, so that rows of another form are not found.
_FORM = "as the backbone gives it"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS embeddings (
  source BLOB NOT NULL, maker BLOB NOT NULL, rejected TEXT NOT NULL, vector BLOB NOT NULL, crc INTEGER NOT NULL,
  used INTEGER NOT NULL, PRIMARY KEY (source, maker));
CREATE INDEX IF NOT EXISTS by_use ON embeddings (used);
"""
# Bounded number of variables in one query.
_CHUNK = 500
# What a row weighs besides its vector: keys, checksum, time and SQLite's own bytes.
_ROW_OVERHEAD = 192


@dataclass(frozen=True, slots=True, eq=False)
class CachedFace:
    """What a picture gave.

    Attributes:
        embedding: (d,) float32, as the backbone gave it; empty where it was rejected.
        rejected: why there is no embedding, an error's code; "" where there is one.
        measures: what was measured of the picture, by the name of the measure.
    """

    embedding: Floats32
    rejected: str = ""
    measures: Mapping[str, float] = field(default_factory=dict)


class EmbeddingCache:
    """Embeddings by the digest of a picture's file and what embedded it. One thread, one process at a time writes.

    It holds no pictures and no names, and nobody but its owner may read it: folder 0700, file 0600. An entry whose
    checksum does not hold is as if absent, and a file that is no database is made anew: the cache may be deleted.
    """

    def __init__(self, folder: Path, maker: bytes, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        """Open the cache, or make it.

        Args:
            folder: where its file lies.
            maker: digest of everything that decides what a picture's embedding is.
            limit_bytes: beyond this size the entries that were longest unused are dropped.

        Raises:
            CacheUnusable: if the folder cannot be written.
        """
        self._path = folder / CACHE_FILE
        self._maker = maker
        self._limit_bytes = limit_bytes
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            self._connection = self._open()
        except (OSError, sqlite3.OperationalError) as error:
            raise self._unusable(error) from error

    def __enter__(self) -> "EmbeddingCache":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def find(self, sources: Sequence[bytes]) -> dict[bytes, CachedFace]:
        """Return what is known of pictures.

        Args:
            sources: digests of their files.

        Returns:
            By digest; what is not known, or was damaged, is absent.

        Raises:
            CacheUnusable: if the file cannot be read or written.
        """
        found: dict[bytes, CachedFace] = {}
        with self._changing():
            for start in range(0, len(sources), _CHUNK):
                found.update(self._find_chunk(sources[start : start + _CHUNK]))
        return found

    def _find_chunk(self, sources: Sequence[bytes]) -> Iterator[tuple[bytes, CachedFace]]:
        where = f"maker = ? AND source IN ({','.join('?' * len(sources))})"
        rows = self._connection.execute(
            f"SELECT source, rejected, vector, crc FROM embeddings WHERE {where}",  # noqa: S608 - only question marks
            (self._maker, *sources),
        ).fetchall()
        self._connection.execute(
            f"UPDATE embeddings SET used = ? WHERE {where}",  # noqa: S608 - only question marks
            (int(time.time()), self._maker, *sources),
        )
        for source, rejected, vector, crc in rows:
            if zlib.crc32(rejected.encode() + vector) == crc:
                yield source, _face_of(np.frombuffer(vector, "<f4").astype(np.float32), rejected)

    def keep(self, faces: Mapping[bytes, CachedFace]) -> None:
        """Keep what pictures gave, by the digest of their files.

        Raises:
            CacheUnusable: if the file cannot be written.
        """
        now = int(time.time())
        rows = []
        for source, face in faces.items():
            vector = _values_of(face).astype("<f4").tobytes()
            rows.append((source, self._maker, face.rejected, vector, zlib.crc32(face.rejected.encode() + vector), now))
        with self._changing():
            self._connection.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        count, used = self._connection.execute(
            "SELECT count(*), coalesce(sum(length(vector)), 0) FROM embeddings"
        ).fetchone()
        total = used + _ROW_OVERHEAD * count
        if total <= self._limit_bytes:
            return
        # A tenth more than needed, so that not every later batch has to.
        share = min(1.0, (total - 0.9 * self._limit_bytes) / total)
        self._connection.execute(
            "DELETE FROM embeddings WHERE (source, maker) IN "
            "(SELECT source, maker FROM embeddings ORDER BY used, source LIMIT ?)",
            (int(np.ceil(share * count)),),
        )

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._path.unlink()
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        # Embeddings tell people apart: the file is its owner's before SQLite writes to it, whose own files follow it.
        self._path.touch(mode=0o600)
        self._path.chmod(0o600)
        connection = sqlite3.connect(self._path, timeout=30.0)
        try:
            connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Make the block's changes whole or not at all; a damaged file is made anew and the block given up."""
        try:
            with self._connection:
                yield
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error
        except sqlite3.DatabaseError:
            self._connection.close()
            self._path.unlink()
            self._connection = self._connected()

    def _unusable(self, error: Exception) -> CacheUnusable:
        return CacheUnusable(
            f"The embedding cache {self._path} cannot be used ({error}). Delete it, free space, or run with --no-cache."
        )


def _values_of(face: CachedFace) -> Floats32:
    """Return what is kept of a face: its embedding, and what was measured of its picture behind it."""
    if face.rejected:
        return face.embedding
    told = [face.measures.get(name, np.nan) for name in PICTURE_MEASURES]
    return np.concatenate([face.embedding, np.array(told, np.float32)])


def _face_of(values: Floats32, rejected: str) -> CachedFace:
    if rejected:
        return CachedFace(values, rejected)
    split = max(0, len(values) - len(PICTURE_MEASURES))
    told = zip(PICTURE_MEASURES, values[split:].tolist(), strict=False)
    return CachedFace(values[:split], "", {name: value for name, value in told if not np.isnan(value)})


def maker_of(pipeline: FacePipeline, input_form: str, face_policy: FacePolicy) -> bytes:
    """Return the digest of everything but the picture that decides what its embedding is, or whether it has one."""
    chosen = (input_form, face_policy)
    parts = (_FORM, *PICTURE_MEASURES, pipeline.pipeline_id, pipeline.provider, *chosen, *astuple(pipeline.gates))
    return hashlib.sha256(repr(parts).encode()).digest()


@contextmanager
def open_cache(settings: Settings, pipeline: FacePipeline, input_form: str) -> Iterator[EmbeddingCache]:
    """Give the cache in the folder that the settings name while the block runs.

    Raises:
        CacheUnusable: if it cannot be written.
    """
    adopt_former(settings)
    with EmbeddingCache(cache_folder(settings), maker_of(pipeline, input_form, settings.face_policy)) as cache:
        yield cache
