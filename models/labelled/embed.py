"""Embeddings of listed pictures: from the cache where it has them, else through the service's own pipeline."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from models.engines.engine import BATCH_SIZE, Done, Engine, LocalEngine
from models.images.image_folder import UNREADABLE, ImageFolder, extract_crops
from models.labelled.embedding_cache import CachedFace, EmbeddingCache
from models.progress import Tick, silent
from service.arrays import Floats32, ImageArray
from service.pipeline import FacePipeline

# Files of one block: a multiple of the batch, so that blocks change no batch; kept in the cache together.
_BLOCK = 8 * BATCH_SIZE


def embed_listed(
    images: Sequence[Path],
    pipeline: FacePipeline,
    cache: EmbeddingCache | None,
    *,
    crops: bool,
    workers: int,
    max_image_bytes: int,
    engine: Engine | None = None,
    tick: Tick = silent,
) -> tuple[Floats32, tuple[str, ...]]:
    """Embed the largest face of every picture.

    Args:
        images: the pictures' files.
        pipeline: the service's own.
        cache: what former runs gave; None for none.
        crops: whether the pictures are aligned crops already.
        workers: threads that decode, detect and align.
        max_image_bytes: the largest file that is read.
        engine: embeds blocks of files; None for this process.
        tick: told the share done.

    Returns:
        (n, d) float32 as the backbone gives them, zeros where there is no embedding; and why there is none, "" where
        there is one.

    Raises:
        InferenceFailed: if a network fails.
        CacheUnusable: if the cache cannot be read or written.
    """
    embeddings = np.zeros((len(images), pipeline.dimension), np.float32)
    rejected = [UNREADABLE] * len(images)
    rows: dict[bytes, list[int]] = {}
    for row, source in enumerate(_digests(images, workers)):
        if source is not None:
            rows.setdefault(source, []).append(row)
    done = len(images) - sum(map(len, rows.values()))
    known = cache.find(list(rows)) if cache else {}
    usable = {
        source: face for source, face in known.items() if face.rejected or len(face.embedding) == pipeline.dimension
    }
    # The same bytes are embedded once: in another place of a batch their last digits would differ.
    pending = [source for source in rows if source not in usable]
    blocks = [
        tuple((source, images[rows[source][0]]) for source in pending[start : start + _BLOCK])
        for start in range(0, len(pending), _BLOCK)
    ]
    work = EmbedFiles(crops, workers, max_image_bytes)
    for faces in chain([usable], (engine or LocalEngine(pipeline)).map(work, blocks)):
        for source, face in faces.items():
            for row in rows[source]:
                rejected[row] = face.rejected
                if not face.rejected:
                    embeddings[row] = face.embedding
            done += len(rows[source])
        if cache and faces is not usable:
            # A file that could not be read may be readable next time; every other reason lies in its bytes.
            cache.keep({source: face for source, face in faces.items() if face.rejected != UNREADABLE})
        tick(done / max(1, len(images)))
    tick(1.0)
    return embeddings, tuple(rejected)


@dataclass(frozen=True, slots=True)
class EmbedFiles:
    """Embeds a block of files, 32 at a time.

    Attributes:
        crops: whether the pictures are aligned crops already.
        workers: threads that decode, detect and align.
        max_image_bytes: the largest file that is read.
    """

    crops: bool
    workers: int
    max_image_bytes: int

    def __call__(
        self, pipeline: FacePipeline, block: tuple[tuple[bytes, Path], ...], done: Done, /
    ) -> dict[bytes, CachedFace]:
        """Return what each file of a block gives, by the digest that comes with it.

        Raises:
            InferenceFailed: if a network fails.
        """

        def extract(content: bytes) -> ImageArray:
            return pipeline.read_crop(content) if self.crops else pipeline.extract(content, "largest").crop

        folder = ImageFolder(Path(), [path for _, path in block], 0)
        extractions = extract_crops(folder, extract, workers=self.workers, max_image_bytes=self.max_image_bytes)
        found: dict[bytes, CachedFace] = {}
        nothing = np.empty(0, np.float32)
        pairs = zip((source for source, _ in block), extractions, strict=True)
        while batch := list(islice(pairs, BATCH_SIZE)):
            taken = [extraction.crop for _, extraction in batch if extraction.crop is not None]
            made = iter(pipeline.represent(np.stack(taken)) if taken else ())
            for source, extraction in batch:
                reason = extraction.rejected
                found[source] = CachedFace(nothing, reason) if reason else CachedFace(next(made))
            done(len(batch))
        return found


def _digests(images: Sequence[Path], workers: int) -> list[bytes | None]:
    """Return the sha256 of every file, None for one that cannot be read."""

    def digest(path: Path) -> bytes | None:
        try:
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").digest()
        except OSError:
            return None

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(digest, images))
