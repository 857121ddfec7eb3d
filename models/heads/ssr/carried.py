"""Training embeddings that a bundle carries, a byte a value: it alone is enough to train its head again."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.heads.ssr.pool import Pool
from service.bundle.bundle_manifest import TRAINING, Manifest
from service.bundle.writer import PartContent, array_content
from service.errors import BundleInvalid

_LARGEST = 127


def packed(pool: Pool) -> NDArray[np.void]:
    """Return embeddings as a bundle carries them: (n,) records of values (d,) int8 and source int32.

    No scale is kept, since the embeddings have unit norm; rounding turns one by a third of a degree or so.
    """
    records = np.zeros(len(pool), dtype=_record(pool.embeddings.shape[1]))
    largest = np.max(np.abs(pool.embeddings), axis=1, keepdims=True)
    records["values"] = np.rint(pool.embeddings / largest * _LARGEST)
    records["source"] = pool.sources
    return records


def unpacked(records: NDArray[np.void]) -> Pool:
    """Return the embeddings that records stand for."""
    values = records["values"].astype(np.float64)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return Pool(values.astype(np.float32), records["source"].astype(np.int64))


def training_content(records: NDArray[np.void]) -> PartContent:
    """Return the part of a bundle that carries training embeddings."""
    return array_content(f"{TRAINING}.npy", records)


def read_carried(folder: Path, manifest: Manifest) -> Pool | None:
    """Return the training embeddings of a bundle that was found whole; None where it carries none.

    Raises:
        BundleInvalid: if the part holds something else.
    """
    if TRAINING not in manifest.parts:
        return None
    path = folder / manifest.parts[TRAINING].file
    try:
        records = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BundleInvalid(f"{path} cannot be read: {error}.") from error
    if records.ndim != 1 or records.dtype != _record(manifest.dimension) or not np.all(records["values"].any(axis=1)):
        raise BundleInvalid(
            f"{path} holds no training embeddings of {manifest.dimension} values: carry them again with "
            "`ida-verify ssr train --generated`."
        )
    return unpacked(records)


def _record(dimension: int) -> np.dtype[np.void]:
    return np.dtype([("values", "i1", (dimension,)), ("source", "<i4")])
