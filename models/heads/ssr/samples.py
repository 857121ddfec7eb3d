"""Samples without end: points near faces, whose density is found like that of any other point of the sphere.

Real faces lie more evenly than generated ones, which share a look and crowd together. Most samples therefore have less
of what all generated faces share than the faces that they are made of.
"""

import torch
from torch.nn.functional import normalize

from models.heads.ssr.ssr_options import Shares

SampleBatch = tuple[torch.Tensor, torch.Tensor]

_NO_SOURCE = -1
# Exponents of the faces' variance along each principal direction: 0 would be even in all, 1 is as the faces lie.
_EVENNESS = (0.2, 0.8)
_PARTS_OF_SPREAD = (-0.4, 0.6)
_PARTS_OF_SHIFT = (-0.8, 0.2)
_MIXED = 4
_LEAST_KEPT = 0.3
# Directions in which the faces do not vary at all would have no scale.
_LEAST_VARIANCE = 1e-7


class Sampler:
    """Draws samples from a pool of faces. For one thread: its state is that of its random generator."""

    def __init__(self, faces: torch.Tensor, sources: torch.Tensor, shares: Shares, seed: int) -> None:
        """Take the faces.

        Args:
            faces: (n, d) float32, unit norm, n >= 2.
            sources: (n,) int64, number of each face's source image; -1 where it is none of an anchor's.
            shares: what a batch is made of.
            seed: of everything drawn.
        """
        self._faces = faces
        self._sources = sources
        self._shares = shares
        self._random = torch.Generator(device=faces.device).manual_seed(seed)
        centred = faces - faces.mean(dim=0)
        # On the CPU in float64: a GPU's eigenvectors differ from run to run.
        covariance = (centred.T @ centred / len(faces)).double().cpu()
        variances, directions = torch.linalg.eigh(covariance)
        self._variances = variances.clamp(min=_LEAST_VARIANCE).to(faces)
        self._directions = directions.to(faces)
        self._kinds = {"spread": self._spread, "mixture": self._mixture, "shift": self._shift, "noise": self._noise}

    def draw(self, count: int) -> SampleBatch:
        """Return samples (m, d) float32 of unit norm, and their sources (m,) int64, -1 for a point that has none."""
        sizes = self._shares.sizes(count)
        points = [self._kinds[kind](size) for kind, size in sizes.items() if size and kind in self._kinds]
        sources = [torch.full((len(made),), _NO_SOURCE, device=self._faces.device) for made in points]
        if sizes["face"]:
            rows = self._rows(sizes["face"])
            points.append(self._faces[rows])
            sources.append(self._sources[rows])
        return torch.cat(points), torch.cat(sources)

    def _spread(self, count: int) -> torch.Tensor:
        exponent = self._between(count, *_EVENNESS)
        deviations = normalize(self._variances[None, :] ** (exponent / 2), dim=1)
        even = normalize((self._normal(count) * deviations) @ self._directions.T, dim=1)
        return normalize(even + self._part(count, _PARTS_OF_SPREAD) + self._part(count, _PARTS_OF_SPREAD), dim=1)

    def _mixture(self, count: int) -> torch.Tensor:
        weights = torch.randn(count, _MIXED, 1, generator=self._random, device=self._faces.device)
        total = torch.zeros(count, self._faces.shape[1], device=self._faces.device)
        for number in range(_MIXED):
            total = total + weights[:, number] * self._some(count)
        return normalize(total, dim=1)

    def _shift(self, count: int) -> torch.Tensor:
        face = self._some(count)
        return normalize(face + self._part(count, _PARTS_OF_SHIFT) + self._part(count, _PARTS_OF_SHIFT), dim=1)

    def _noise(self, count: int) -> torch.Tensor:
        kept = self._between(count, _LEAST_KEPT, 1.0)
        anywhere = normalize(self._normal(count), dim=1)
        return normalize(kept * self._some(count) + torch.sqrt(1 - kept**2) * anywhere, dim=1)

    def _part(self, count: int, weight: tuple[float, float]) -> torch.Tensor:
        return self._between(count, *weight) * self._some(count)

    def _some(self, count: int) -> torch.Tensor:
        return self._faces[self._rows(count)]

    def _rows(self, count: int) -> torch.Tensor:
        return torch.randint(len(self._faces), (count,), generator=self._random, device=self._faces.device)

    def _normal(self, count: int) -> torch.Tensor:
        return torch.randn(count, self._faces.shape[1], generator=self._random, device=self._faces.device)

    def _between(self, count: int, low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, 1, generator=self._random, device=self._faces.device)
