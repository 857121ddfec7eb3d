"""The uncertainty head (PFE): how sure each value of an embedding is, told from the embedding alone."""

from pathlib import Path
from typing import Self

import numpy as np

from service.errors import InferenceFailed
from service.inference.session import FloatArray, OnnxSession


class PfeHead:
    """The network from embedding to the variances of its values. Safe to call from several threads."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    @classmethod
    def load(cls, path: Path, *, threads: int = 1) -> Self:
        """Load a head, on the CPU.

        Args:
            path: the ONNX file.
            threads: threads of one run, 1 or more.

        Raises:
            PackInvalid: if the file is no network that ONNX Runtime can load.
        """
        return cls(OnnxSession(path, device="cpu", threads=threads))

    def log_variance(self, embeddings: FloatArray) -> FloatArray:
        """Return log sigma^2 of every value.

        Args:
            embeddings: (n, d) float32, unit norm.

        Returns:
            (n, d) float32.

        Raises:
            InferenceFailed: if the network fails, or gives anything but a finite number for each value.
        """
        found = np.asarray(self._session.run(embeddings)[0], dtype=np.float32)
        if found.shape != embeddings.shape or not np.all(np.isfinite(found)):
            raise InferenceFailed(f"The PFE head gave {found.shape} for embeddings {embeddings.shape}, or no numbers.")
        return found
