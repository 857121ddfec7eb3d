"""Labelled faces: embeddings, who they are of, and which of them are compared."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from models.labelled.embed import Embedder
from models.labelled.files.labelled_npz import read_arrays
from models.labelled.files.listing import Listing, PairList, TemplateList
from models.labelled.files.read import read_listing
from models.progress import Tick, silent
from models.tool_errors import LabelsInvalid
from service.arrays import Bools, Floats, Floats32, Floats64, Ints
from service.scoring.calibration import InputForm
from service.scoring.similarity import require_unit, telling_norms

NO_EMBEDDING = "no_embedding"

__all__ = ["InputForm", "LabelledFaces", "PairList", "TemplateList", "read_labelled"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFaces:
    """Faces whose identities are known.

    Attributes:
        name: what the set is called.
        embeddings: (n, d) float32, unit norm; zeros where no face could be embedded.
        norms: (n,) float32, lengths of what the backbone gave; 0 where one is not known.
        detected: (n,) bool, whether there is an embedding.
        identities: (n,) int64, position in ``identity_names``.
        identity_names: names of the identities.
        images: where each face is from: a path, or the name given with an embedding.
        input_form: what the embeddings were made from.
        identities_stated: whether the labels name people; where they only join pairs, no pairs but the given ones
            can be counted.
        rejected: why there is no embedding, an error's code, by face; "" where there is one.
        groups: (n,) int64, position in ``group_names``; None where there are no groups.
        group_names: names of the groups.
        pairs: given pairs; None where there are none.
        templates: given templates; None where there are none.
        pictures: (n,) float64 by the name of a measure, what each face's picture tells, NaN where it does not.

    Raises:
        InvalidEmbedding: if an embedding is neither of unit norm nor zeros.
    """

    name: str
    embeddings: Floats32
    norms: Floats32
    detected: Bools
    identities: Ints
    identity_names: tuple[str, ...]
    images: tuple[str, ...]
    input_form: InputForm
    identities_stated: bool
    rejected: tuple[str, ...]
    groups: Ints | None = None
    group_names: tuple[str, ...] = ()
    pairs: PairList | None = None
    templates: TemplateList | None = None
    pictures: Mapping[str, Floats64] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_unit(self.embeddings, or_zeros=True)

    def __len__(self) -> int:
        return len(self.identities)

    @property
    def failures(self) -> dict[str, int]:
        """Faces without an embedding by reason, the most frequent first."""
        return dict(Counter(reason for reason in self.rejected if reason).most_common())

    def subset(self, faces: Bools | Ints) -> "LabelledFaces":
        """Return some of the faces, with the pairs whose both sides are among them and no templates.

        Args:
            faces: a mask (n,) bool, or rows (m,) int64, each once.
        """
        rows = np.flatnonzero(faces) if faces.dtype == np.bool_ else faces
        place = np.full(len(self), -1, np.int64)
        place[rows] = np.arange(len(rows))
        pairs = self.pairs
        if pairs is not None:
            kept = pairs.subset((place[pairs.first] >= 0) & (place[pairs.second] >= 0))
            pairs = PairList(place[kept.first], place[kept.second], kept.mated, kept.fold)
        return LabelledFaces(
            name=self.name,
            embeddings=self.embeddings[rows],
            norms=self.norms[rows],
            detected=self.detected[rows],
            identities=self.identities[rows],
            identity_names=self.identity_names,
            images=tuple(self.images[row] for row in rows),
            input_form=self.input_form,
            identities_stated=self.identities_stated,
            rejected=tuple(self.rejected[row] for row in rows),
            groups=None if self.groups is None else self.groups[rows],
            group_names=self.group_names,
            pairs=pairs,
            pictures={name: values[rows] for name, values in self.pictures.items()},
        )

    def without(self, faces: Ints, reason: str) -> "LabelledFaces":
        """Return the same set, the faces in some rows (m,) as if they had not been found, for a reason's code."""
        embeddings, norms, detected = self.embeddings.copy(), self.norms.copy(), self.detected.copy()
        embeddings[faces], norms[faces], detected[faces] = 0.0, 0.0, False
        gone = set(faces.tolist())
        rejected = tuple(reason if row in gone else told for row, told in enumerate(self.rejected))
        return replace(self, embeddings=embeddings, norms=norms, detected=detected, rejected=rejected)


def read_labelled(
    path: Path,
    embedder: Embedder | None,
    *,
    name: str | None = None,
    images_root: Path | None = None,
    tick: Tick = silent,
) -> LabelledFaces:
    """Read labelled faces and embed what is not in the cache.

    Args:
        path: a folder with a folder per identity; a CSV of pairs (``probe,reference,label``) or of faces
            (``subject,image`` and perhaps ``template`` and ``group``); an LFW-style pairs file; or an ``.npz`` of
            embeddings with labels.
        embedder: embeds the pictures; None where the file holds embeddings.
        name: what the set is called; the file's name by default.
        images_root: where the pictures' paths start from; beside the file by default.
        tick: told the share embedded.

    Raises:
        LabelsInvalid: if the labels cannot be read, naming the line, or a picture is not there.
        InferenceFailed, CacheUnusable: as ``Embedder.embed`` says.
    """
    called = name or path.stem
    if path.suffix == ".npz":
        found, listing = read_arrays(path)
        missing = tuple("" if row.any() else NO_EMBEDDING for row in found)
        return _labelled(called, listing, found, missing, "embedding")
    if embedder is None:
        raise LabelsInvalid(f"{path} names pictures, and only an .npz of embeddings can be read without a model pack.")
    listing = read_listing(path, images_root)
    told = embedder.embed_measured([listing.root / image for image in listing.images], tick)
    return _labelled(called, listing, told.embeddings, told.rejected, embedder.input_form, told.measures)


def _labelled(
    name: str,
    listing: Listing,
    found: Floats32,
    rejected: tuple[str, ...],
    input_form: InputForm,
    pictures: Mapping[str, Floats64] | None = None,
) -> LabelledFaces:
    return LabelledFaces(
        name=name,
        embeddings=unit_or_zeros(found),
        norms=telling_norms(found),
        detected=np.array([not reason for reason in rejected], dtype=bool),
        identities=listing.identities,
        identity_names=listing.identity_names,
        images=tuple(image.as_posix() for image in listing.images),
        input_form=input_form,
        identities_stated=listing.identities_stated,
        rejected=rejected,
        groups=listing.groups,
        group_names=listing.group_names,
        pairs=listing.pairs,
        templates=listing.templates,
        pictures=pictures or {},
    )


def unit_or_zeros(rows: Floats) -> Floats32:
    """Return rows (n, d) scaled to unit norm, float32, rows of zeros left as they are."""
    wide = np.asarray(rows, dtype=np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: Floats32 = np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 0).astype(np.float32)
    return unit
