"""Embeddings with labels in an ``.npz`` of NumPy arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.labelled.files.listing import Listing, PairList, TemplateList, refuse
from models.labelled.files.npz import load_npz
from service.arrays import Floats32, Ints

_ARRAYS = "embeddings, identities, images, groups, templates, first, second, mated, fold"


def read_arrays(path: Path) -> tuple[Floats32, Listing]:
    """Read embeddings and their labels.

    The arrays: ``embeddings`` (n, d) of any norm, a row of zeros standing for a face that was not found;
    ``identities`` (n,) names or numbers; perhaps ``images``, ``groups`` and ``templates`` (n,); perhaps the pairs
    ``first``, ``second`` (m,) rows and ``mated`` (m,) bool, with ``fold`` (m,).

    Returns:
        (n, d) float32 as stored, zeros where there was no face, and the labels.

    Raises:
        LabelsInvalid: naming the array, if one is missing or has another shape than the rest need.
    """
    arrays = _load(path)
    rows, identities = _rows(path, arrays), _take(path, arrays, "identities", 1)
    count = len(rows)
    per_face = {name: _take(path, arrays, name, 1) for name in ("images", "groups", "templates") if name in arrays}
    for name, array in [("identities", identities), *per_face.items()]:
        if len(array) != count:
            refuse(path, None, f"{name} has {len(array)} values, and there are {count} embeddings.")
    names, numbers = np.unique(identities, return_inverse=True)
    group_names, groups = np.unique(per_face.get("groups", identities), return_inverse=True)
    images = per_face.get("images", np.array([f"row {row}" for row in range(count)]))
    return rows, Listing(
        root=path.parent,
        images=tuple(Path(str(image)) for image in images),
        identities=numbers.astype(np.int64),
        identity_names=tuple(map(str, names)),
        groups=groups.astype(np.int64) if "groups" in per_face else None,
        group_names=tuple(map(str, group_names)) if "groups" in per_face else (),
        pairs=_pairs(path, arrays, numbers),
        templates=_templates(path, per_face.get("templates"), numbers),
    )


def read_embeddings(path: Path) -> tuple[Floats32, tuple[str, ...]]:
    """Read embeddings whatever labels stand beside them.

    Returns:
        (n, d) float32 as stored, zeros where there was no face; and what each is called: by ``images`` if there are
        any, else by its row.

    Raises:
        LabelsInvalid: as ``read_arrays`` says of the embeddings, and if ``images`` has another length.
    """
    arrays = _load(path)
    rows = _rows(path, arrays)
    if "images" not in arrays:
        return rows, tuple(f"row {row}" for row in range(len(rows)))
    images = _take(path, arrays, "images", 1)
    if len(images) != len(rows):
        refuse(path, None, f"images has {len(images)} values, and there are {len(rows)} embeddings.")
    return rows, tuple(map(str, images))


def _rows(path: Path, arrays: dict[str, NDArray[Any]]) -> Floats32:
    """Return the embeddings (n, d) float32; refuses what none can be."""
    embeddings = _take(path, arrays, "embeddings", 2)
    if embeddings.dtype.kind != "f":
        refuse(path, None, "embeddings must be of a float type.")
    with np.errstate(over="ignore", under="ignore"):
        rows: Floats32 = embeddings.astype(np.float32)
    # In float64 there are finite values, and lengths above 0, that are none in float32.
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    wrong = np.flatnonzero(~np.isfinite(lengths) | ((lengths == 0) & np.any(embeddings, axis=1)))
    if len(wrong):
        refuse(path, None, f"the embedding in row {wrong[0]} has a value that is no finite number within float32.")
    return rows


def _load(path: Path) -> dict[str, NDArray[Any]]:
    arrays = load_npz(path, lambda reason: refuse(path, None, reason))
    unknown = set(arrays) - set(_ARRAYS.split(", "))
    if unknown:
        refuse(path, None, f"it has arrays of unknown names ({', '.join(sorted(unknown))}); the names are {_ARRAYS}.")
    return arrays


def _take(path: Path, arrays: dict[str, NDArray[Any]], name: str, dimensions: int) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None or array.ndim != dimensions or not len(array):
        found = "is missing" if array is None else f"has the shape {array.shape}"
        refuse(path, None, f"{name} {found}; an array of {dimensions} dimension(s) is needed.")
    return array


def _pairs(path: Path, arrays: dict[str, NDArray[Any]], identities: Ints) -> PairList | None:
    if not {"first", "second", "mated", "fold"} & set(arrays):
        return None
    first, second, mated = (_take(path, arrays, name, 1) for name in ("first", "second", "mated"))
    fold = _take(path, arrays, "fold", 1) if "fold" in arrays else None
    count = len(identities)
    if len({len(array) for array in (first, second, mated, *([] if fold is None else [fold]))}) != 1:
        refuse(path, None, "first, second, mated and fold must have one value a pair.")
    for rows in (first, second):
        if rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= count:
            refuse(path, None, f"first and second must be rows of the embeddings, 0 to {count - 1}.")
    first, second, mated = first.astype(np.int64), second.astype(np.int64), mated.astype(bool)
    wrong = np.flatnonzero((identities[first] == identities[second]) != mated)
    if len(wrong) or np.any(first == second):
        pair = int(wrong[0]) if len(wrong) else int(np.flatnonzero(first == second)[0])
        refuse(path, None, f"the pair in position {pair} contradicts the identities, or is a face with itself.")
    return PairList(first, second, mated, None if fold is None else np.unique(fold, return_inverse=True)[1])


def _templates(path: Path, templates: NDArray[Any] | None, identities: Ints) -> TemplateList | None:
    if templates is None:
        return None
    names, numbers = np.unique(templates, return_inverse=True)
    owner = np.full(len(names), -1, np.int64)
    owner[numbers] = identities
    wrong = np.flatnonzero(owner[numbers] != identities)
    if len(wrong):
        refuse(path, None, f"the template {names[numbers[wrong[0]]]} is of several identities.")
    return TemplateList(tuple(map(str, names)), numbers.astype(np.int64), np.arange(len(identities)))
