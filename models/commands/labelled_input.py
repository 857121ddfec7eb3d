"""Labelled sets as commands name them: read, embedded, and kept in the cache of embeddings."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import typer

from models.engines.engine import Engine
from models.images.unreadable import unreadable_sentence
from models.labelled.embed import PictureForm, open_embedder
from models.labelled.exclusion_file import read_exclusions
from models.labelled.exclusions import Exclusions, check_sets
from models.labelled.labelled_faces import LabelledFaces, read_labelled
from models.labelled.labels import Labels
from models.progress import Stage
from service.pipeline import FacePipeline
from service.settings import Settings


def read_sets(
    texts: Sequence[str],
    pipeline: FacePipeline | None,
    settings: Settings,
    *,
    images: Path | None,
    no_cache: bool,
    stage: Stage,
    input_form: PictureForm = "photo",
    engine: Engine | None = None,
) -> list[LabelledFaces]:
    """Return labelled sets.

    Args:
        texts: what names them, each ``[NAME=]PATH``.
        pipeline: embeds their pictures; None where all are embeddings.
        settings: the service's.
        images: where the paths in label files start; beside them where None.
        no_cache: whether every picture is embedded again.
        stage: told what is embedded and how far it is.
        input_form: what the pictures are.
        engine: embeds them; None for this process.

    Raises:
        LabelsInvalid, CacheUnusable, InferenceFailed: as ``read_labelled`` says.
    """
    found = []
    how = partial(open_embedder, settings, input_form=input_form, cached=not no_cache, engine=engine)
    with how(pipeline) if pipeline else nullcontext() as embedder:
        for labels in map(Labels.parse, texts):
            tick = stage(f"embedding {labels.called}")
            found.append(read_labelled(labels.path, embedder, name=labels.name, images_root=images, tick=tick))
            tick(1.0)
    for labelled in found:
        if said := unreadable_sentence(labelled.images, labelled.rejected):
            typer.echo(f"note: {labelled.name}: {said}", err=True)
    return found


def exclusions_of(path: Path | None, texts: Sequence[str]) -> Exclusions:
    """Return the exclusions of a file, or none; entries of sets that are not named are told on standard error.

    Raises:
        ExclusionsInvalid: if it cannot be read, or has no effect on the sets.
    """
    if path is None:
        return Exclusions.none()
    exclusions = read_exclusions(path)
    if note := check_sets(exclusions, [Labels.parse(text).called for text in texts]):
        typer.echo(f"note: {note}", err=True)
    return exclusions
