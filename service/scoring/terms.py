"""What a method may know of a face besides its embedding: how it lies among the anchors."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from service.scoring.density import FaceDensities, crowding
from service.scoring.parameters import Parameters

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class FaceTerms:
    """Terms of n faces; None for a term that nobody asked for.

    Attributes:
        log_density: (n,), log F of the support sets.
        support_mean: (n,), mean similarity to the k anchors of the support set.
        cohort_mean: (n,), mean similarity to all anchors.
        cohort_spread: (n,), standard deviation of the similarities to all anchors, above 0.
        nearest_mean: (n,), mean similarity to the nearest anchors, as many as the parameter ``cohort``.
        nearest_spread: (n,), standard deviation of those, above 0.
    """

    log_density: Floats | None = None
    support_mean: Floats | None = None
    cohort_mean: Floats | None = None
    cohort_spread: Floats | None = None
    nearest_mean: Floats | None = None
    nearest_spread: Floats | None = None

    def map(self, change: Callable[[Floats], Floats]) -> "FaceTerms":
        """Return these terms with each array changed: rows taken, an axis added, another float type."""
        present = {field.name: getattr(self, field.name) for field in fields(self)}
        return FaceTerms(**{name: change(term) for name, term in present.items() if term is not None})

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
