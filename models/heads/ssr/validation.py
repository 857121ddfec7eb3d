"""What a head is worth on labelled faces, which are only measured: they change nothing about the head."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from pydantic import JsonValue

from models.heads.ssr.head_agreement import Agreement, agreement
from models.labelled.comparable import comparable_part
from models.labelled.exclusions import Exclusions, resolve
from models.labelled.labelled_faces import LabelledFaces
from models.labelled.rates.measured import measured_fmrs
from models.labelled.rates.threshold_rates import smoothed_fnmr
from models.progress import Stage, unstaged
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import PREDICTION, SUPPORT
from service.snapshot.term_sources import TermSources


@dataclass(frozen=True, slots=True)
class RateByDensity:
    """The share of mated pairs accepted, by each way to a face's density.

    Attributes:
        far: share of non-mated pairs accepted.
        ida_r: TAR with densities found among the anchors.
        ida_l: TAR with predicted ones.
    """

    far: float
    ida_r: float
    ida_l: float


@dataclass(frozen=True, slots=True)
class Validated:
    """What a head is worth on one set.

    Attributes:
        name: of the set.
        people: how many.
        agreement: of predicted with true log-densities.
        rates: at each false-accept rate that the set's pairs measure.
    """

    name: str
    people: int
    agreement: Agreement
    rates: tuple[RateByDensity, ...]

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for the head's card."""
        return {
            "name": self.name,
            "people": self.people,
            **self.agreement.as_json(),
            "tar_at_far": [asdict(rate) for rate in self.rates],
        }


def validate(
    sets: Sequence[LabelledFaces],
    exclusions: Exclusions,
    sources: TermSources,
    parameters: Parameters,
    stage: Stage = unstaged,
) -> list[Validated]:
    """Return what a head is worth on sets of labelled faces.

    Args:
        sets: labelled faces, not of people whose faces it was trained on.
        exclusions: label noise, left out.
        sources: the anchors and the head.
        parameters: the bundle's.
        stage: told what runs and how far it is.

    Raises:
        LabelsInvalid: if a set has nothing to compare.
        ExclusionsInvalid: if the exclusions name what a set does not have.
        TooFewAnchors, DimensionMismatch, InferenceFailed, SearchFailed: as ``TermSources.terms`` says.
    """
    return [_validated(labelled, exclusions, sources, parameters, stage) for labelled in sets]


def _validated(
    labelled: LabelledFaces, exclusions: Exclusions, sources: TermSources, parameters: Parameters, stage: Stage
) -> Validated:
    tick = stage(f"measuring {labelled.name}")
    faces = comparable_part(labelled, resolve(exclusions, labelled), np.arange(len(labelled)))
    true, predicted = (
        sources.terms(faces.embeddings, (statistic,), parameters)["log_density"] for statistic in (SUPPORT, PREDICTION)
    )
    tick(0.1)
    searched = faces.compare_by(METHODS["ida-r"], parameters, sources, lambda share: tick(0.1 + 0.45 * share))
    learned = faces.compare_by(METHODS["ida-l"], parameters, sources, lambda share: tick(0.55 + 0.45 * share))
    tick(1.0)
    fars = measured_fmrs(searched.non_mated)
    tars = (1 - smoothed_fnmr(found, fars) for found in (searched, learned))
    return Validated(
        name=labelled.name,
        people=len(faces.people),
        agreement=agreement(np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64)),
        rates=tuple(RateByDensity(*map(float, rate)) for rate in zip(fars, *tars, strict=True)),
    )
