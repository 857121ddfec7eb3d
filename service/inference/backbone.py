"""The backbone: aligned crops to unit embeddings."""

import numpy as np
from numpy.typing import NDArray

from service.errors import InferenceFailed
from service.inference.session import FloatArray, OnnxSession
from service.pack import BackboneFile
from service.preprocessing import to_input

ImageArray = NDArray[np.uint8]

# What the layers of four crops pass on stays in the caches of a CPU; a batch of 32 in one run takes a quarter longer.
_CPU_ROWS_PER_RUN = 4


def unit_rows(rows: FloatArray) -> FloatArray:
    """Return rows (n, d) of norms above 0 scaled to unit norm."""
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


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
            InferenceFailed: as ``represent`` says.
        """
        return unit_rows(self.represent(crops))

    def represent(self, crops: ImageArray) -> FloatArray:
        """Return what the network gives for aligned crops: embeddings of a length that tells good pictures from poor.

        Args:
            crops: (n, 112, 112, 3) uint8, RGB, n >= 1.

        Returns:
            (n, d) float32, each row of a norm above 0.

        Raises:
            InferenceFailed: if the network fails, or its output has another dimension than the pack says or no
                direction.
        """
        raw = self._run(to_input(crops, self._preprocessing))
        if raw.shape != (len(crops), self.dimension):
            raise InferenceFailed(f"The backbone gave {raw.shape}, the pack says {(len(crops), self.dimension)}.")
        norms = np.linalg.norm(raw, axis=1)
        if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
            raise InferenceFailed("The backbone gave an embedding without a direction.")
        return raw

    def _run(self, inputs: FloatArray) -> FloatArray:
        rows = _CPU_ROWS_PER_RUN if self._session.provider == "CPUExecutionProvider" else len(inputs)
        parts = [self._session.run(inputs[start : start + rows])[0] for start in range(0, len(inputs), rows)]
        return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts), dtype=np.float32)
