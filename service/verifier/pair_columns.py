"""Many pairs of embeddings with one snapshot, scored and judged column by column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.arrays import Bools, Floats, Floats32, Floats64, Ints
from service.errors import Doubt, InputError, LowQuality
from service.scoring.calibration import InputForm, MethodCalibration
from service.scoring.decision import Decision, Undecided, decide, judge
from service.scoring.methods import find_method
from service.scoring.population import measured_values
from service.scoring.similarity import normalise, telling_norms
from service.snapshot.snapshot import Snapshot
from service.verifier.clock import Clock
from service.verifier.liveness_gate import liveness_doubts
from service.verifier.pair_scoring import EmbeddedFaces, PairScorer
from service.verifier.results import Verification

_FORMS: tuple[InputForm, InputForm] = ("embedding", "embedding")


@dataclass(frozen=True, slots=True, eq=False)
class PairColumns:
    """Scored pairs, a column for each number; NaN where there is none.

    Attributes:
        rows: (n,), which of the pairs that were given each is; those that were refused are left out.
        similarity: (n,), cosine in [-1, 1].
        score: (n,), of the method.
        decisions: n of them; None where none is made.
        threshold: (n,), of the operating point for pairs of these norms.
        fmr: (n,), false-match rate of the score.
        evidence: (n,), -log10 of it.
        doubts: why no rate is vouched for, by place in the columns.
        undecided: why there is no decision on any pair, as a code; None where there is one.
        reason: the same in words.
        crowding: (n, 2), of both sides; None where no anchor set is served.
        norms: (n, 2), lengths of what the backbone gave; 0 where one is not known.
        refused: why each of the other pairs was not scored, by its row.
        verifications: the same pairs one by one where that was asked; else none.
    """

    rows: Ints
    similarity: Floats64
    score: Floats64
    decisions: Sequence[Decision | None]
    threshold: Floats64
    fmr: Floats64
    evidence: Floats64
    doubts: Mapping[int, tuple[Doubt, ...]]
    undecided: Undecided | None
    reason: str | None
    crowding: Floats64 | None
    norms: Floats32
    refused: Mapping[int, InputError] = field(default_factory=dict)
    verifications: Sequence[Verification] = ()


class EmbeddingBatch:
    """Pairs of embeddings, all scored with one snapshot whatever is swapped meanwhile.

    Safe to call from several threads. It says of a pair what ``Batch`` says, and keeps no face's densities: thousands
    of new faces would push everybody else's out of the cache, and keeping one takes as long as finding it.
    """

    def __init__(self, scorer: PairScorer) -> None:
        """Take how pairs are scored."""
        self.snapshot: Snapshot = scorer.snapshot
        self.scorer = scorer
        self.clock = Clock()

    def read(self, faces: Floats32) -> EmbeddedFaces:
        """Return embeddings with their terms.

        Args:
            faces: (m, d) float32, 1 or more, all of which are ``usable``.

        Raises:
            InferenceFailed, SearchFailed, TooFewAnchors: as ``Snapshot.terms`` says.
        """
        embeddings, norms = np.asarray(normalise(faces), np.float32), telling_norms(faces)
        terms = self.scorer.terms(embeddings, norms, self.clock, is_kept=False)
        count = len(faces)
        return EmbeddedFaces(embeddings, norms, ["embedding"] * count, [None] * count, terms)

    def verify(self, faces: EmbeddedFaces, pairs: Ints, *, with_verifications: bool = False) -> PairColumns:
        """Score pairs of faces that were read.

        Args:
            faces: the faces.
            pairs: (n, 2), rows of probe and reference among the faces.
            with_verifications: whether each pair is told with all that is known of it, too, which takes far longer.

        Raises:
            UnknownOperatingPoint: if one was asked that the calibration of embeddings lacks.
        """
        scorer, snapshot = self.scorer, self.snapshot
        scorer.require_point(_FORMS)
        with self.clock("score"):
            densities = scorer.face_densities(faces)
            crowding = None if densities is None else densities.crowding
            doubts = self._doubts(faces, crowding, pairs)
            refused: dict[int, InputError] = {}
            if scorer.quality_policy == "gate":
                refused = {row: LowQuality.of(found) for row, found in doubts.items()}
                doubts = {}
            rows = np.setdiff1d(np.arange(len(pairs)), list(refused)).astype(np.int64)
            kept = pairs[rows]
            doubts |= {row: (*doubts.get(row, ()), *liveness_doubts(None)) for row in self._not_live(rows)}
            scores = scorer.method.score(
                faces.embeddings[kept[:, 0]],
                faces.embeddings[kept[:, 1]],
                faces.terms.map(lambda term: term[np.concatenate([kept[:, 0], kept[:, 1]])]),
                snapshot.parameters,
            )
            calibration = snapshot.calibration(scorer.method.name, _FORMS, scorer.pipeline_id)
            norms = faces.norms[kept]
            threshold, fmr = judged_columns(calibration, scorer.operating_point, scores.score, norms)
            is_doubted = np.isin(rows, list(doubts))
            fmr[is_doubted] = np.nan
            # What is the same for all: why none is decided.
            judged = judge(0.0, calibration, scorer.operating_point)
        told: list[Verification] = []
        if with_verifications and len(kept):
            found = scorer.score(faces, [(int(probe), int(reference)) for probe, reference in kept], self.clock)
            told = [one for one in found if isinstance(one, Verification)]
        return PairColumns(
            rows=rows,
            similarity=scores.similarity,
            score=scores.score,
            decisions=_decisions(scores.score, threshold, is_doubted),
            threshold=threshold,
            fmr=fmr,
            evidence=np.maximum(0.0, -np.log10(fmr)),
            doubts={place: doubts[row] for place, row in enumerate(rows.tolist()) if row in doubts},
            undecided=judged.undecided,
            reason=judged.reason if judged.undecided else None,
            crowding=None if crowding is None else crowding[kept],
            norms=norms,
            refused=refused,
            verifications=told,
        )

    def _doubts(self, faces: EmbeddedFaces, crowding: Floats64 | None, pairs: Ints) -> dict[int, tuple[Doubt, ...]]:
        """Return why no rate is vouched for with a pair's faces, by its row."""
        if self.scorer.quality_policy == "report":
            return {}
        limits = self.snapshot.limits_in_force("embedding", self.scorer.pipeline_id)
        values = measured_values(faces.norms, crowding)
        beyond = limits.outside(values, len(faces.embeddings))
        checks = {int(face): limits.check(values, int(face)) for face in np.flatnonzero(beyond)}
        found = {}
        for row in np.flatnonzero(beyond[pairs].any(axis=1)).tolist():
            sides = zip(pairs[row].tolist(), ("probe", "reference"), strict=True)
            found[row] = tuple(doubt for face, name in sides if face in checks for doubt in checks[face].doubts(name))
        return found

    def _not_live(self, rows: Ints) -> list[int]:
        # No embedding shows that a person was there.
        return rows.tolist() if self.scorer.requires_liveness else []


def usable(faces: Floats32) -> Bools:
    """Return which of n embeddings can be compared, (n,) bool: those of finite values that are not all zero."""
    return np.asarray(np.isfinite(faces).all(axis=1) & (faces != 0).any(axis=1), dtype=np.bool_)


def judged_columns(
    calibration: MethodCalibration | str, operating_point: str | None, scores: Floats64, norms: Floats
) -> tuple[Floats64, Floats64]:
    """Return thresholds and false-match rates of n scores, (n,) each, as ``judge`` tells of one; NaN for none.

    Args:
        calibration: the one that holds for the scores, or the reason why none does.
        operating_point: name of the operating point, None where none was asked.
        scores: (n,) of the calibration's method.
        norms: (n, 2), of both faces; 0 for one that is not known.
    """
    threshold, fmr = np.full(len(scores), np.nan), np.full(len(scores), np.nan)
    if isinstance(calibration, str):
        return threshold, fmr
    with np.errstate(divide="ignore", invalid="ignore"):
        on_scale = scores if find_method(calibration.method).scale == "linear" else np.log(scores)
    has_point = any(point.name == operating_point for point in calibration.points)
    for places in _judged_alike(calibration, norms):
        one, other = norms[places[0]].tolist()
        known = one or None, other or None
        stratum = None if calibration.strata is None else calibration.strata.of(known)
        curve = calibration.curve if stratum is None else stratum.curve
        fmr[places] = 10.0 ** np.interp(on_scale[places], curve.scores, curve.log10_fmr)
        if has_point and operating_point is not None:
            threshold[places] = calibration.threshold(operating_point, known)
    return threshold, fmr


def _judged_alike(calibration: MethodCalibration, norms: Floats) -> list[Ints]:
    """Return the places of pairs that are judged by one curve: a group for each couple of bands, none empty."""
    if calibration.strata is None:
        return [np.arange(len(norms))] if len(norms) else []
    bands = calibration.strata.bands_of(norms)
    bands = np.sort(np.where((bands >= 0).all(axis=1, keepdims=True), bands, -1), axis=1)
    numbers = bands[:, 0] * (len(calibration.strata.cuts) + 2) + bands[:, 1]
    return [np.flatnonzero(numbers == number) for number in np.unique(numbers)]


def _decisions(scores: Floats64, threshold: Floats64, is_doubted: Bools) -> list[Decision | None]:
    reaches, is_judged = scores >= threshold, ~np.isnan(threshold)
    return [
        decide(one, doubted) if judged else None
        for one, doubted, judged in zip(reaches.tolist(), is_doubted.tolist(), is_judged.tolist(), strict=True)
    ]
