"""The terms of faces from whatever part of a bundle gives them: a search in its anchors, or one of its heads."""

from collections.abc import Collection
from typing import TypeVar

import numpy as np

from service.anchors.engines import open_search
from service.anchors.face_terms import TermFinder
from service.arrays import Floats32
from service.bundle.head_part import CardT, StoredHead
from service.bundle.pfe_part import PfeCard
from service.bundle.reader import Bundle
from service.bundle.ssr_part import SsrCard
from service.choices import Device
from service.errors import BundleInvalid, HeadMismatch, MethodNotServed, PackInvalid
from service.inference.head import Head
from service.inference.pfe_head import PfeHead
from service.inference.ssr_head import SsrHead
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters
from service.scoring.support import SupportSimilarities
from service.scoring.terms import FaceTerms, Need

HeadT = TypeVar("HeadT", bound=Head)

_NO_HEAD = "the bundle has no SSR head. Train one with `ida-verify ssr train`, or use a bundle that has one."
_NO_VARIANCE = "the bundle has no PFE head. Train one with `ida-verify pfe train`, or use a bundle that has one."
_NO_SEARCH = "the anchors are not searched. Set IDA_ANCHOR_SEARCH=on."
_OF_VARIANCE = frozenset({Need.VARIANCE, Need.VARIANCE_AND_SUPPORT})
_OF_HEAD = frozenset({Need.NOTHING, Need.PREDICTION})


class TermSources:
    """Finds the terms of faces in the anchors, in the heads, or in all. Never changes; safe for several threads."""

    def __init__(
        self,
        finder: TermFinder | None = None,
        head: tuple[SsrHead, SsrCard] | None = None,
        pfe: tuple[PfeHead, PfeCard] | None = None,
    ) -> None:
        """Take what there is.

        Args:
            finder: finds terms among the anchors; None where they are not searched.
            head: predicts densities, and its card; None where there is none.
            pfe: predicts variances, and its card; None where there is none.
        """
        self._finder = finder
        self._head = head
        self._pfe = pfe
        nothing = frozenset({Need.NOTHING})
        of_variance = nothing if pfe is None else _OF_VARIANCE if finder else frozenset({Need.VARIANCE})
        self.provides = (
            nothing | (finder.provides if finder else nothing) | (_OF_HEAD if head else nothing) | of_variance
        )

    def with_pfe(self, head: PfeHead, card: PfeCard) -> "TermSources":
        """Return the same sources with another uncertainty head, or one at all."""
        return TermSources(self._finder, self._head, (head, card))

    def terms(self, embeddings: Floats32, need: Need, parameters: Parameters) -> FaceTerms:
        """Return the terms that a need names, and those that come with them.

        Args:
            embeddings: (n, d) float32, unit norm.
            need: one of those it provides.
            parameters: those that the terms depend on.

        Raises:
            MethodNotServed: if nothing there meets the need.
            HeadMismatch: if the head predicts the densities of other parameters.
            InferenceFailed: if the head fails.
            DimensionMismatch, InvalidEmbedding, TooFewAnchors, SearchFailed: as ``TermFinder.terms`` says.
        """
        if need is Need.NOTHING:
            return FaceTerms()
        if need is Need.PREDICTION:
            return self._predicted(embeddings, parameters)
        if need in _OF_VARIANCE:
            variances = self._variances(embeddings)
            if need is Need.VARIANCE:
                return variances
            return variances.joined(self._searching().terms(embeddings, Need.SUPPORT, parameters))
        return self._searching().terms(embeddings, need, parameters)

    def support(self, embeddings: Floats32, k: int, guard: float | None) -> SupportSimilarities:
        """Return the similarities of faces to their nearest anchors; see ``TermFinder.support``.

        Raises:
            MethodNotServed: if the anchors are not searched.
            DimensionMismatch, InvalidEmbedding, TooFewAnchors, SearchFailed: as ``TermFinder.support`` says.
        """
        return self._searching().support(embeddings, k, guard)

    def require(self, methods: Collection[str]) -> None:
        """Refuse methods whose terms it cannot give.

        Raises:
            UnknownMethod: if one does not exist.
            MethodNotServed: if one needs what is not there.
        """
        for method in map(find_method, methods):
            if method.need not in self.provides:
                lacking = _NO_HEAD if method.need is Need.PREDICTION else _NO_SEARCH
                if method.need in _OF_VARIANCE and self._pfe is None:
                    lacking = _NO_VARIANCE
                raise MethodNotServed(f"The method {method.name} cannot be computed: {lacking}")

    def misfit(self, parameters: Parameters) -> str | None:
        """Return why the head's densities are not those of these parameters; None where they are, or without a head."""
        return None if self._head is None else self._head[1].misfit(parameters)

    def _predicted(self, embeddings: Floats32, parameters: Parameters) -> FaceTerms:
        if self._head is None:
            raise MethodNotServed(f"No density can be predicted: {_NO_HEAD}")
        head, card = self._head
        misfit = card.misfit(parameters)
        if misfit is not None:
            raise HeadMismatch(f"No density can be predicted: {misfit}.")
        return FaceTerms(log_density=head.log_density(embeddings))

    def _variances(self, embeddings: Floats32) -> FaceTerms:
        if self._pfe is None:
            raise MethodNotServed(f"No variance can be predicted: {_NO_VARIANCE}")
        head, card = self._pfe
        return FaceTerms(
            mean=embeddings,
            log_variance=head.log_variance(embeddings),
            sigma0_squared=np.full(len(embeddings), card.sigma0_squared, np.float32),
        )

    def _searching(self) -> TermFinder:
        if self._finder is None:
            raise MethodNotServed(f"No anchor can be found: {_NO_SEARCH}")
        return self._finder


def open_sources(bundle: Bundle, *, device: Device, threads: int, search: bool = True) -> TermSources:
    """Index a bundle's anchors and load its head.

    Args:
        bundle: the bundle.
        device: where the index lies.
        threads: CPU threads of one search.
        search: whether the anchors are searched; without it, no index is built.

    Raises:
        DeviceUnavailable: if the device is not there.
        BundleInvalid: if ONNX Runtime cannot load the head.
    """
    finder = None
    if search:
        finder = TermFinder(bundle.anchors, open_search(bundle.anchors, device=device, threads=threads))
    return TermSources(
        finder,
        None if bundle.head is None else _loaded(SsrHead, bundle.head),
        None if bundle.pfe is None else _loaded(PfeHead, bundle.pfe),
    )


def _loaded(kind: type[HeadT], stored: StoredHead[CardT]) -> tuple[HeadT, CardT]:
    try:
        return kind.load(stored.path), stored.card
    except PackInvalid as error:
        raise BundleInvalid(f"The bundle's {stored.card.called} cannot be loaded: {error.message}") from error
