"""The backbone: aligned crops to unit embeddings."""

import numpy as np

from service.arrays import Floats32, ImageArray
from service.errors import InferenceFailed
from service.inference.preprocessing import to_input
from service.inference.runs import RunGraph
from service.pack import BackboneFile


def unit_rows(rows: Floats32) -> Floats32:
    """Return rows (n, d) of norms above 0 scaled to unit norm."""
    unit: Floats32 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


class Backbone:
    """The network from aligned crop to embedding. Safe to call from several threads if its run is."""

    def __init__(self, run: RunGraph, spec: BackboneFile) -> None:
        self._run = run
        self._preprocessing = spec.preprocessing
        self.dimension = spec.dimension

    def embed(self, crops: ImageArray) -> Floats32:
        """Return the embeddings of aligned crops.

        Args:
            crops: (n, 112, 112, 3) uint8, RGB, n >= 1.

        Returns:
            (n, d) float32, each row of unit norm.

        Raises:
            InferenceFailed: as ``represent`` says.
        """
        return unit_rows(self.represent(crops))

    def represent(self, crops: ImageArray) -> Floats32:
        """Return what the network gives for aligned crops: embeddings of a length that tells good pictures from poor.

        Args:
            crops: (n, 112, 112, 3) uint8, RGB, n >= 1.

        Returns:
            (n, d) float32, each row of a norm above 0.

        Raises:
            InferenceFailed: if the network fails, or its output has another dimension than the pack says or no
                direction.
        """
        raw = np.asarray(self._run(to_input(crops, self._preprocessing))[0], dtype=np.float32)
        if raw.shape != (len(crops), self.dimension):
            raise InferenceFailed(f"The backbone gave {raw.shape}, the pack says {(len(crops), self.dimension)}.")
        norms = np.linalg.norm(raw, axis=1)
        if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
            raise InferenceFailed("The backbone gave an embedding without a direction.")
        return raw
