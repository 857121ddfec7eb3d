"""The terms of faces from whatever gives them: a search among the anchors, or a head of the bundle."""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

import numpy as np

from service.arrays import Floats32
from service.bundle.head_part import CardT, StoredHead
from service.bundle.pfe_part import PfeCard
from service.bundle.reader import Bundle
from service.bundle.ssr_part import SsrCard
from service.choices import Device
from service.errors import BundleInvalid, HeadMismatch, InferenceFailed, MethodNotServed, PackInvalid
from service.inference.head import Head
from service.inference.pfe_head import PfeHead
from service.inference.ssr_head import SsrHead
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters
from service.scoring.support import SupportSimilarities
from service.scoring.terms import PREDICTION, SUPPORT, VARIANCE, FaceTerms, Statistic, TermSource
from service.search.engines import open_search
from service.search.face_terms import TermFinder

HeadT = TypeVar("HeadT", bound=Head)


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

    def terms(self, embeddings: Floats32, needs: Sequence[Statistic], parameters: Parameters) -> FaceTerms:
        """Return log F as the head predicts it.

        Raises:
            HeadMismatch: if it was trained for other parameters.
            InferenceFailed: if it fails.
        """
        del needs
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

    def terms(self, embeddings: Floats32, needs: Sequence[Statistic], parameters: Parameters) -> FaceTerms:
        """Return the embeddings and their variances.

        Raises:
            InferenceFailed: if the head fails.
        """
        del needs, parameters
        return FaceTerms(
            mean=embeddings,
            log_variance=self._head.log_variance(embeddings),
            sigma0_squared=np.full(len(embeddings), self._card.sigma0_squared, np.float32),
        )

    def misfit(self, parameters: Parameters) -> None:  # noqa: ARG002 - a variance depends on no parameter
        """Return None: they hold at any parameters."""
        return


class TermSources:
    """Finds the terms of faces in the anchors, in the heads, or in all. Never changes; safe for several threads."""

    def __init__(self, finder: TermFinder | None = None, heads: Sequence[HeadSource] = ()) -> None:
        """Take what there is.

        Args:
            finder: finds terms among the anchors; None where they are not searched.
            heads: of different kinds.
        """
        self.finder = finder
        self.heads = tuple(heads)
        sources: list[TermSource] = [*heads] if finder is None else [finder, *heads]
        self._sources = {statistic: source for source in sources for statistic in source.provides}
        self.provides = frozenset(self._sources)

    def with_head(self, head: HeadSource) -> "TermSources":
        """Return the same sources with another head of its kind, or one at all."""
        return TermSources(self.finder, [*(own for own in self.heads if own.provides != head.provides), head])

    def terms(self, embeddings: Floats32, needs: Sequence[Statistic], parameters: Parameters) -> FaceTerms:
        """Return the terms of some statistics, and those that come with them.

        Args:
            embeddings: (n, d) float32, unit norm.
            needs: some of those it provides.
            parameters: those that the terms depend on.

        Raises:
            MethodNotServed: if nothing there gives one of them.
            HeadMismatch: if the head predicts the densities of other parameters.
            InferenceFailed: if the head fails.
            DimensionMismatch, InvalidEmbedding, TooFewAnchors, SearchFailed: as ``TermFinder.terms`` says.
        """
        found = FaceTerms()
        by_source: dict[TermSource, list[Statistic]] = {}
        for statistic in needs:
            by_source.setdefault(self._source(statistic), []).append(statistic)
        for source, wanted in by_source.items():
            found = found.joined(source.terms(embeddings, wanted, parameters))
        return found

    def support(self, embeddings: Floats32, k: int, guard: float | None) -> SupportSimilarities:
        """Return the similarities of faces to their nearest anchors; see ``TermFinder.support``.

        Raises:
            MethodNotServed: if the anchors are not searched.
            DimensionMismatch, InvalidEmbedding, TooFewAnchors, SearchFailed: as ``TermFinder.support`` says.
        """
        if self.finder is None:
            raise MethodNotServed(f"No anchor can be found: {SUPPORT.lacking}.")
        return self.finder.support(embeddings, k, guard)

    def lacking(self, needs: Sequence[Statistic], parameters: Parameters) -> str | None:
        """Return why one of some statistics cannot be given at these parameters; None where all can."""
        missing = self._missing(needs)
        if missing is not None:
            return missing.lacking
        misfits = (head.misfit(parameters) for head in self.heads if not head.provides.isdisjoint(needs))
        return next((f"{misfit} (IDA_K, IDA_TAU)" for misfit in misfits if misfit is not None), None)

    def require(self, methods: Collection[str]) -> None:
        """Refuse methods whose terms it cannot give.

        Raises:
            UnknownMethod: if one does not exist.
            MethodNotServed: if one needs what is not there.
        """
        for method in map(find_method, methods):
            missing = self._missing(method.needs)
            if missing is not None:
                raise MethodNotServed(f"The method {method.name} cannot be computed: {missing.lacking}.")

    def prove(self, embeddings: Floats32, own: Parameters, in_force: Parameters) -> None:
        """Run each source once: a device may take the anchors and still refuse this k, a head be of other shape.

        Args:
            embeddings: (n, d) float32, unit norm.
            own: the bundle's parameters, which its heads were made for.
            in_force: those that the anchors are searched by.

        Raises:
            BundleInvalid: if a head does not give what it should.
            TooFewAnchors, SearchFailed: as ``TermFinder.terms`` says.
        """
        if self.finder is not None:
            self.finder.terms(embeddings, tuple(self.finder.provides), in_force)
        for head in self.heads:
            try:
                head.terms(embeddings, tuple(head.provides), own)
            except InferenceFailed as error:
                raise BundleInvalid(
                    f"The anchor set's {head.called} does not give what it should: {error.message} Train it again."
                ) from error

    def _missing(self, needs: Sequence[Statistic]) -> Statistic | None:
        """Return the first of some statistics that nothing here gives; None where all are given."""
        return next((statistic for statistic in needs if statistic not in self._sources), None)

    def _source(self, statistic: Statistic) -> TermSource:
        source = self._sources.get(statistic)
        if source is None:
            raise MethodNotServed(f"The faces' {statistic.name} cannot be found: {statistic.lacking}.")
        return source


def open_sources(bundle: Bundle, *, device: Device, threads: int, search: bool = True) -> TermSources:
    """Index a bundle's anchors and load its heads.

    Args:
        bundle: the bundle.
        device: where the index lies.
        threads: CPU threads of one search.
        search: whether the anchors are searched; without it, no index is built.

    Raises:
        DeviceUnavailable: if the device is not there.
        BundleInvalid: if ONNX Runtime cannot load a head.
    """
    finder = None
    if search:
        finder = TermFinder(bundle.anchors, open_search(bundle.anchors, device=device, threads=threads))
    heads: list[HeadSource] = []
    if bundle.head is not None:
        heads.append(SsrSource(_loaded(SsrHead, bundle.head), bundle.head.card))
    if bundle.pfe is not None:
        heads.append(PfeSource(_loaded(PfeHead, bundle.pfe), bundle.pfe.card))
    return TermSources(finder, heads)


def _loaded(kind: type[HeadT], stored: StoredHead[CardT]) -> HeadT:
    try:
        return kind.load(stored.path)
    except PackInvalid as error:
        raise BundleInvalid(f"The anchor set's {stored.card.called} cannot be loaded: {error.message}") from error
