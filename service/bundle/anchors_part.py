"""The anchor set: embeddings of faces that nobody is compared with, and the id that says exactly which."""

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from service.arrays import Floats32
from service.pack import digest_of

StoredArray = NDArray[np.float16] | Floats32


def anchors_digest(stored: StoredArray, backbone_id: str) -> str:
    """Return the id of an anchor set: 16 hex digits that follow from its stored bytes and its backbone.

    Args:
        stored: (n, d) float16 or float32, as stored.
        backbone_id: the backbone that gave the embeddings.
    """
    little_endian = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("<"))
    return digest_of(
        {
            "backbone_id": backbone_id,
            "dtype": little_endian.dtype.str,
            "shape": list(little_endian.shape),
            "embeddings": hashlib.sha256(little_endian.data).hexdigest(),
        }
    )


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """The anchors of one backbone. Never changes, so any number of threads may read it.

    Attributes:
        embeddings: (n, d) float32, each row of unit norm; read-only.
        anchors_digest: digest of the stored embeddings and the backbone.
        backbone_id: the backbone that gave them.
    """

    embeddings: Floats32
    anchors_digest: str
    backbone_id: str

    @classmethod
    def from_stored(cls, stored: StoredArray, backbone_id: str, widened: Floats32 | None = None) -> Self:
        """Return the anchor set that stored embeddings stand for.

        Args:
            stored: (n, d) float16 or float32, finite, of unit norm to the stored precision.
            backbone_id: the backbone that gave them.
            widened: the same in float32, which becomes the set's own and is changed; None to make it here.
        """
        embeddings = stored.astype(np.float32) if widened is None else widened
        # Rounding to float16 moves a norm by up to 5e-4, which every similarity would inherit.
        norms = np.sqrt(np.einsum("nd,nd->n", embeddings, embeddings, dtype=np.float64))
        embeddings /= norms.astype(np.float32)[:, None]
        embeddings.setflags(write=False)
        return cls(embeddings, anchors_digest(stored, backbone_id), backbone_id)

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def dimension(self) -> int:
        """Values of one embedding."""
        return int(self.embeddings.shape[1])
