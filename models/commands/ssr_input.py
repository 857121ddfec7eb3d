"""What ``ida-verify ssr train`` is given to train on."""

from contextlib import nullcontext
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from models.commands.effect import names_pictures
from models.degrade.recipe import Recipe
from models.engines.engine import Engine
from models.heads.ssr.carried import packed, read_carried, unpacked
from models.heads.ssr.ssr_options import Shares
from models.heads.ssr.training_faces import GatheredFaces, embed_folder, read_embeddings
from models.labelled.embed import Embedder, open_embedder
from models.progress import Stage
from models.tool_errors import TrainingImpossible
from service.bundle.bundle_manifest import Manifest
from service.errors import BundleMismatch
from service.pipeline import FacePipeline
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Given:
    """The options that name faces.

    Attributes:
        generated: folders of generated faces.
        data: other folders of images, and files of embeddings.
        labelled: sets to measure on, each ``[NAME=]PATH``.
        images: where the paths in label files start.
        copies: degraded copies of each generated face.
        carry: whether the new bundle carries the generated faces' embeddings.
        seed: of the degradations.
    """

    generated: tuple[Path, ...]
    data: tuple[Path, ...]
    labelled: tuple[str, ...]
    images: Path | None
    copies: int
    carry: bool
    seed: int

    @property
    def needs_pipeline(self) -> bool:
        """Whether there are pictures to embed."""
        return bool(self.generated) or names_pictures([*map(str, self.data), *self.labelled])

    def check(self, recipe: Recipe | None, shares: Shares) -> None:
        """Refuse options that nothing would come of.

        Raises:
            TrainingImpossible: naming the option.
        """
        if not self.generated and (self.carry or self.copies):
            raise TrainingImpossible("--carry and --copies are about the faces of --generated: give it.")
        if self.copies and recipe is None:
            raise TrainingImpossible("--copies makes copies that --recipe degrades: name one, or leave --copies out.")
        if not any(astuple(shares)):
            raise TrainingImpossible("Every share of the samples is 0: there is nothing to train on.")


def gather(
    given: Given,
    bundle: Path,
    manifest: Manifest,
    pipeline: FacePipeline | None,
    settings: Settings,
    recipe: Recipe | None,
    no_cache: bool,
    stage: Stage,
    *,
    engine: Engine | None = None,
) -> tuple[list[GatheredFaces], NDArray[np.void] | None]:
    """Return the faces to train on, and the records that the new bundle is to carry, None for what it has.

    Raises:
        BundleMismatch: if the pictures would be embedded by another pipeline than the anchors were.
        BundleInvalid: if what the bundle carries cannot be read.
        TrainingImpossible, LabelsInvalid, DimensionMismatch, CacheUnusable, InferenceFailed: as the sources say.
    """
    if pipeline is not None and pipeline.pipeline_id != manifest.pipeline_id:
        raise BundleMismatch(
            f"The bundle's anchors were embedded by the pipeline {manifest.pipeline_id}, and the pack's is "
            f"{pipeline.pipeline_id}: train with the pack that the anchors were made with."
        )
    how = partial(open_embedder, settings, cached=not no_cache, engine=engine)
    with how(pipeline) if pipeline else nullcontext() as by:
        faces, carried = _generated(given, bundle, manifest, by, recipe, stage)
        for path in given.data:
            if by is None or path.suffix == ".npz":
                faces.append(read_embeddings(path, manifest.dimension))
            else:
                faces.append(_told(path, embed_folder(path, by, manifest, tick=stage(f"embedding {path.name}"))))
    return faces, carried


def _generated(
    given: Given, bundle: Path, manifest: Manifest, by: Embedder | None, recipe: Recipe | None, stage: Stage
) -> tuple[list[GatheredFaces], NDArray[np.void] | None]:
    if by is None or not given.generated:
        held = read_carried(bundle, manifest)
        if held is None:
            return [], None
        return [GatheredFaces(held, {"carried": len(held)})], None
    made = [
        _told(
            folder,
            embed_folder(
                folder,
                by,
                manifest,
                recipe=recipe,
                copies=given.copies,
                seed=given.seed,
                tick=stage(f"embedding {folder.name}"),
            ),
        )
        for folder in given.generated
    ]
    if not given.carry:
        return made, None
    pool = made[0].pool
    for more in made[1:]:
        pool = pool.with_others(more.pool)
    records = packed(pool)
    # Trained on as they are carried, so that the new bundle alone gives the same head.
    return [
        GatheredFaces(unpacked(records), {"carried": len(records), "from": [found.facts for found in made]})
    ], records


def _told(folder: Path, found: GatheredFaces) -> GatheredFaces:
    if found.unreadable:
        typer.echo(f"note: {folder.name}: {found.unreadable}", err=True)
    return found
