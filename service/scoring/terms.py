"""What a method may know of a face besides its embedding: kinds of face statistics, and the terms that each gives.

A new kind touches three files: it is declared here, found by a source in a file of its own, and that source is opened
in ``service.snapshot.term_sources``. A method that needs it names it in ``service.scoring.methods``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from service.arrays import Floats, Floats32
from service.scoring.density import FaceDensities, crowding
from service.scoring.parameters import Parameters

LEAST_NORM = 0.8
"""The least norm that counts, as a share of the typical one.

What is shorter is hardly a face: it should gain no more by its poverty, and what the anchors say of it should stand.
"""

ANCHORS, SSR_HEAD, PFE_HEAD = "anchors", "ssr", "pfe"
IDA_Q_HEAD, IDA_QL_HEAD = "ida_q", "ida_ql"
_NO_SEARCH = "the anchors are not searched (IDA_ANCHOR_SEARCH=off)"


@dataclass(frozen=True, slots=True)
class Statistic:
    """A kind of face statistics.

    Attributes:
        name: what it is called.
        source: what gives it: the anchors, or the head of this part of a bundle.
        terms: names of the terms that it gives of each face.
        lacking: why it is not there where its source is missing, and what to do.
        is_kept: whether finding it again costs more than keeping it.
        rests_on: the statistics that it is told from, where it is not told from the embedding.
    """

    name: str
    source: str
    terms: tuple[str, ...]
    lacking: str
    is_kept: bool = False
    rests_on: "tuple[Statistic, ...]" = ()


SUPPORT = Statistic("support", ANCHORS, ("log_density", "support_mean"), _NO_SEARCH, is_kept=True)
"""log F of the support set of the k nearest anchors, and the mean similarity to them."""

NEAREST = Statistic("nearest", ANCHORS, (*SUPPORT.terms, "nearest_mean", "nearest_spread"), _NO_SEARCH, is_kept=True)
"""Mean and standard deviation (above 0) of the similarities to the nearest anchors, as many as ``cohort`` says."""

COHORT = Statistic("cohort", ANCHORS, ("cohort_mean", "cohort_spread"), _NO_SEARCH)
"""Mean and standard deviation (above 0) of the similarities to all anchors."""

PREDICTION = Statistic(
    "prediction", SSR_HEAD, ("log_density",), "the anchor set has no SSR head (`ida-verify ssr train` makes one)"
)
"""log F as the SSR head predicts it."""

VARIANCE = Statistic(
    "variance",
    PFE_HEAD,
    ("mean", "log_variance", "sigma0_squared"),
    "the anchor set has no PFE head (`ida-verify pfe train` makes one)",
)
"""The embeddings themselves (n, d), log sigma^2 of their values (n, d), and the variance at the cosine's scale."""

_LINE = ("llr_slope", "llr_middle", "llr_look", "llr_offset")
_NOT_TAUGHT = "the anchor set has no network for it (`ida-verify calibrate` trains one on people enough)"

LIKELIHOOD = Statistic("likelihood", IDA_Q_HEAD, _LINE, _NOT_TAUGHT, rests_on=(SUPPORT, COHORT))
"""A face's part of the line from similarity to log-likelihood ratio, told from its norm and the anchors about it."""

LIKELIHOOD_PREDICTED = Statistic("likelihood_predicted", IDA_QL_HEAD, _LINE, _NOT_TAUGHT, rests_on=(PREDICTION,))
"""The same, told from its norm and the density that the SSR head predicts."""


class FaceTerms:
    """Terms of n faces by name, each (n,) or (n, d); only those that somebody asked for. Never changes.

    Besides those of the statistics there are ``log_length``, the log of the length of what the backbone gave over the
    typical length, and ``log_norm``, the same but log ``LEAST_NORM`` at least.
    """

    __slots__ = ("_terms",)

    def __init__(self, **terms: Floats) -> None:
        self._terms = terms

    def __getitem__(self, name: str) -> Floats:
        """Return a term.

        Raises:
            ValueError: if nobody asked for it.
        """
        try:
            return self._terms[name]
        except KeyError:
            raise ValueError(f"The method needs the {name} of both sides.") from None

    def __contains__(self, name: str) -> bool:
        return name in self._terms

    def map(self, change: Callable[[Floats], Floats]) -> "FaceTerms":
        """Return these terms with each array changed: rows taken, an axis added, another float type."""
        return FaceTerms(**{name: change(term) for name, term in self._terms.items()})

    @classmethod
    def concatenated(cls, parts: Sequence["FaceTerms"]) -> "FaceTerms":
        """Return the terms of several calls, 1 or more, that were asked for the same."""
        return cls(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]._terms})

    def joined(self, others: "FaceTerms") -> "FaceTerms":
        """Return these terms, and those of others that are not among them."""
        return FaceTerms(**others._terms | self._terms)

    def with_norms(self, norms: Floats, parameters: Parameters) -> "FaceTerms":
        """Return these terms and those of the faces' norms.

        Args:
            norms: (n,), lengths of the backbone's outputs; 0 where one is not known, which counts as typical.
            parameters: say what is typical.
        """
        shares = np.where(norms > 0, norms / parameters.typical_norm, 1.0)
        lengths = {"log_length": np.log(shares), "log_norm": np.log(np.maximum(shares, LEAST_NORM))}
        return FaceTerms(**self._terms | lengths)

    def densities(self, parameters: Parameters) -> FaceDensities:
        """Return the densities.

        Args:
            parameters: those that gave the terms.

        Raises:
            ValueError: if they are not known.
        """
        log_f = np.asarray(self["log_density"], dtype=np.float64)
        return FaceDensities(
            log_density=log_f,
            density=np.exp(log_f),
            crowding=crowding(log_f, k=parameters.k, tau=parameters.tau),
        )


class TermSource(Protocol):
    """Gives terms of faces. Safe to call from several threads."""

    @property
    def provides(self) -> frozenset[Statistic]:
        """The statistics that it can give."""
        ...

    def terms(
        self,
        embeddings: Floats32,
        needs: Sequence[Statistic],
        parameters: Parameters,
        norms: Floats | None = None,
    ) -> FaceTerms:
        """Return the terms of some statistics, and perhaps others found with them.

        Args:
            embeddings: (n, d) float32, unit norm.
            needs: some of those it provides.
            parameters: those that the terms depend on.
            norms: (n,), lengths of what the backbone gave, 0 where one is not known; None where none is.
        """
        ...
