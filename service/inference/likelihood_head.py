"""The likelihood network: from statistics of a face to its part of the line from similarity to evidence."""

import numpy as np

from service.arrays import Floats32
from service.errors import InferenceFailed
from service.inference.head import Head

OUTPUTS = 4
"""Slope, middle, look and offset."""

# What is learned lies within some tens; beyond this a float32 score would lose the digits that tell pairs apart.
_LARGEST = 1000.0


class LikelihoodHead(Head):
    """The network from a face's statistics to slope, middle, look and offset. Safe to call from several threads."""

    def lines(self, statistics: Floats32) -> Floats32:
        """Return slope, middle, look and offset of each face.

        Args:
            statistics: (n, d) float32, in the order that the network's card names.

        Returns:
            (n, 4) float32.

        Raises:
            InferenceFailed: if the network fails, or gives anything but four bounded numbers for each face.
        """
        found = np.asarray(self._session.run(statistics)[0], dtype=np.float32)
        if found.shape != (len(statistics), OUTPUTS):
            raise InferenceFailed(f"The likelihood network gave {found.shape} for {len(statistics)} faces.")
        # Written so that what is no number is refused as well.
        if not np.all(np.abs(found) <= _LARGEST):
            raise InferenceFailed(f"The likelihood network gave a value beyond {_LARGEST:g}, or none.")
        return found
