"""What a method may know of a face besides its embedding: how it lies among the anchors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Protocol

import numpy as np

from service.arrays import Floats, Floats32
from service.scoring.density import FaceDensities, crowding
from service.scoring.parameters import Parameters

LEAST_NORM = 0.8
"""The least norm that counts, as a share of the typical one.

What is shorter is hardly a face: it should gain no more by its poverty, and what the anchors say of it should stand.
"""


class Need(Enum):
    """Which terms of each face a method combines, and so what must be there to find them."""

    NOTHING = "nothing"
    SUPPORT = "support"
    COHORT = "cohort"
    NEAREST = "nearest"
    PREDICTION = "prediction"
    VARIANCE = "variance"
    VARIANCE_AND_SUPPORT = "variance and support"


@dataclass(frozen=True, slots=True, eq=False)
class FaceTerms:
    """Terms of n faces; None for a term that nobody asked for.

    Attributes:
        log_density: (n,), log F of the support sets, searched or predicted.
        support_mean: (n,), mean similarity to the k anchors of the support set.
        cohort_mean: (n,), mean similarity to all anchors.
        cohort_spread: (n,), standard deviation of the similarities to all anchors, above 0.
        nearest_mean: (n,), mean similarity to the nearest anchors, as many as the parameter ``cohort``.
        nearest_spread: (n,), standard deviation of those, above 0.
        log_norm: (n,), log of the length of what the backbone gave, over the typical length; log LEAST_NORM or more.
        mean: (n, d), the embeddings themselves, where their variances are known.
        log_variance: (n, d), log sigma^2 of the embeddings' values.
        sigma0_squared: (n,), the variance at which scores of likelihood have the scale of the cosine.
    """

    log_density: Floats | None = None
    support_mean: Floats | None = None
    cohort_mean: Floats | None = None
    cohort_spread: Floats | None = None
    nearest_mean: Floats | None = None
    nearest_spread: Floats | None = None
    log_norm: Floats | None = None
    mean: Floats | None = None
    log_variance: Floats | None = None
    sigma0_squared: Floats | None = None

    def map(self, change: Callable[[Floats], Floats]) -> "FaceTerms":
        """Return these terms with each array changed: rows taken, an axis added, another float type."""
        present = {field.name: getattr(self, field.name) for field in fields(self)}
        return FaceTerms(**{name: change(term) for name, term in present.items() if term is not None})

    @classmethod
    def concatenated(cls, parts: Sequence["FaceTerms"]) -> "FaceTerms":
        """Return the terms of several calls, 1 or more, that were asked for the same."""
        names = [field.name for field in fields(cls) if getattr(parts[0], field.name) is not None]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    def joined(self, others: "FaceTerms") -> "FaceTerms":
        """Return these terms, and those of others that are not among them."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(others, **{name: term for name, term in own.items() if term is not None})

    def with_norms(self, norms: Floats, parameters: Parameters) -> "FaceTerms":
        """Return these terms and those of the faces' norms.

        Args:
            norms: (n,), lengths of the backbone's outputs; 0 where one is not known, which counts as typical.
            parameters: say what is typical.
        """
        shares = np.where(norms > 0, norms / parameters.typical_norm, 1.0)
        return replace(self, log_norm=np.log(np.maximum(shares, LEAST_NORM)))

    def densities(self, parameters: Parameters) -> FaceDensities | None:
        """Return the densities, None where they are not known.

        Args:
            parameters: those that gave the terms.
        """
        if self.log_density is None:
            return None
        log_f = np.asarray(self.log_density, dtype=np.float64)
        return FaceDensities(
            log_density=log_f,
            density=np.exp(log_f),
            crowding=crowding(log_f, k=parameters.k, tau=parameters.tau),
        )


class TermSource(Protocol):
    """Gives terms of faces. Safe to call from several threads."""

    @property
    def provides(self) -> frozenset[Need]:
        """The needs that it can meet."""
        ...

    def terms(self, embeddings: Floats32, need: Need, parameters: Parameters) -> FaceTerms:
        """Return the terms that a need names, and perhaps others found with them.

        Args:
            embeddings: (n, d) float32, unit norm.
            need: one of those it provides.
            parameters: those that the terms depend on.
        """
        ...
