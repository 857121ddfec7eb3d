"""Pairs scored by what the service states of them: -log10 of the false-match rate, by each pair's own stratum.

On this scale one threshold is what the service's thresholds by stratum are: -log10 of the rate of an operating point.
"""

from collections.abc import Sequence

import numpy as np

from models.labelled.pairs.sweep import BlockScorer
from service.arrays import Bools, Floats32, Floats64, Ints
from service.scoring.calibration import MethodCalibration, on_scale
from service.scoring.methods import find_method

BEYOND = 20.0
"""What a score beyond the end of its curve counts as: it reaches every threshold, as in the service."""


def stated_threshold(fmr: float) -> float:
    """Return what a pair's evidence reaches where the service calls it a match at the operating point of a rate."""
    # A pair at the threshold reaches it, whichever way the last of float32's digits is rounded.
    return -float(np.log10(fmr)) - 1e-6


class StatedScorer(BlockScorer):
    """Scores any pairs among n faces by the evidence that the service states of them. Never changes."""

    def __init__(self, scorer: BlockScorer, calibration: MethodCalibration, norms: Floats32) -> None:
        """Take what scores n faces.

        Args:
            scorer: of the calibration's method.
            calibration: that of the scores.
            norms: (n,), lengths of what the backbone gave, 0 where one is not known.
        """
        super().__init__(scorer.embeddings, scorer.method, None, scorer.parameters)
        self._scorer = scorer
        self._calibration = calibration
        self._norms = norms
        strata = calibration.strata
        self._bands: Ints = np.full(len(norms), -1) if strata is None else strata.bands_of(norms)

    def subset(self, faces: Ints) -> "StatedScorer":
        """Return the scorer of some of the faces, in the order of ``faces`` (m,)."""
        return StatedScorer(self._scorer.subset(faces), self._calibration, self._norms[faces])

    def block(self, rows: slice, columns: slice) -> Floats32:
        """Return the evidence of all pairs of two runs of faces, (r, c) float32."""
        scores = self._scorer.block(rows, columns)
        stated = np.empty_like(scores)
        first, second = self._bands[rows], self._bands[columns]
        for one in np.unique(first):
            for other in np.unique(second):
                cells = np.ix_(np.flatnonzero(first == one), np.flatnonzero(second == other))
                stated[cells] = self._evidence(scores[cells], (int(one), int(other)))
        return stated

    def pairs(self, first: Ints, second: Ints) -> Floats32:
        """Return the evidence of given pairs of faces, (m,) float32."""
        scores = self._scorer.pairs(first, second)
        stated = np.empty_like(scores)
        bands = np.sort(np.stack([self._bands[first], self._bands[second]], axis=1), axis=1)
        for pair in np.unique(bands, axis=0):
            among: Bools = np.all(bands == pair, axis=1)
            stated[among] = self._evidence(scores[among], (int(pair[0]), int(pair[1])))
        return stated

    def _evidence(self, scores: Floats32, bands: tuple[int, int]) -> Floats64:
        curve = self._calibration.curve_of_bands(bands)
        # The service's threshold of a rate below a curve's floor is the curve's end.
        return np.where(scores >= np.float32(curve.scores[-1]), BEYOND, -curve.log10_at(scores))


class AsServed:
    """The scale on which one number decides for every pair as the service does, and states its rate."""

    def __init__(self, calibration: MethodCalibration) -> None:
        """Take the calibration of one method; without strata the scale is that of its own scores."""
        self.calibration = calibration

    def scorer(self, scorer: BlockScorer, norms: Floats32) -> BlockScorer:
        """Return what scores the same n faces on this scale; ``norms`` (n,) are 0 where one is not known."""
        return scorer if self.calibration.strata is None else StatedScorer(scorer, self.calibration, norms)

    def thresholds(self) -> Floats64:
        """Return what is reached at each operating point (p,)."""
        if self.calibration.strata is not None:
            return self.scores_of([point.fmr for point in self.calibration.points])
        scale = find_method(self.calibration.method).scale
        return np.array([on_scale(point.threshold, scale) for point in self.calibration.points])

    def scores_of(self, rates: Sequence[float]) -> Floats64:
        """Return what states each of the false-match rates (s,)."""
        if self.calibration.strata is None:
            return np.array([self.calibration.curve.score_of(rate) for rate in rates])
        return np.array([stated_threshold(rate) for rate in rates])
