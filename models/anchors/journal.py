"""Embeddings on their way into a bundle, appended to a file beside it, so that an interrupted build can go on."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from models.anchors.crops import Tally
from models.tool_errors import ImagesNotWritten
from service.arrays import Floats32
from service.pack import digest_of

_ROWS = "embeddings.f32"
_JOURNAL = "journal.jsonl"


class EmbeddingJournal:
    """Rows of float32 in a file, and beside it one line for every point from which a build can go on."""

    def __init__(self, folder: Path, dimension: int, tally: Tally, rows: int) -> None:
        self._folder = folder
        self._dimension = dimension
        self._rows = rows
        self.tally = tally

    def append(self, embeddings: Floats32) -> None:
        """Append rows (n, d)."""
        with (self._folder / _ROWS).open("ab") as stream:
            stream.write(np.ascontiguousarray(embeddings, "<f4").data)
        self._rows += len(embeddings)

    def checkpoint(self) -> None:
        """Say that all rows of the items counted so far are in the file."""
        _sync(self._folder / _ROWS)
        line = {"rows": self._rows, "items": self.tally.items, "groups": self.tally.groups}
        with (self._folder / _JOURNAL).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, sort_keys=True) + "\n")
        _sync(self._folder / _JOURNAL)

    def rows(self) -> Floats32:
        """Return all rows (n, d) as a read-only map of the file."""
        if not self._rows:
            return np.empty((0, self._dimension), np.float32)
        return np.memmap(self._folder / _ROWS, "<f4", "r", shape=(self._rows, self._dimension))


@contextmanager
def embedding_journal(out: Path, job: dict[str, Any], dimension: int) -> Iterator[EmbeddingJournal]:
    """Give the journal of a build while the block runs; it goes on from the last point of the same job.

    What was recorded is left beside the bundle if the block fails, and removed when it succeeds.

    Args:
        out: the bundle's folder; the journal's is a hidden one beside it.
        job: all that the embeddings follow from; another one starts anew.
        dimension: values of one embedding.

    Raises:
        ImagesNotWritten: if the disk does not take it.
    """
    folder = out.with_name(f".{out.name}.building")
    lock = FileLock(out.with_name(f".{out.name}.lock"), timeout=0)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with lock:
            try:
                yield _opened(folder, digest_of(job), dimension)
            except BaseException:
                if len(_lines(folder / _JOURNAL)) < 2:
                    shutil.rmtree(folder, ignore_errors=True)
                raise
            else:
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout as error:
        raise ImagesNotWritten(f"Another process is building {out}: wait for it, or choose another folder.") from error
    except OSError as error:
        raise ImagesNotWritten(
            f"Embeddings cannot be kept in {folder}: {error.strerror or error}. Make room, and run the command again."
        ) from error


def _opened(folder: Path, job: str, dimension: int) -> EmbeddingJournal:
    path, lines = folder / _JOURNAL, _lines(folder / _JOURNAL)
    point = lines[-1] if len(lines) > 1 and lines[0] == {"job": job} else None
    if point is None or (folder / _ROWS).stat().st_size < point["rows"] * dimension * 4:
        shutil.rmtree(folder, ignore_errors=True)
        # Embeddings may be of real people: for their owner alone.
        folder.mkdir(mode=0o700, parents=True)
        (folder / _ROWS).touch()
        path.write_text(json.dumps({"job": job}) + "\n", encoding="utf-8")
        return EmbeddingJournal(folder, dimension, Tally(), 0)
    # What came after the last point was interrupted, and is made again.
    with (folder / _ROWS).open("r+b") as stream:
        stream.truncate(point["rows"] * dimension * 4)
    path.write_text("".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines), encoding="utf-8")
    return EmbeddingJournal(folder, dimension, Tally(point["items"], point["groups"]), point["rows"])


def _lines(path: Path) -> list[Any]:
    """Return the whole lines of the journal; the last one may have been cut short."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
