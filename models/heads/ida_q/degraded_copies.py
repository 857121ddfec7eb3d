"""Embeddings of degraded copies of labelled pictures: what an operator's people look like in poor photographs."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.degrade.photograph import Photograph
from models.degrade.recipe import Recipe, copy_key
from models.images.image_folder import DECODER_FAILURES, in_order, read_image
from models.labelled.embed import Embedder
from models.labelled.embedding_cache import CachedFace
from models.progress import Tick, silent
from service.arrays import Bools, Floats32, ImageArray
from service.errors import InputError, NoFace
from service.faces.align import align
from service.scoring.similarity import telling_norms

# Half of a recipe's copies may be of kinds that leave the pixels alone, and poor ones may show no face any more.
_DRAWS = 6
_BLOCK = 64


@dataclass(frozen=True, slots=True, eq=False)
class CopiedFaces:
    """Degraded copies of n pictures, one each.

    Attributes:
        embeddings: (n, d) float32 as the backbone gives them, zeros where no copy shows a face.
        found: (n,) bool, whether one does.
    """

    embeddings: Floats32
    found: Bools


def embed_copies(
    embedder: Embedder, images: Sequence[Path], recipe: Recipe, seed: int, tick: Tick = silent
) -> CopiedFaces:
    """Embed a degraded copy of each picture as the service would, the cache asked first.

    The photograph is degraded by the recipe, and the service's own networks find the face in it: where a recipe says
    that the detector misplaced its box nothing is done. Of the copies that change a picture the first one that still
    shows a face is taken.

    Args:
        embedder: what embeds pictures.
        images: their files.
        recipe: how they are degraded.
        seed: what the copies' randomness follows from, beside the pictures' bytes.
        tick: told the share done.

    Raises:
        InferenceFailed: if a network fails.
        CacheUnusable: if the cache cannot be read or written.
    """
    pipeline = embedder.pipeline
    embeddings = np.zeros((len(images), pipeline.dimension), np.float32)
    work = _CopyCrop(embedder, recipe, seed)
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK]
        contents = list(in_order(_content_of(embedder), block, workers=embedder.workers))
        keys = [None if content is None else work.key(content) for content in contents]
        kept = {} if embedder.cache is None else embedder.cache.find([key for key in keys if key is not None])
        usable = {key: face for key, face in kept.items() if face.rejected or len(face.embedding) == pipeline.dimension}
        missing = {
            key: content
            for key, content in zip(keys, contents, strict=True)
            if key is not None and content is not None and key not in usable
        }
        made = _embedded(embedder, missing, list(in_order(work, missing.values(), workers=embedder.workers)))
        if embedder.cache is not None and made:
            embedder.cache.keep(made)
        for row, key in enumerate(keys, start):
            face = None if key is None else usable.get(key, made.get(key))
            if face is not None and not face.rejected:
                embeddings[row] = face.embedding
        tick(min(1.0, (start + len(block)) / len(images)))
    return CopiedFaces(embeddings, np.any(embeddings != 0, axis=1))


class _CopyCrop:
    """Makes the crop of a picture's degraded copy; None where none shows a face. Safe to call from several threads."""

    def __init__(self, embedder: Embedder, recipe: Recipe, seed: int) -> None:
        self._embedder = embedder
        self._recipe = recipe
        self._seed = seed
        self._recipe_digest = hashlib.sha256(recipe.model_dump_json().encode()).digest()

    def key(self, content: bytes) -> bytes:
        """Return what the cache knows the copy by."""
        said = hashlib.sha256(b"degraded copy" + self._recipe_digest + self._seed.to_bytes(8, "little"))
        said.update(hashlib.sha256(content).digest())
        return said.digest()

    def __call__(self, content: bytes) -> ImageArray | None:
        pipeline, policy = self._embedder.pipeline, self._embedder.face_policy
        name = hashlib.sha256(content).hexdigest()
        try:
            pixels = pipeline.decode(content)
            photograph = Photograph.of(pixels, pipeline.find_face(pixels, policy).box)
        except (InputError, *DECODER_FAILURES):
            return None
        for copy in range(_DRAWS):
            degraded = self._recipe.degrade(photograph, copy_key(self._seed, name, copy)).pixels
            if degraded is pixels:
                continue
            try:
                return align(degraded, pipeline.find_landmarks(degraded, pipeline.find_face(degraded, policy)))
            except InputError:
                continue
        return None


def _content_of(embedder: Embedder) -> Callable[[Path], bytes | None]:
    def read(path: Path) -> bytes | None:
        try:
            return read_image(path, embedder.max_image_bytes)
        except OSError:
            return None

    return read


def _embedded(
    embedder: Embedder, missing: Mapping[bytes, bytes], crops: Sequence[ImageArray | None]
) -> dict[bytes, CachedFace]:
    shown = [crop for crop in crops if crop is not None]
    if not crops:
        return {}
    given = embedder.pipeline.represent(np.stack(shown)) if shown else np.empty((0, embedder.pipeline.dimension))
    made = iter(zip(given, telling_norms(given).tolist(), strict=True))
    nothing = CachedFace(np.empty(0, np.float32), NoFace.code)
    found = {}
    for key, crop in zip(missing, crops, strict=True):
        if crop is None:
            found[key] = nothing
            continue
        embedding, norm = next(made)
        found[key] = nothing if embedder.pipeline.shows_no_face(norm) else CachedFace(embedding)
    return found
