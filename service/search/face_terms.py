"""The terms of faces among an anchor set: one search, or none, gives all that a method combines."""

from collections.abc import Sequence

import numpy as np

from service.arrays import Floats, Floats32
from service.bundle.anchors_part import Anchors
from service.scoring.cohort import Cohort, mean_and_spread
from service.scoring.density import log_density
from service.scoring.parameters import Parameters
from service.scoring.support import SupportSimilarities, support_similarities
from service.scoring.terms import COHORT, NEAREST, SUPPORT, FaceTerms, Statistic
from service.search.search import Search


class TermFinder:
    """Finds how faces lie among the anchors of one set. Never changes; safe to call from several threads."""

    provides = frozenset({SUPPORT, COHORT, NEAREST})

    def __init__(self, anchors: Anchors, search: Search) -> None:
        self._search = search
        self._count = len(anchors)
        self._cohort = Cohort.of(anchors.embeddings)

    def support(self, embeddings: Floats32, k: int, guard: float | None) -> SupportSimilarities:
        """Return the similarities of faces to their nearest anchors; see ``support_similarities``.

        Raises:
            DimensionMismatch, InvalidEmbedding, TooFewAnchors, SearchFailed: as ``Search.search`` says.
            TooFewAnchors: also if the guard leaves fewer than k anchors for a face.
        """
        return support_similarities(self._nearest, embeddings, k, count=self._count, guard=guard)

    def terms(
        self,
        embeddings: Floats32,
        needs: Sequence[Statistic],
        parameters: Parameters,
        norms: Floats | None = None,  # noqa: ARG002 - a search looks at directions alone
    ) -> FaceTerms:
        """Return the terms of some statistics, and those that the same search gives besides.

        Args:
            embeddings: (n, d) float32, unit norm.
            needs: some of those it provides.
            parameters: k, tau, cohort and guard.
            norms: change nothing.

        Raises:
            DimensionMismatch, InvalidEmbedding, TooFewAnchors, SearchFailed: as ``support`` says.
        """
        found = FaceTerms()
        if COHORT in needs:
            left_out = None if parameters.guard is None else self.support(embeddings, 1, parameters.guard)
            mean, spread = self._cohort.statistics(embeddings, left_out)
            found = FaceTerms(cohort_mean=mean, cohort_spread=spread)
        if SUPPORT not in needs and NEAREST not in needs:
            return found
        # No more than half, so that a guard which leaves out some still leaves enough.
        nearest = min(parameters.cohort, max(2, self._count // 2)) if NEAREST in needs else 0
        similarities = self.support(embeddings, max(parameters.k, nearest), parameters.guard).similarities
        support = similarities[:, : parameters.k]
        found = found.joined(
            FaceTerms(
                log_density=log_density(support, parameters.tau), support_mean=np.asarray(np.mean(support, axis=1))
            )
        )
        if nearest:
            mean, spread = mean_and_spread(similarities[:, :nearest])
            found = found.joined(FaceTerms(nearest_mean=mean, nearest_spread=spread))
        return found

    def _nearest(self, embeddings: Floats32, k: int) -> Floats32:
        return self._search.search(embeddings, k).similarities
