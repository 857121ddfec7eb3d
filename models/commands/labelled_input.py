"""Labelled sets as commands name them: read, embedded, and kept in the cache of embeddings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import typer

from models.engines.engine import Engine
from models.images.unreadable import unreadable_sentence
from models.labelled.embedding_cache import EmbeddingCache, open_cache
from models.labelled.exclusion_file import read_exclusions
from models.labelled.exclusions import Exclusions, check_sets
from models.labelled.labelled_faces import InputForm, LabelledFaces, read_labelled
from models.progress import Stage
from service.cpus import usable_cpus
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
    input_form: InputForm = "photo",
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
    with caching(settings, pipeline, input_form, none=no_cache) as cache:
        for text in texts:
            name, mark, path = text.rpartition("=")
            tick = stage(f"embedding {name or Path(path).stem}")
            found.append(
                read_labelled(
                    Path(path),
                    pipeline=pipeline,
                    cache=cache,
                    name=name if mark else None,
                    input_form=input_form,
                    images_root=images,
                    workers=settings.workers or usable_cpus(),
                    max_image_bytes=settings.max_image_bytes,
                    engine=engine,
                    tick=tick,
                )
            )
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
    names = [name if mark else Path(place).stem for name, mark, place in (text.rpartition("=") for text in texts)]
    if note := check_sets(exclusions, names):
        typer.echo(f"note: {note}", err=True)
    return exclusions


@contextmanager
def caching(
    settings: Settings, pipeline: FacePipeline | None, input_form: InputForm, *, none: bool
) -> Iterator[EmbeddingCache | None]:
    """Give the cache of a pipeline's embeddings while the block runs; None where it is not wanted.

    Raises:
        CacheUnusable: if it cannot be written.
    """
    with nullcontext() if none or pipeline is None else open_cache(settings, pipeline, input_form) as cache:
        yield cache
