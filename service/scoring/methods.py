"""Every scoring method, by name; this table is the one place where a method is added."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.errors import UnknownMethod
from service.scoring.dao import dao
from service.scoring.density import FaceDensities
from service.scoring.parameters import Parameters
from service.scoring.similarity import cosine

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairTerms:
    """What a method may use of n pairs.

    Attributes:
        similarity: (n,) float64 in [-1, 1].
        log_density_probe: (n,) float64, log F of the probes; None where it is not known.
        log_density_reference: (n,) float64, log F of the references; None where it is not known.
    """

    similarity: FloatArray
    log_density_probe: FloatArray | None = None
    log_density_reference: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class PairScores:
    """Scores of n pairs.

    Attributes:
        similarity: (n,) float64 in [-1, 1].
        score: (n,) float64, the asked method's; higher is more alike.
        dao_score: (n,) float64, None where no densities were given.
    """

    similarity: FloatArray
    score: FloatArray
    dao_score: FloatArray | None


@dataclass(frozen=True, slots=True)
class Method:
    """A way to score pairs.

    Attributes:
        name: what a request calls it.
        needs_density: whether it cannot score without the densities of both sides.
        combine: the pairs' terms to their scores (n,); higher is more alike.
    """

    name: str
    needs_density: bool
    combine: Callable[[PairTerms, Parameters], FloatArray]

    def score(
        self,
        probes: ArrayLike,
        references: ArrayLike,
        densities: FaceDensities | None,
        parameters: Parameters,
    ) -> PairScores:
        """Score pairs of faces.

        Args:
            probes: (n, d), unit norm.
            references: (n, d), unit norm.
            densities: of 2n faces, first the probes, then the references; None where they are not known.
            parameters: those that gave the densities.

        Raises:
            ValueError: if the method needs densities and has none, or they are not of 2n faces.
        """
        if self.needs_density and densities is None:
            raise ValueError(f"The method {self.name} needs the densities of both sides.")
        terms = _terms(cosine(probes, references), densities)
        return PairScores(
            similarity=terms.similarity,
            score=self.combine(terms, parameters),
            dao_score=None if densities is None else _ida(terms, parameters),
        )


def find_method(name: str) -> Method:
    """Return the method of a name.

    Raises:
        UnknownMethod: listing the names there are.
    """
    method = METHODS.get(name)
    if method is None:
        raise UnknownMethod(f"There is no method {name!r}. Ask for one of: {', '.join(METHODS)}.")
    return method


def _terms(similarity: FloatArray, densities: FaceDensities | None) -> PairTerms:
    if densities is None:
        return PairTerms(similarity)
    pairs = len(similarity)
    if densities.log_density.shape != (2 * pairs,):
        raise ValueError(f"{pairs} pairs need densities of {2 * pairs} faces, not {densities.log_density.shape}.")
    return PairTerms(similarity, densities.log_density[:pairs], densities.log_density[pairs:])


def _cosine(terms: PairTerms, parameters: Parameters) -> FloatArray:  # noqa: ARG001 - every method has this signature
    return terms.similarity


def _ida(terms: PairTerms, parameters: Parameters) -> FloatArray:
    if terms.log_density_probe is None or terms.log_density_reference is None:
        raise ValueError("The DAO score needs the densities of both sides.")
    return dao(
        terms.similarity,
        terms.log_density_probe,
        terms.log_density_reference,
        tau=parameters.tau,
        strength=parameters.strength,
    )


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            Method(name="cosine", needs_density=False, combine=_cosine),
            Method(name="ida-r", needs_density=True, combine=_ida),
        )
    }
)
