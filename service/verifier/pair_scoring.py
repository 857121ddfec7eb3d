"""Scoring pairs of embedded faces with one snapshot, and what their scores mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from service.arrays import Floats32
from service.choices import FacePolicy, QualityPolicy
from service.errors import Doubt, LowQuality
from service.faces.types import AlignedFace
from service.scoring.calibration import InputForm, MethodCalibration
from service.scoring.decision import judge
from service.scoring.density import FaceDensities
from service.scoring.methods import COSINE, Method, PairScores
from service.scoring.population import FaceCheck, LimitsInForce, measured_values, picture_values
from service.scoring.terms import ANCHORS, PREDICTION, FaceTerms
from service.snapshot.snapshot import Snapshot
from service.verifier.agreement_monitor import AgreementMonitor
from service.verifier.clock import Clock
from service.verifier.liveness_gate import liveness_doubts, told_with_quality
from service.verifier.results import ComparedTemplate, Density, ScoredEmbedding, Verification
from service.verifier.template import JUDGED_APART, PooledTemplate


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedFaces:
    """Faces whose pairs are scored.

    Attributes:
        embeddings: (n, d) float32, unit norm.
        norms: (n,), lengths they had; 0 where one is not known.
        forms: what each was given as.
        aligned: the face of each photograph; None for what was no photograph.
        terms: what the method knows of each face besides its embedding.
    """

    embeddings: Floats32
    norms: Floats32
    forms: Sequence[InputForm]
    aligned: Sequence[AlignedFace | None]
    terms: FaceTerms

    @classmethod
    def concatenated(cls, parts: Sequence["EmbeddedFaces"]) -> "EmbeddedFaces":
        """Return the faces of several parts, 1 or more, in their order."""
        return cls(
            np.concatenate([part.embeddings for part in parts]),
            np.concatenate([part.norms for part in parts]),
            [form for part in parts for form in part.forms],
            [aligned for part in parts for aligned in part.aligned],
            FaceTerms.concatenated([part.terms for part in parts]),
        )


class PairScorer:
    """Scores pairs by one method of one snapshot. Safe to call from several threads."""

    def __init__(
        self,
        snapshot: Snapshot,
        method: Method,
        operating_point: str | None,
        *,
        is_point_required: bool = True,
        quality_policy: QualityPolicy = "decide",
        face_policy: FacePolicy = "prominent",
        requires_liveness: bool = False,
        pipeline_id: str,
        agreement: AgreementMonitor | None,
    ) -> None:
        """Take how pairs are scored.

        Args:
            snapshot: what is served.
            method: one that it serves.
            operating_point: where it is decided; None for no decision.
            is_point_required: whether a calibration that lacks the operating point is refused, or gives no decision.
            quality_policy: what becomes of faces beyond the calibrated population.
            face_policy: which of several faces of a photograph was chosen.
            requires_liveness: whether a probe that is not shown to be live is no match.
            pipeline_id: the pipeline that embeds photographs.
            agreement: compares predicted densities with searched ones; None for nobody.
        """
        self.snapshot = snapshot
        self.method = method
        self.operating_point = operating_point
        self._is_point_required = is_point_required
        self._quality_policy = quality_policy
        self._face_policy = face_policy
        self.requires_liveness = requires_liveness
        self.pipeline_id = pipeline_id
        self._agreement = agreement
        # Whatever is asked, Eq. 4's score is told beside it, and needs a density, which needs an anchor set.
        self._density = snapshot.density_for(method)
        self._needs = dict.fromkeys([*method.needs, *([] if self._density is None else [self._density])])

    @property
    def quality_policy(self) -> QualityPolicy:
        """What becomes of faces beyond the calibrated population."""
        return self._quality_policy

    def require_point(self, forms: tuple[InputForm, InputForm]) -> None:
        """Refuse an operating point that was asked and that the calibration of these forms has not.

        Raises:
            UnknownOperatingPoint: naming those there are.
        """
        calibration = self._calibration(self.method.name, forms)
        if self.operating_point is not None and self._is_point_required and not isinstance(calibration, str):
            calibration.point(self.operating_point)

    def terms(self, embeddings: Floats32, norms: Floats32, clock: Clock, *, is_kept: bool = True) -> FaceTerms:
        """Return what the method knows of faces besides their embeddings, each face's whatever the others are.

        Args:
            embeddings: (n, d) float32, unit norm.
            norms: (n,), lengths they had; 0 where one is not known.
            clock: times the stages.
            is_kept: whether what a search finds is looked up in the snapshot's cache, and kept there.

        Raises:
            TooFewAnchors, InferenceFailed, SearchFailed: as ``Snapshot.terms`` says.
        """
        parameters = self.snapshot.parameters
        terms = FaceTerms()
        for statistic in self._needs:
            if not statistic.rests_on:
                with clock("search" if statistic.source == ANCHORS else "predict"):
                    terms = terms.joined(self.snapshot.terms(embeddings, (statistic,), is_kept=is_kept))
        if any(statistic.rests_on for statistic in self._needs):
            with clock("predict"):
                terms = self.snapshot.sources.concluded(terms, tuple(self._needs), parameters, norms)
        terms = terms.with_norms(norms, parameters)
        if self._agreement is not None and self._density is PREDICTION:
            self._agreement.offer(self.snapshot, embeddings, terms.densities(parameters))
        return terms

    @property
    def density_method(self) -> str | None:
        """The method whose densities are told: ida-r where they are searched, ida-l where predicted, or None."""
        if self._density is None:
            return None
        return "ida-l" if self._density is PREDICTION else "ida-r"

    def score(
        self,
        faces: EmbeddedFaces,
        pairs: Sequence[tuple[int, int]],
        clock: Clock,
        templates: Mapping[int, PooledTemplate] = MappingProxyType({}),
    ) -> list[Verification | LowQuality]:
        """Score pairs of faces; where the policy is ``gate``, a pair with a doubted face gives the reasons alone.

        Args:
            faces: the faces, 1 or more.
            pairs: rows of probe and reference, 1 pair or more.
            clock: times the stages.
            templates: those among the faces that stand for several pictures, by row.
        """
        with clock("score"):
            densities = self.face_densities(faces)
            probes, references = (np.array(rows, dtype=np.int64) for rows in zip(*pairs, strict=True))
            both = np.concatenate([probes, references])
            scores = self.method.score(
                faces.embeddings[probes],
                faces.embeddings[references],
                faces.terms.map(lambda term: term[both]),
                self.snapshot.parameters,
            )
            checks = self._checks(faces, densities, dict.fromkeys(both.tolist()), templates)
            return [
                self._verification(faces, pair, scores, row, densities, checks, templates.get(pair[1]))
                for row, pair in enumerate(pairs)
            ]

    def checks(self, faces: EmbeddedFaces, rows: Iterable[int]) -> Mapping[int, FaceCheck]:
        """Return how the faces in some rows stand to the calibrated population."""
        return self._checks(faces, self.face_densities(faces), rows, {})

    def densities(self, faces: EmbeddedFaces) -> list[Density | None]:
        """Return each face's density; None for each where no anchor set is served."""
        densities = self.face_densities(faces)
        return [None if densities is None else density_of(densities, row) for row in range(len(faces.embeddings))]

    def face_densities(self, faces: EmbeddedFaces) -> FaceDensities | None:
        """Return the densities of faces; None where no anchor set is served."""
        return None if self._density is None else faces.terms.densities(self.snapshot.parameters)

    def _checks(
        self,
        faces: EmbeddedFaces,
        densities: FaceDensities | None,
        rows: Iterable[int],
        templates: Mapping[int, PooledTemplate],
    ) -> Mapping[int, FaceCheck]:
        limits: dict[InputForm, LimitsInForce] = {
            form: self.snapshot.limits_in_force(form, self.pipeline_id) for form in set(faces.forms)
        }
        told = [{} if aligned is None else aligned.measures for aligned in faces.aligned]
        values = measured_values(faces.norms, None if densities is None else densities.crowding, picture_values(told))
        return {
            row: (JUDGED_APART if row in templates else limits[faces.forms[row]]).check(values, row) for row in rows
        }

    def _verification(
        self,
        faces: EmbeddedFaces,
        pair: tuple[int, int],
        scores: PairScores,
        row: int,
        densities: FaceDensities | None,
        checks: Mapping[int, FaceCheck],
        template: PooledTemplate | None,
    ) -> Verification | LowQuality:
        probe, reference = pair
        forms = faces.forms[probe], faces.forms[reference]
        doubts: tuple[Doubt, ...] = ()
        if self._quality_policy != "report":
            of_reference = checks[reference].doubts("reference") if template is None else template.doubts
            doubts = checks[probe].doubts("probe") + of_reference
        if doubts and self._quality_policy == "gate":
            return LowQuality.of(doubts)
        # Of one face alone every policy chooses the same.
        chose = any(aligned.faces_found > 1 for aligned in map(faces.aligned.__getitem__, pair) if aligned is not None)
        policy = self._face_policy if chose or (template is not None and template.chose) else None
        calibration, of_cosine = (
            self._calibration(name, forms, policy, template) for name in (self.method.name, COSINE)
        )
        told = tuple(told_with_quality(faces.aligned[side], checks[side]) for side in pair)
        if self.requires_liveness:
            doubts += liveness_doubts(told[0])
        similarity, score = float(scores.similarity[row]), float(scores.score[row])
        dao = scores.dao_score
        norms = (float(faces.norms[probe]) or None, float(faces.norms[reference]) or None)
        return Verification(
            similarity=similarity,
            score=score,
            dao_score=None if dao is None else float(dao[row]),
            method=self.method.name,
            operating_point=self.operating_point,
            judgement=judge(score, calibration, self.operating_point, doubts, norms),
            cosine_judgement=judge(similarity, of_cosine, self.operating_point, doubts, norms),
            density_method=self.density_method,
            densities=None if densities is None else (density_of(densities, probe), density_of(densities, reference)),
            norms=norms,
            quality_policy=self._quality_policy,
            checks=(checks[probe], checks[reference]),
            faces=(told[0], told[1]),
            snapshot=self.snapshot,
            timings_ms={},
            embeddings=(_scored(faces, probe), self._references(faces, reference, template)),
            template=None if template is None else self._compared(template, faces, probe, calibration),
        )

    def _references(
        self, faces: EmbeddedFaces, row: int, template: PooledTemplate | None
    ) -> tuple[ScoredEmbedding | None, ...]:
        if template is None:
            return (_scored(faces, row),)
        return tuple(None if picture.row is None else _scored(faces, picture.row) for picture in template.pictures)

    def _compared(
        self, template: PooledTemplate, faces: EmbeddedFaces, probe: int, calibration: MethodCalibration | str
    ) -> ComparedTemplate:
        size = None
        if not isinstance(calibration, str) and self.snapshot.calibrations is not None:
            # One picture alone is as any other.
            size = 1 if template.size == 1 else self.snapshot.calibrations.template_size(template.size)
        return template.compared(faces.embeddings[probe], faces.embeddings, size)

    def _calibration(
        self,
        method: str,
        forms: tuple[InputForm, InputForm],
        face_policy: FacePolicy | None = None,
        template: PooledTemplate | None = None,
    ) -> MethodCalibration | str:
        pictures = 1
        if template is not None:
            if template.form is None:
                return "the reference's pictures are of several forms, and a calibration holds for one: send all alike"
            pictures = template.size
        return self.snapshot.calibration(method, forms, self.pipeline_id, face_policy, pictures)


def _scored(faces: EmbeddedFaces, row: int) -> ScoredEmbedding:
    return ScoredEmbedding(faces.embeddings[row], float(faces.norms[row]) or None)


def density_of(densities: FaceDensities, row: int) -> Density:
    """Return one face's density."""
    return Density(float(densities.density[row]), float(densities.crowding[row]))
