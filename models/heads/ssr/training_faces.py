"""The embeddings that a head is trained on: generated faces and degraded copies of them, and embeddings at hand."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from models.anchors.embedding import CHECKPOINT_ITEMS, EmbedItems, blocks_of
from models.anchors.source import FolderSource
from models.degrade.copies import CopyPlan
from models.degrade.recipe import Recipe
from models.engines.engine import LocalEngine
from models.heads.ssr.pool import UNKNOWN, Pool
from models.heads.ssr.provenance import made_of
from models.images.image_folder import scan
from models.images.unreadable import unreadable_sentence
from models.labelled.embed import Embedder
from models.labelled.files.labelled_npz import read_arrays
from models.labelled.labelled_faces import unit_or_zeros
from models.progress import Tick, silent
from models.tool_errors import TrainingImpossible
from service.arrays import Floats32, Ints
from service.bundle.bundle_manifest import Manifest
from service.errors import DimensionMismatch

# The anchors are copies that follow from the build's seed; the same number here must not make the same copies again.
_COPY_SEED = 1_000_003


@dataclass(frozen=True, slots=True, eq=False)
class GatheredFaces:
    """Embeddings of one origin.

    Attributes:
        pool: the embeddings and their sources.
        facts: what they are, for the card; never a path of this machine.
        unreadable: a sentence about pictures that could not be read; "" where there are none.
    """

    pool: Pool
    facts: dict[str, JsonValue]
    unreadable: str = ""


def embed_folder(
    folder: Path,
    by: Embedder,
    manifest: Manifest,
    *,
    recipe: Recipe | None = None,
    copies: int = 0,
    seed: int = 0,
    tick: Tick = silent,
) -> GatheredFaces:
    """Embed the faces of a folder's images and of the folders below it.

    Args:
        folder: the images.
        by: what embeds them.
        manifest: of the bundle that is trained for, whose anchors may be made of the same images.
        recipe: how copies are degraded.
        copies: degraded copies of each face, beside the face as it is.
        seed: of the degradations.
        tick: told the share done.

    Raises:
        TrainingImpossible: if no image gives a face.
        CacheUnusable, InferenceFailed: as ``Embedder.embed`` says.
    """
    found = scan(folder)
    degrading = recipe is not None and copies > 0
    part = 1 / (1 + copies) if degrading else 1.0
    rows, rejected = by.embed([folder / image for image in found.images], lambda share: tick(part * share))
    usable = np.array([not reason for reason in rejected], dtype=bool)
    if not usable.any():
        raise TrainingImpossible(f"No image of {folder} gives a face to train on: {len(found.images)} were looked at.")
    counted = Counter(_group(image) for image in found.images)
    with_face = Counter(_group(image) for image, good in zip(found.images, usable, strict=True) if good)
    own = made_of(manifest, folder.resolve().name, [(name, counted[name], with_face[name]) for name in sorted(counted)])
    numbers = np.where(usable, np.cumsum(usable) - 1, UNKNOWN)
    sources = numbers if own else np.full(len(usable), UNKNOWN)
    pool = Pool(unit_or_zeros(rows[usable]), sources[usable].astype(np.int64))
    if degrading:
        source = FolderSource(found, max_image_bytes=by.max_image_bytes)
        plan = CopyPlan(recipe, copies, seed + _COPY_SEED)
        degraded = _degraded(source, sources, by, plan, lambda share: tick(part + (1 - part) * share))
        pool = pool.with_others(degraded)
    tick(1.0)
    facts: dict[str, JsonValue] = {
        "images": folder.resolve().name,
        "faces": int(usable.sum()),
        "rejected": dict(sorted(Counter(reason for reason in rejected if reason).items())),
        "degraded_copies": len(pool) - int(usable.sum()),
        "recipe": recipe.name if recipe is not None and degrading else None,
        "sources_of_the_anchors": own,
    }
    return GatheredFaces(pool, facts, unreadable_sentence([image.as_posix() for image in found.images], rejected))


def read_embeddings(path: Path, dimension: int) -> GatheredFaces:
    """Read embeddings of the bundle's pipeline from an ``.npz``; rows of zeros are left out.

    Raises:
        LabelsInvalid: if it cannot be read.
        DimensionMismatch: if they are another backbone's.
    """
    stored, _ = read_arrays(path)
    rows = unit_or_zeros(stored)
    if rows.shape[1] != dimension:
        raise DimensionMismatch(f"{path} has embeddings of {rows.shape[1]} values, and the bundle's have {dimension}.")
    rows = rows[rows.any(axis=1)]
    return GatheredFaces(Pool(rows, np.full(len(rows), UNKNOWN)), {"embeddings": path.stem, "faces": len(rows)})


def _degraded(source: FolderSource, numbers: Ints, by: Embedder, plan: CopyPlan, tick: Tick) -> Pool:
    made: list[Floats32] = []
    sources: list[int] = []
    items = 0
    engine = by.engine or LocalEngine(by.pipeline)
    for found in engine.map(EmbedItems(plan, by.workers), blocks_of(source.items(0), CHECKPOINT_ITEMS)):
        for _, crops, _ in found.made:
            sources += [int(numbers[items])] * crops
            items += 1
        made.append(found.embeddings)
        tick(items / len(source))
    return Pool(np.concatenate(made), np.array(sources, dtype=np.int64))


def _group(image: Path) -> str:
    return image.parts[0] if len(image.parts) > 1 else "."
