"""The uncertainty head (PFE): how sure each value of an embedding is, told from the embedding alone."""

import numpy as np

from service.arrays import Floats32
from service.errors import InferenceFailed
from service.inference.head import Head


class PfeHead(Head):
    """The network from embedding to the variances of its values. Safe to call from several threads."""

    def log_variance(self, embeddings: Floats32) -> Floats32:
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
