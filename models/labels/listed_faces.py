"""Embeddings of listed pictures: from the cache where it has them, else through the service's own pipeline."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.anchors.embedding import BATCH_SIZE
from models.anchors.image_folder import UNREADABLE, Extraction, ImageFolder, extract_crops
from models.labels.embedding_cache import CachedFace, EmbeddingCache
from models.progress import Tick, silent
from service.faces.types import ImageArray
from service.pipeline import FacePipeline

FloatArray = NDArray[np.float32]


def embed_listed(
    images: Sequence[Path],
    pipeline: FacePipeline,
    cache: EmbeddingCache | None,
    *,
    crops: bool,
    workers: int,
    max_image_bytes: int,
    tick: Tick = silent,
) -> tuple[FloatArray, tuple[str, ...]]:
    """Embed the largest face of every picture.

    Args:
        images: the pictures' files.
        pipeline: the service's own.
        cache: what former runs gave; None for none.
        crops: whether the pictures are aligned crops already.
        workers: threads that decode, detect and align.
        max_image_bytes: the largest file that is read.
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

    def extract(content: bytes) -> ImageArray:
        return pipeline.read_crop(content) if crops else pipeline.extract(content, "largest").crop

    folder = ImageFolder(Path(), [images[rows[source][0]] for source in pending], 0)
    extractions = extract_crops(folder, extract, workers=workers, max_image_bytes=max_image_bytes)
    for faces in chain([usable], _embedded(zip(pending, extractions, strict=True), pipeline)):
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


def _embedded(
    extractions: Iterator[tuple[bytes, Extraction]], pipeline: FacePipeline
) -> Iterator[dict[bytes, CachedFace]]:
    """Yield what pictures gave, a batch at a time, by the digest of their files."""
    nothing = np.empty(0, np.float32)
    while batch := list(islice(extractions, BATCH_SIZE)):
        crops = [extraction.crop for _, extraction in batch if extraction.crop is not None]
        made = iter(pipeline.represent(np.stack(crops)) if crops else ())
        yield {
            source: CachedFace(nothing, extraction.rejected) if extraction.rejected else CachedFace(next(made))
            for source, extraction in batch
        }


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
