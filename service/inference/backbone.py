"""The backbone: aligned crops to unit embeddings."""

import numpy as np
from numpy.typing import NDArray

from service.errors import InferenceFailed
from service.inference.session import FloatArray, OnnxSession
from service.pack import BackboneFile
from service.preprocessing import to_input

ImageArray = NDArray[np.uint8]


class Backbone:
    """The network from aligned crop to embedding. Safe to call from several threads."""

    def __init__(self, session: OnnxSession, spec: BackboneFile) -> None:
        self._session = session
        self._preprocessing = spec.preprocessing
        self.dimension = spec.dimension

    def embed(self, crops: ImageArray) -> FloatArray:
        """Return the embeddings of aligned crops.

        Args:
            crops: (n, 112, 112, 3) uint8, RGB, n >= 1.

        Returns:
            (n, d) float32, each row of unit norm.

        Raises:
            InferenceFailed: if the network fails, or its output has another dimension than the pack says or no
                direction.
        """
        raw = np.asarray(self._session.run(to_input(crops, self._preprocessing))[0], dtype=np.float32)
        if raw.shape != (len(crops), self.dimension):
            raise InferenceFailed(f"The backbone gave {raw.shape}, the pack says {(len(crops), self.dimension)}.")
        norms = np.linalg.norm(raw, axis=1, keepdims=True)
        if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
            raise InferenceFailed("The backbone gave an embedding without a direction.")
        unit: FloatArray = raw / norms
        return unit
