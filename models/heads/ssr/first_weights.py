"""A head's first weights: units that already look at where the anchors are, and a second layer fitted to them."""

import torch
from torch.nn.functional import normalize

from models.heads.ssr.ssr_network import Layers

_ROUNDS = 8
# Of the samples, the share that leaves a unit at rest: a unit then speaks for its own neighbourhood.
_AT_REST = 0.8
_RIDGE = 1e-4
# Centres beyond the number of anchors are anchors drawn again, moved so that no two units are the same.
_JITTER = 0.05


def set_first_weights(
    head: Layers, anchors: torch.Tensor, points: torch.Tensor, wanted: torch.Tensor, seed: int
) -> None:
    """Set a head's weights to where training starts.

    Args:
        head: on the CPU.
        anchors: (n, d) float32, unit norm: the first layer's directions are their clusters.
        points: (m, d) float32, samples that set each unit's threshold and fit the second layer.
        wanted: (m,) float32, what the head should say of them.
        seed: of the clusters.
    """
    first, second = head.first, head.second
    with torch.no_grad():
        centres = _clusters(anchors, first.out_features, seed)
        first.weight.copy_(centres)
        first.bias.copy_(-torch.quantile(points @ centres.T, _AT_REST, dim=0))
        active = torch.cat([head.hidden(points), torch.ones(len(points), 1)], dim=1)
        penalty = _RIDGE * len(points) * float(active[:, :-1].var())
        system = active.T @ active + max(penalty, 1e-9) * torch.eye(active.shape[1])
        solved = torch.linalg.solve(system.double(), (active.T @ wanted).double()).float()
        second.weight.copy_(solved[None, :-1])
        second.bias.copy_(solved[-1:])


def _clusters(anchors: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Return the centres (count, d) of the anchors' clusters, of unit norm, after a few rounds of k-means."""
    random = torch.Generator().manual_seed(seed)
    centres = anchors[torch.randperm(len(anchors), generator=random)[:count]]
    for _ in range(_ROUNDS):
        nearest = (anchors @ centres.T).argmax(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, anchors)
        found = sums.norm(dim=1) > 0
        centres = torch.where(found[:, None], normalize(sums, dim=1), centres)
    missing = count - len(centres)
    if missing <= 0:
        return centres
    again = anchors[torch.randint(len(anchors), (missing,), generator=random)]
    moved = again + _JITTER * torch.randn(again.shape, generator=random)
    return torch.cat([centres, normalize(moved, dim=1)])
