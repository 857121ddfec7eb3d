"""Heads of a bundle as sources of terms: each gives one statistic of faces, at the parameters that it was made for."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from service.arrays import Floats, Floats32
from service.bundle.likelihood_part import LikelihoodCard
from service.bundle.pfe_part import PfeCard
from service.bundle.ssr_part import SsrCard
from service.errors import HeadMismatch
from service.inference.likelihood_head import LikelihoodHead
from service.inference.pfe_head import PfeHead
from service.inference.ssr_head import SsrHead
from service.scoring.likelihood import face_statistics
from service.scoring.parameters import Parameters
from service.scoring.terms import (
    LIKELIHOOD,
    LIKELIHOOD_PREDICTED,
    PREDICTION,
    VARIANCE,
    FaceTerms,
    Statistic,
    TermSource,
)


class HeadSource(TermSource, Protocol):
    """A head of a bundle, which gives one statistic."""

    called: str

    def misfit(self, parameters: Parameters) -> str | None:
        """Return why what it gives does not hold at these parameters; None where it does."""
        ...


class SsrSource:
    """Densities that the SSR head predicts. Safe to use from several threads."""

    provides = frozenset({PREDICTION})
    called = SsrCard.called

    def __init__(self, head: SsrHead, card: SsrCard) -> None:
        self._head = head
        self._card = card

    def terms(
        self,
        embeddings: Floats32,
        needs: Sequence[Statistic],
        parameters: Parameters,
        norms: Floats | None = None,
    ) -> FaceTerms:
        """Return log F as the head predicts it.

        Raises:
            HeadMismatch: if it was trained for other parameters.
            InferenceFailed: if it fails.
        """
        del needs, norms
        misfit = self.misfit(parameters)
        if misfit is not None:
            raise HeadMismatch(f"No density can be predicted: {misfit}.")
        return FaceTerms(log_density=self._head.log_density(embeddings))

    def misfit(self, parameters: Parameters) -> str | None:
        """Return why the head's densities are not those of these parameters; None where they are."""
        return self._card.misfit(parameters)


class PfeSource:
    """Variances that the PFE head gives. Safe to use from several threads."""

    provides = frozenset({VARIANCE})
    called = PfeCard.called

    def __init__(self, head: PfeHead, card: PfeCard) -> None:
        self._head = head
        self._card = card

    def terms(
        self,
        embeddings: Floats32,
        needs: Sequence[Statistic],
        parameters: Parameters,
        norms: Floats | None = None,
    ) -> FaceTerms:
        """Return the embeddings and their variances.

        Raises:
            InferenceFailed: if the head fails.
        """
        del needs, parameters, norms
        return FaceTerms(
            mean=embeddings,
            log_variance=self._head.log_variance(embeddings),
            sigma0_squared=np.full(len(embeddings), self._card.sigma0_squared, np.float32),
        )

    def misfit(self, parameters: Parameters) -> None:  # noqa: ARG002 - a variance depends on no parameter
        """Return None: they hold at any parameters."""
        return


class LikelihoodSource:
    """Lines from similarity to evidence by a likelihood network. Safe to use from several threads."""

    def __init__(self, head: LikelihoodHead, card: LikelihoodCard) -> None:
        self._head = head
        self._card = card
        self.called = card.called
        self.statistic = next(one for one in (LIKELIHOOD, LIKELIHOOD_PREDICTED) if one.source == card.part)

    def conclude(self, found: FaceTerms, parameters: Parameters) -> FaceTerms:
        """Return slope, middle, look and offset of faces.

        Args:
            found: the terms that the statistic rests on, and the faces' lengths.
            parameters: those that gave them.

        Raises:
            HeadMismatch: if the network was trained for other parameters.
            InferenceFailed: if it fails.
        """
        misfit = self.misfit(parameters)
        if misfit is not None:
            raise HeadMismatch(f"No likelihood can be told: {misfit}.")
        lines = self._head.lines(face_statistics(found, self._card.inputs, parameters))
        return FaceTerms(**dict(zip(self.statistic.terms, lines.T, strict=True)))

    def misfit(self, parameters: Parameters) -> str | None:
        """Return why what it tells does not hold at these parameters; None where it does."""
        return self._card.misfit(parameters)
