"""Embeddings of listed pictures: from the cache where it has them, else through the service's own pipeline."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import numpy as np

from models.engines.engine import BATCH_SIZE, Done, Engine, LocalEngine
from models.images.image_folder import UNREADABLE, ImageFolder, extract_crops
from models.labelled.embedding_cache import CachedFace, EmbeddingCache, open_cache
from models.progress import Tick, silent
from service.arrays import Floats32, Floats64, ImageArray
from service.choices import FacePolicy
from service.cpus import usable_cpus
from service.errors import NoFace
from service.faces.types import AlignedFace
from service.pipeline import FacePipeline
from service.scoring.population import picture_values
from service.scoring.similarity import telling_norms
from service.settings import Settings

PictureForm = Literal["photo", "crop"]

# Files of one block: a multiple of the batch, so that blocks change no batch; kept in the cache together.
_BLOCK = 8 * BATCH_SIZE


@dataclass(frozen=True, slots=True)
class Embedder:
    """What embeds pictures, and how.

    Attributes:
        pipeline: the service's own.
        cache: what former runs gave; None for none.
        workers: threads that read, decode, detect and align.
        max_image_bytes: the largest file that is read.
        input_form: what the pictures are, photographs or aligned crops.
        engine: embeds blocks of files; None for this process.
        face_policy: which of several faces of a photograph is taken.
    """

    pipeline: FacePipeline
    cache: EmbeddingCache | None = None
    workers: int = 2
    max_image_bytes: int = 16 * 1024 * 1024
    input_form: PictureForm = "photo"
    engine: Engine | None = None
    face_policy: FacePolicy = "prominent"

    def embed(self, images: Sequence[Path], tick: Tick = silent) -> tuple[Floats32, tuple[str, ...]]:
        """Embed the chosen face of every picture; arguments and errors as for ``embed_measured``.

        Returns:
            (n, d) float32 as the backbone gives them, zeros where there is no embedding; and why there is none, ""
            where there is one.
        """
        found = self.embed_measured(images, tick)
        return found.embeddings, found.rejected

    def embed_measured(self, images: Sequence[Path], tick: Tick = silent) -> "EmbeddedPictures":
        """Embed the chosen face of every picture, and tell what was measured of the pictures.

        Args:
            images: the pictures' files.
            tick: told the share done.

        Raises:
            InferenceFailed: if a network fails.
            CacheUnusable: if the cache cannot be read or written.
        """
        embeddings = np.zeros((len(images), self.pipeline.dimension), np.float32)
        rejected = [UNREADABLE] * len(images)
        told: list[Mapping[str, float]] = [{}] * len(images)
        rows: dict[bytes, list[int]] = {}
        for row, source in enumerate(_digests(images, self.workers)):
            if source is not None:
                rows.setdefault(source, []).append(row)
        done = len(images) - sum(map(len, rows.values()))
        known = self.cache.find(list(rows)) if self.cache else {}
        usable = {
            source: face
            for source, face in known.items()
            if face.rejected or len(face.embedding) == self.pipeline.dimension
        }
        # The same bytes are embedded once: in another place of a batch their last digits would differ.
        pending = [source for source in rows if source not in usable]
        blocks = [
            tuple((source, images[rows[source][0]]) for source in pending[start : start + _BLOCK])
            for start in range(0, len(pending), _BLOCK)
        ]
        work = EmbedFiles(self.input_form == "crop", self.workers, self.max_image_bytes, self.face_policy)
        for faces in chain([usable], (self.engine or LocalEngine(self.pipeline)).map(work, blocks)):
            for source, face in faces.items():
                for row in rows[source]:
                    rejected[row] = face.rejected
                    if not face.rejected:
                        embeddings[row], told[row] = face.embedding, face.measures
                done += len(rows[source])
            if self.cache and faces is not usable:
                # A file that could not be read may be readable next time; every other reason lies in its bytes.
                self.cache.keep({source: face for source, face in faces.items() if face.rejected != UNREADABLE})
            tick(done / max(1, len(images)))
        tick(1.0)
        return EmbeddedPictures(embeddings, tuple(rejected), picture_values(told))


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedPictures:
    """What n pictures gave.

    Attributes:
        embeddings: (n, d) float32 as the backbone gives them, zeros where there is no embedding.
        rejected: why there is none; "" where there is one.
        measures: (n,) float64 by the name of a measure, what was measured of the pictures, NaN where nothing was.
    """

    embeddings: Floats32
    rejected: tuple[str, ...]
    measures: Mapping[str, Floats64]


@contextmanager
def open_embedder(
    settings: Settings,
    pipeline: FacePipeline,
    *,
    input_form: PictureForm = "photo",
    cached: bool = True,
    engine: Engine | None = None,
) -> Iterator[Embedder]:
    """Give what embeds pictures by the settings while the block runs.

    Args:
        settings: the service's.
        pipeline: the service's own.
        input_form: what the pictures are.
        cached: whether embeddings are kept, and taken from what was kept.
        engine: embeds blocks of files; None for this process.

    Raises:
        CacheUnusable: if the cache cannot be written.
    """
    with open_cache(settings, pipeline, input_form) if cached else nullcontext() as cache:
        yield Embedder(
            pipeline,
            cache,
            settings.workers or usable_cpus(),
            settings.max_image_bytes,
            input_form,
            engine,
            settings.face_policy,
        )


@dataclass(frozen=True, slots=True)
class EmbedFiles:
    """Embeds a block of files, 32 at a time.

    Attributes:
        crops: whether the pictures are aligned crops already.
        workers: threads that decode, detect and align.
        max_image_bytes: the largest file that is read.
        face_policy: which of several faces of a photograph is taken.
    """

    crops: bool
    workers: int
    max_image_bytes: int
    face_policy: FacePolicy

    def __call__(
        self, pipeline: FacePipeline, block: tuple[tuple[bytes, Path], ...], done: Done, /
    ) -> dict[bytes, CachedFace]:
        """Return what each file of a block gives, by the digest that comes with it.

        Raises:
            InferenceFailed: if a network fails.
        """

        def extract(content: bytes) -> ImageArray | AlignedFace:
            return pipeline.read_crop(content) if self.crops else pipeline.extract(content, self.face_policy)

        folder = ImageFolder(Path(), [path for _, path in block], 0)
        extractions = extract_crops(folder, extract, workers=self.workers, max_image_bytes=self.max_image_bytes)
        found: dict[bytes, CachedFace] = {}
        nothing = np.empty(0, np.float32)
        pairs = zip((source for source, _ in block), extractions, strict=True)
        while batch := list(islice(pairs, BATCH_SIZE)):
            taken = [extraction.crop for _, extraction in batch if extraction.crop is not None]
            given = pipeline.represent(np.stack(taken)) if taken else np.empty((0, pipeline.dimension), np.float32)
            made = zip(given, telling_norms(given).tolist(), strict=True)
            for source, extraction in batch:
                reason = extraction.rejected
                embedding, norm = (nothing, 0.0) if reason else next(made)
                if pipeline.shows_no_face(norm):
                    embedding, reason = nothing, NoFace.code
                found[source] = CachedFace(embedding, reason or "", {} if reason else extraction.measures)
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
