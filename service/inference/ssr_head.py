"""The SSR head (support set regression): the density of an embedding's support set, told from the embedding alone."""

import numpy as np

from service.arrays import Floats32, Floats64
from service.errors import InferenceFailed
from service.inference.head import Head


class SsrHead(Head):
    """The network from embedding to density. Safe to call from several threads."""

    def log_density(self, embeddings: Floats32) -> Floats64:
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
        log_f: Floats64 = np.log(density)
        return log_f
