"""The SSR head (support set regression): the density of an embedding's support set, told from the embedding alone."""

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from service.errors import InferenceFailed
from service.inference.session import FloatArray, OnnxSession


class SsrHead:
    """The network from embedding to density. Safe to call from several threads."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    @classmethod
    def load(cls, path: Path, *, threads: int = 1) -> Self:
        """Load a head, on the CPU: two small layers take less time than their way to another device.

        Args:
            path: the ONNX file.
            threads: threads of one run, 1 or more.

        Raises:
            PackInvalid: if the file is no network that ONNX Runtime can load.
        """
        return cls(OnnxSession(path, device="cpu", threads=threads))

    def log_density(self, embeddings: FloatArray) -> NDArray[np.float64]:
        """Return log F of the embeddings' support sets, as the head tells them (Eq. 6).

        Args:
            embeddings: (n, d) float32, unit norm.

        Returns:
            (n,) float64; lower is more crowded.

        Raises:
            InferenceFailed: if the network fails, or gives anything but one density above 0 for each embedding.
        """
        density = np.asarray(self._session.run(embeddings)[0], dtype=np.float64)
        if density.shape != (len(embeddings),):
            raise InferenceFailed(f"The SSR head gave {density.shape} for {len(embeddings)} embeddings.")
        if not np.all(np.isfinite(density) & (density > 0)):
            raise InferenceFailed("The SSR head gave a density that is not above 0.")
        log_f: NDArray[np.float64] = np.log(density)
        return log_f
