"""The terms of faces from whatever gives them: a search among the anchors, or a head of the bundle."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from service.arrays import Floats, Floats32
from service.bundle.head_part import CardT, StoredHead
from service.bundle.reader import Bundle
from service.choices import Device
from service.errors import BundleInvalid, InferenceFailed, MethodNotServed, PackInvalid
from service.inference.head import Head
from service.inference.likelihood_head import LikelihoodHead
from service.inference.pfe_head import PfeHead
from service.inference.ssr_head import SsrHead
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters
from service.scoring.support import SupportSimilarities
from service.scoring.terms import SUPPORT, FaceTerms, Statistic, TermSource
from service.search.engines import open_search
from service.search.face_terms import TermFinder
from service.snapshot.head_sources import HeadSource, LikelihoodSource, PfeSource, SsrSource

HeadT = TypeVar("HeadT", bound=Head)


class TermSources:
    """Finds the terms of faces in the anchors, in the heads, or in all. Never changes; safe for several threads."""

    def __init__(
        self,
        finder: TermFinder | None = None,
        heads: Sequence[HeadSource] = (),
        likelihood: Sequence[LikelihoodSource] = (),
    ) -> None:
        """Take what there is.

        Args:
            finder: finds terms among the anchors; None where they are not searched.
            heads: of different kinds.
            likelihood: networks of different kinds; one without what it rests on gives nothing.
        """
        self.finder = finder
        self.heads = tuple(heads)
        sources: list[TermSource] = [*heads] if finder is None else [finder, *heads]
        self._sources = {statistic: source for source in sources for statistic in source.provides}
        self._likelihood = {
            one.statistic: one for one in likelihood if all(base in self._sources for base in one.statistic.rests_on)
        }
        self.provides = frozenset({*self._sources, *self._likelihood})

    def with_likelihood(self, likelihood: Sequence[LikelihoodSource]) -> "TermSources":
        """Return the same sources with these networks in the place of all others of theirs."""
        return TermSources(self.finder, self.heads, likelihood)

    def with_head(self, head: HeadSource) -> "TermSources":
        """Return the same sources with another head of its kind, or one at all."""
        return TermSources(
            self.finder,
            [*(own for own in self.heads if own.provides != head.provides), head],
            [*self._likelihood.values()],
        )

    def terms(
        self,
        embeddings: Floats32,
        needs: Sequence[Statistic],
        parameters: Parameters,
        norms: Floats | None = None,
    ) -> FaceTerms:
        """Return the terms of some statistics, and those that come with them.

        Args:
            embeddings: (n, d) float32, unit norm.
            needs: some of those it provides, with what they rest on.
            parameters: those that the terms depend on.
            norms: (n,), lengths of what the backbone gave, 0 where one is not known; None where none is.

        Raises:
            MethodNotServed: if nothing there gives one of them.
            HeadMismatch: if the head predicts the densities of other parameters.
            InferenceFailed: if the head fails.
            DimensionMismatch, InvalidEmbedding, TooFewAnchors, SearchFailed: as ``TermFinder.terms`` says.
        """
        found = FaceTerms()
        by_source: dict[TermSource, list[Statistic]] = {}
        for statistic in needs:
            if not statistic.rests_on:
                by_source.setdefault(self._source(statistic), []).append(statistic)
        for source, wanted in by_source.items():
            found = found.joined(source.terms(embeddings, wanted, parameters))
        known = np.zeros(len(embeddings), np.float32) if norms is None else norms
        return self.concluded(found, needs, parameters, known)

    def concluded(
        self, found: FaceTerms, needs: Sequence[Statistic], parameters: Parameters, norms: Floats
    ) -> FaceTerms:
        """Return terms, and those of the statistics that rest on them.

        Args:
            found: terms of n faces.
            needs: those that rest on others among them are told.
            parameters: those that gave the terms.
            norms: (n,), lengths of what the backbone gave; 0 where one is not known.

        Raises:
            MethodNotServed, HeadMismatch, InferenceFailed: as ``terms`` says.
        """
        resting = [statistic for statistic in needs if statistic.rests_on]
        for statistic in resting:
            network = self._likelihood.get(statistic)
            if network is None:
                raise MethodNotServed(f"The faces' {statistic.name} cannot be told: {statistic.lacking}.")
            found = found.joined(network.conclude(found.with_norms(norms, parameters), parameters))
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
        heads: list[HeadSource | LikelihoodSource] = [
            *(head for head in self.heads if not head.provides.isdisjoint(needs)),
            *(self._likelihood[statistic] for statistic in needs if statistic.rests_on),
        ]
        misfits = (head.misfit(parameters) for head in heads)
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
            with _proving(head.called):
                head.terms(embeddings, tuple(head.provides), own)
        for statistic, network in self._likelihood.items():
            with _proving(network.called):
                self.terms(embeddings, (*statistic.rests_on, statistic), own)

    def _missing(self, needs: Sequence[Statistic]) -> Statistic | None:
        """Return the first of some statistics that nothing here gives; None where all are given."""
        return next((statistic for statistic in needs if statistic not in self.provides), None)

    def _source(self, statistic: Statistic) -> TermSource:
        source = self._sources.get(statistic)
        if source is None:
            raise MethodNotServed(f"The faces' {statistic.name} cannot be found: {statistic.lacking}.")
        return source


@contextmanager
def _proving(called: str) -> Iterator[None]:
    """Say which network does not give what it should."""
    try:
        yield
    except InferenceFailed as error:
        raise BundleInvalid(
            f"The anchor set's {called} does not give what it should: {error.message} Train it again."
        ) from error


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
    likelihood = [LikelihoodSource(_loaded(LikelihoodHead, one), one.card) for one in bundle.likelihood]
    return TermSources(finder, heads, likelihood)


def _loaded(kind: type[HeadT], stored: StoredHead[CardT]) -> HeadT:
    try:
        return kind.load(stored.path)
    except PackInvalid as error:
        raise BundleInvalid(f"The anchor set's {stored.card.called} cannot be loaded: {error.message}") from error
