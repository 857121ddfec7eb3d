"""What the use cases answer."""

from dataclasses import dataclass

from service.arrays import Floats32
from service.choices import QualityPolicy
from service.errors import Doubt, InputError
from service.faces.types import AlignedFace
from service.scoring.decision import Judgement
from service.scoring.population import FaceCheck
from service.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Density:
    """How crowded one face's neighbourhood is.

    Attributes:
        density: the paper's F, lower is more crowded.
        crowding: log(1/(k F))/tau, in cosine units, higher is more crowded.
    """

    density: float
    crowding: float


@dataclass(frozen=True, slots=True, eq=False)
class ScoredEmbedding:
    """An embedding that was compared: what the caller may keep, to compare it again, or to check an answer later.

    Attributes:
        values: (d,) float32, unit norm.
        norm: length of what the backbone gave; None where it is not known.
    """

    values: Floats32
    norm: float | None


@dataclass(frozen=True, slots=True, eq=False)
class TemplatePicture:
    """What one of several pictures of a person was to a comparison.

    Attributes:
        weight: its share of the template; 0 where it was left out.
        similarity: its own cosine with the probe; None where it could not be read.
        doubts: why no rate is vouched for with it.
        failure: why it could not be used; None where it could.
        check: how it stands to the calibrated population; None where it could not be read.
        face: the face of a photograph, None where it was no photograph, or could not be read.
        norm: length of what the backbone gave; None where it is not known.
    """

    weight: float
    similarity: float | None
    doubts: tuple[Doubt, ...]
    failure: InputError | None
    check: FaceCheck | None
    face: AlignedFace | None
    norm: float | None


@dataclass(frozen=True, slots=True, eq=False)
class ComparedTemplate:
    """Several pictures of a person, as they were compared.

    Attributes:
        size: how many were used.
        calibrated_pictures: how many pictures the templates of the calibration that holds had; None where none holds.
        pictures: all of them, in the order in which they were given.
    """

    size: int
    calibrated_pictures: int | None
    pictures: tuple[TemplatePicture, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """A scored pair.

    Attributes:
        similarity: cosine of the two embeddings, in [-1, 1].
        score: the asked method's score.
        dao_score: Eq. 4's score at the bundle's strength, whatever method was asked; None, as the densities, where no
            anchor set is served.
        method: the method that gave ``score``.
        operating_point: name of the operating point, asked or the default; None where there is neither.
        judgement: what ``score`` means.
        cosine_judgement: what ``similarity`` means, by the calibration of plain cosine.
        density_method: "ida-r" where the densities were searched, "ida-l" where they were predicted; None without any.
        densities: of probe and reference; None where no anchor set is served.
        norms: of probe and reference, lengths of what the backbone gave; None where one is not known.
        quality_policy: what became of faces beyond the calibrated population.
        checks: how probe and reference stand to it.
        faces: of probe and reference, None for a side that was no photograph.
        snapshot: what was served when the pair was scored.
        timings_ms: milliseconds by stage, both sides together.
        embeddings: of the probe, and of each picture of the reference, None for one that could not be read.
        template: the pictures of the reference, whose face is None, its norm their mean and its density that of the
            template; None where it was one picture.
    """

    similarity: float
    score: float
    dao_score: float | None
    method: str
    operating_point: str | None
    judgement: Judgement
    cosine_judgement: Judgement
    density_method: str | None
    densities: tuple[Density, Density] | None
    norms: tuple[float | None, float | None]
    quality_policy: QualityPolicy
    checks: tuple[FaceCheck, FaceCheck]
    faces: tuple[AlignedFace | None, AlignedFace | None]
    snapshot: Snapshot
    timings_ms: dict[str, float]
    embeddings: tuple[ScoredEmbedding, tuple[ScoredEmbedding | None, ...]]
    template: ComparedTemplate | None = None


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """One embedded face.

    Attributes:
        embedding: (d,) float32, unit norm.
        norm: length of what the backbone gave; None where it is not known.
        density_method: "ida-r" where the density was searched, "ida-l" where it was predicted; None without one.
        density: its density among the anchors; None where no anchor set is served.
        face: the chosen face, None where the input was no photograph.
        snapshot: what was served when the density was computed.
        timings_ms: milliseconds by stage.
    """

    embedding: Floats32
    norm: float | None
    density_method: str | None
    density: Density | None
    face: AlignedFace | None
    snapshot: Snapshot
    timings_ms: dict[str, float]
