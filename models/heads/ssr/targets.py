"""What a head should say of a point: the log of F of its support set, found among all anchors."""

import torch

from service.errors import TooFewAnchors
from service.scoring.parameters import Parameters


class Targets:
    """Finds the support sets of points exactly. For one thread."""

    def __init__(self, anchors: torch.Tensor, sources: torch.Tensor, parameters: Parameters) -> None:
        """Take the anchors.

        Args:
            anchors: (n, d) float32, unit norm.
            sources: (n,) int64, number of each anchor's source image, 0 or more.
            parameters: k, tau and guard.

        Raises:
            TooFewAnchors: if there are fewer than k.
        """
        if len(anchors) < parameters.k:
            raise TooFewAnchors(f"A support set of {parameters.k} anchors was asked of a set of {len(anchors)}.")
        self._anchors = anchors
        self._sources = sources
        self._parameters = parameters

    def log_density(self, points: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        """Return log F of the support sets of points, (m,) float32.

        Args:
            points: (m, d) float32, unit norm.
            sources: (m,) int64; anchors made from a point's own source image are left out. -1 for none.

        Raises:
            TooFewAnchors: if the guard, or its own source, leaves fewer than k anchors for a point.
        """
        similarities = points @ self._anchors.T
        left_out = self._sources[None, :] == sources[:, None]
        if self._parameters.guard is not None:
            left_out |= similarities >= self._parameters.guard
        support = similarities.masked_fill(left_out, -torch.inf).topk(self._parameters.k, dim=1, sorted=False).values
        if bool(torch.isinf(support).any()):
            raise TooFewAnchors(
                f"For a face or a sample near one, fewer than k = {self._parameters.k} anchors are left: use more "
                "anchors, or a higher guard."
            )
        # Eq. 4: F = 1 / sum_i exp(tau * s_i)
        return -torch.logsumexp(self._parameters.tau * support, dim=1)
