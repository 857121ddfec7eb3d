"""Real faces that an anchor set is held against: a folder of photographs, or embeddings in an ``.npz``."""

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from models.images.image_folder import scan
from models.images.unreadable import unreadable_sentence
from models.labelled.embed import Embedder
from models.labelled.files.npz import load_npz
from models.progress import Tick, silent
from models.tool_errors import AnchorSourceInvalid
from service.arrays import Floats32
from service.errors import InvalidEmbedding
from service.scoring.similarity import normalise, require_unit


@dataclass(frozen=True, slots=True, eq=False)
class Probes:
    """Faces that anchors are compared with.

    Attributes:
        embeddings: (n, d) float32, unit norm.
        names: of each, a path below the folder or a row.
        without_face: pictures that gave none.
        unreadable: a sentence about those that could not be read; "" where there are none.

    Raises:
        InvalidEmbedding: if one has another norm.
    """

    embeddings: Floats32
    names: tuple[str, ...]
    without_face: int
    unreadable: str = ""

    def __post_init__(self) -> None:
        require_unit(self.embeddings)


def probes_of_folder(folder: Path, embedder: Embedder, tick: Tick = silent) -> Probes:
    """Return the largest face of every picture below a folder.

    Raises:
        AnchorSourceInvalid: if none has a face.
        InferenceFailed, CacheUnusable: as ``Embedder.embed`` says.
    """
    images = scan(folder).images
    embeddings, rejected = embedder.embed([folder / image for image in images], tick)
    found = [row for row, reason in enumerate(rejected) if not reason]
    unreadable = unreadable_sentence([image.as_posix() for image in images], rejected)
    if not found:
        raise AnchorSourceInvalid(
            f"None of the {len(images)} images below {folder} has a face to compare with. {unreadable}".rstrip()
        )
    # The backbone gives them with lengths of their own.
    unit = normalise(embeddings[found]).astype(np.float32)
    return Probes(unit, tuple(images[row].as_posix() for row in found), len(images) - len(found), unreadable)


def probes_of_arrays(path: Path, dimension: int) -> Probes:
    """Return the array ``embeddings`` (n, d) of an ``.npz``; rows of zeros stand for pictures without a face.

    Raises:
        AnchorSourceInvalid: if there is none, it is of another dimension, or a value is not finite.
    """
    arrays = load_npz(path, lambda reason: _refuse(path, reason))
    if "embeddings" not in arrays or arrays["embeddings"].dtype.kind not in "fiu":
        _refuse(path, "it has no array of numbers called embeddings.")
    with np.errstate(over="ignore", under="ignore"):
        embeddings = arrays["embeddings"].astype(np.float32)
    if embeddings.ndim != 2 or embeddings.shape[1] != dimension:
        raise AnchorSourceInvalid(f"{path} has embeddings {embeddings.shape}; the anchors have {dimension} values.")
    found = np.flatnonzero(np.any(embeddings != 0, axis=1))
    if not len(found):
        raise AnchorSourceInvalid(f"{path} has no embedding that is not zero.")
    try:
        unit = normalise(embeddings[found]).astype(np.float32)
    except InvalidEmbedding as error:
        raise AnchorSourceInvalid(f"{path} cannot be compared with. {error.message}") from error
    return Probes(unit, tuple(f"row {row}" for row in found), len(embeddings) - len(found))


def _refuse(path: Path, reason: str) -> NoReturn:
    raise AnchorSourceInvalid(f"{path} holds no embeddings to compare with: {reason}")
