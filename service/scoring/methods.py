"""Every scoring method, by name; this table is the one place where a method is added."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from service.arrays import Floats, Floats64
from service.errors import UnknownMethod
from service.scoring.dao import log_dao, to_score
from service.scoring.likelihood import log_likelihood_ratio
from service.scoring.mls import mutual_likelihood, pfe_similarity
from service.scoring.parameters import Parameters
from service.scoring.similarity import cosine
from service.scoring.terms import (
    COHORT,
    LIKELIHOOD,
    LIKELIHOOD_PREDICTED,
    NEAREST,
    PREDICTION,
    SUPPORT,
    VARIANCE,
    FaceTerms,
    Statistic,
)

Scale = Literal["linear", "log"]


@dataclass(frozen=True, slots=True)
class PairScores:
    """Scores of n pairs.

    Attributes:
        similarity: (n,) float64 in [-1, 1].
        score: (n,) float64, the asked method's; higher is more alike.
        dao_score: (n,) float64, None where the densities are not known.
    """

    similarity: Floats64
    score: Floats64
    dao_score: Floats64 | None


@dataclass(frozen=True, slots=True)
class Method:
    """A way to score pairs.

    Attributes:
        name: what a request calls it.
        needs: which statistics of both faces it cannot do without.
        scale: "log" where ``combine`` gives the log of the score, "linear" where it gives the score.
        combine: similarities, terms of the probes and of the references, and parameters to a number that orders
            pairs, higher being more alike. Similarities and terms need only broadcast against each other, and the
            result keeps their float type, so that a whole block of pairs is one call.
        parameters: names of the parameters that its scores depend on.
        tells_llr: whether its score is a log-likelihood ratio (natural logarithm).
    """

    name: str
    needs: tuple[Statistic, ...]
    scale: Scale
    combine: Callable[[Floats, FaceTerms, FaceTerms, Parameters], Floats]
    parameters: tuple[str, ...] = ()
    tells_llr: bool = False

    def score(
        self, probes: ArrayLike, references: ArrayLike, terms: FaceTerms | None, parameters: Parameters
    ) -> PairScores:
        """Score pairs of faces.

        Args:
            probes: (n, d), unit norm.
            references: (n, d), unit norm.
            terms: of 2n faces, first the probes, then the references; None where none are known.
            parameters: those that gave the terms.

        Raises:
            ValueError: if a term that the method needs is missing, or the terms are not of 2n faces.
        """
        similarity = cosine(probes, references)
        probe, reference = _sides(terms or FaceTerms(), len(similarity))
        combined = np.asarray(self.combine(similarity, probe, reference, parameters), dtype=np.float64)
        known = "log_density" in probe
        return PairScores(
            similarity=similarity,
            score=to_score(combined) if self.scale == "log" else combined,
            dao_score=to_score(_ida(similarity, probe, reference, parameters)) if known else None,
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


def methods_of(provided: Collection[Statistic]) -> tuple[str, ...]:
    """Return the names of the methods whose needs are among the statistics that are provided."""
    return tuple(method.name for method in METHODS.values() if set(method.needs) <= set(provided))


def _sides(terms: FaceTerms, pairs: int) -> tuple[FaceTerms, FaceTerms]:
    def half(start: int) -> Callable[[Floats], Floats]:
        def take(term: Floats) -> Floats:
            if len(term) != 2 * pairs:
                raise ValueError(f"{pairs} pairs need the terms of {2 * pairs} faces, not of {term.shape}.")
            return term[start : start + pairs]

        return take

    return terms.map(half(0)), terms.map(half(pairs))


def _cosine(similarity: Floats, probe: FaceTerms, reference: FaceTerms, parameters: Parameters) -> Floats:  # noqa: ARG001 - every method has this signature
    return similarity


def _ida(similarity: Floats, probe: FaceTerms, reference: FaceTerms, parameters: Parameters) -> Floats:
    return log_dao(
        similarity,
        _weighted(probe, parameters),
        _weighted(reference, parameters),
        tau=parameters.tau,
        strength=parameters.strength,
    )


def _pfe(similarity: Floats, probe: FaceTerms, reference: FaceTerms, parameters: Parameters) -> Floats:  # noqa: ARG001 - every method has this signature
    means = probe["mean"], reference["mean"]
    variances = probe["log_variance"], reference["log_variance"]
    return pfe_similarity(mutual_likelihood(*means, *variances), means[0].shape[-1], probe["sigma0_squared"])


def _pfe_ida(similarity: Floats, probe: FaceTerms, reference: FaceTerms, parameters: Parameters) -> Floats:
    # The paper's Table 5: DAO with the mutual likelihood in the place of the inner product, the density as before.
    likelihood = _pfe(similarity, probe, reference, parameters)
    return _ida(likelihood, probe, reference, parameters.model_copy(update={"strength": parameters.pfe_strength}))


def _weighted(face: FaceTerms, parameters: Parameters) -> Floats:
    """Return log(F / ||f||^p): better pictures get longer outputs of a backbone, and score higher in every pair."""
    if "log_norm" not in face or parameters.norm_power == 0:
        return face["log_density"]
    weighted: Floats = face["log_density"] - parameters.norm_power * face["log_norm"]
    return weighted


def _csls(similarity: Floats, probe: FaceTerms, reference: FaceTerms, parameters: Parameters) -> Floats:  # noqa: ARG001 - every method has this signature
    # Conneau et al. 2018, "Word translation without parallel data": 2 cos(x, y) - r_k(x) - r_k(y).
    return 2 * similarity - (probe["support_mean"] + reference["support_mean"])


def _s_norm(similarity: Floats, probe: FaceTerms, reference: FaceTerms, parameters: Parameters) -> Floats:  # noqa: ARG001 - every method has this signature
    # Kenny 2010: the mean of the two z-scores, each side's against its similarities to all anchors.
    return 0.5 * _z(similarity, probe, "cohort") + 0.5 * _z(similarity, reference, "cohort")


def _as_norm(similarity: Floats, probe: FaceTerms, reference: FaceTerms, parameters: Parameters) -> Floats:  # noqa: ARG001 - every method has this signature
    # Matejka et al. 2017: as s-norm, each side's statistics taken over the anchors nearest to it alone.
    return 0.5 * _z(similarity, probe, "nearest") + 0.5 * _z(similarity, reference, "nearest")


def _likelihood(similarity: Floats, probe: FaceTerms, reference: FaceTerms, parameters: Parameters) -> Floats:  # noqa: ARG001 - every method has this signature
    return log_likelihood_ratio(similarity, probe, reference)


def _z(similarity: Floats, face: FaceTerms, of: str) -> Floats:
    z: Floats = (similarity - face[f"{of}_mean"]) / face[f"{of}_spread"]
    return z


COSINE = "cosine"
"""The method that needs nothing but the embeddings."""

_DAO_PARAMETERS = ("k", "tau", "strength", "guard", "norm_power", "typical_norm")

_LIKELIHOOD_PARAMETERS = ("k", "tau", "guard", "typical_norm")

_PFE_PARAMETERS = ("k", "tau", "pfe_strength", "guard", "norm_power", "typical_norm")

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            Method(COSINE, (), "linear", _cosine),
            Method("ida-r", (SUPPORT,), "log", _ida, _DAO_PARAMETERS),
            # Eq. 4 as well, its densities predicted from the embeddings alone.
            Method("ida-l", (PREDICTION,), "log", _ida, _DAO_PARAMETERS),
            Method("pfe", (VARIANCE,), "linear", _pfe),
            Method("pfe+ida-r", (VARIANCE, SUPPORT), "log", _pfe_ida, _PFE_PARAMETERS),
            Method("csls", (SUPPORT,), "linear", _csls, ("k", "guard")),
            Method("s-norm", (COHORT,), "linear", _s_norm, ("guard",)),
            Method("as-norm", (NEAREST,), "linear", _as_norm, ("cohort", "guard")),
            Method(
                "ida-q", (SUPPORT, COHORT, LIKELIHOOD), "linear", _likelihood, _LIKELIHOOD_PARAMETERS, tells_llr=True
            ),
            # Of predicted densities and norms alone, without a search.
            Method(
                "ida-ql",
                (PREDICTION, LIKELIHOOD_PREDICTED),
                "linear",
                _likelihood,
                _LIKELIHOOD_PARAMETERS,
                tells_llr=True,
            ),
        )
    }
)
