"""The backbone: aligned crops to unit embeddings."""

from collections.abc import Sequence

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
    """The networks of a pack from aligned crop to embedding: one, or several whose embeddings stand side by side.

    Of several, each unit embedding is multiplied by the root of its weight, so that the cosine of two faces is the
    weighted mean of the networks' cosines; the length is what the first network gives. Safe to call from several
    threads if the runs are.
    """

    def __init__(self, runs: Sequence[RunGraph], specs: Sequence[BackboneFile]) -> None:
        """Take the networks.

        Args:
            runs: each network, ready to run.
            specs: what the pack says of each, in the same order.
        """
        self._networks = [_OneBackbone(run, spec) for run, spec in zip(runs, specs, strict=True)]
        weights = np.array([spec.weight for spec in specs])
        self._factors = np.sqrt(weights / weights.sum()).astype(np.float32)
        self.dimension = sum(spec.dimension for spec in specs)

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
        """Return embeddings of aligned crops of a length that tells good pictures from poor.

        Args:
            crops: (n, 112, 112, 3) uint8, RGB, n >= 1.

        Returns:
            (n, d) float32, each row of a norm above 0.

        Raises:
            InferenceFailed: if a network fails, or its output has another dimension than the pack says or no
                direction.
        """
        raw = [network.represent(crops) for network in self._networks]
        if len(raw) == 1:
            return raw[0]
        lengths = np.linalg.norm(raw[0], axis=1, keepdims=True)
        parts = [factor * unit_rows(rows) for factor, rows in zip(self._factors, raw, strict=True)]
        together: Floats32 = lengths * np.concatenate(parts, axis=1)
        return together


class _OneBackbone:
    """One network from aligned crop to embedding."""

    def __init__(self, run: RunGraph, spec: BackboneFile) -> None:
        self._run = run
        self._spec = spec

    def represent(self, crops: ImageArray) -> Floats32:
        """Return what the network gives for aligned crops; see ``Backbone.represent``."""
        raw = np.asarray(self._run(to_input(crops, self._spec.preprocessing))[0], dtype=np.float32)
        if raw.shape != (len(crops), self._spec.dimension):
            raise InferenceFailed(
                f"The backbone {self._spec.file} gave {raw.shape}, the pack says {(len(crops), self._spec.dimension)}."
            )
        norms = np.linalg.norm(raw, axis=1)
        if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
            raise InferenceFailed(f"The backbone {self._spec.file} gave an embedding without a direction.")
        return raw
