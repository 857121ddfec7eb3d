"""Faces that nobody named: pictures anywhere below a folder, or embeddings; what labels there are is passed over."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from models.images.image_folder import scan
from models.labelled.embed import Embedder
from models.labelled.files.labelled_npz import read_embeddings
from models.labelled.labelled_faces import NO_EMBEDDING, LabelledFaces, unit_or_zeros
from models.progress import Tick, silent
from models.tool_errors import LabelsInvalid
from service.arrays import Floats32
from service.faces.pictures.formats import SUFFIXES
from service.scoring.similarity import telling_norms


def read_unlabelled(
    path: Path, embedder: Embedder | None, *, name: str | None = None, tick: Tick = silent
) -> LabelledFaces:
    """Read faces, each as if it were a person of its own, and embed what is not in the cache.

    Args:
        path: a folder with pictures at any depth, whose names say nothing; or an ``.npz`` of ``embeddings`` (n, d).
        embedder: embeds the pictures; None where the file holds embeddings.
        name: what the set is called; the file's name by default.
        tick: told the share embedded.

    Raises:
        LabelsInvalid: if there is no picture, or the file holds no embeddings.
        InferenceFailed, CacheUnusable: as ``Embedder.embed`` says.
    """
    called = name or path.stem
    if path.suffix == ".npz":
        found, images = read_embeddings(path)
        return _faces(called, found, images, tuple("" if row.any() else NO_EMBEDDING for row in found))
    if not path.is_dir():
        raise LabelsInvalid(f"{path} is neither a folder of pictures nor an .npz of embeddings.")
    if embedder is None:
        raise LabelsInvalid(f"{path} holds pictures, and only an .npz of embeddings can be read without a model pack.")
    pictures = scan(path).images
    if not pictures:
        raise LabelsInvalid(f"{path}: there is no picture ({', '.join(SUFFIXES)}) below this folder.")
    told = embedder.embed_measured([path / image for image in pictures], tick)
    names = tuple(image.as_posix() for image in pictures)
    faces = _faces(called, told.embeddings, names, told.rejected)
    return replace(faces, input_form=embedder.input_form, pictures=told.measures)


def _faces(name: str, found: Floats32, images: tuple[str, ...], rejected: tuple[str, ...]) -> LabelledFaces:
    return LabelledFaces(
        name=name,
        embeddings=unit_or_zeros(found),
        norms=telling_norms(found),
        detected=np.array([not reason for reason in rejected], dtype=bool),
        identities=np.arange(len(found)),
        identity_names=images,
        images=images,
        input_form="embedding",
        identities_stated=True,
        rejected=rejected,
    )
