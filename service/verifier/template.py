"""From several pictures of one person that were read to the one face that is compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from service.arrays import Floats32
from service.choices import QualityPolicy
from service.errors import Doubt, InputError, LowQuality
from service.faces.types import AlignedFace
from service.scoring.calibration import InputForm
from service.scoring.fusion import fused, picture_weights
from service.scoring.parameters import Parameters
from service.scoring.population import FaceCheck, LimitsInForce
from service.scoring.similarity import cosine
from service.verifier.inputs import FaceInput, Template
from service.verifier.liveness_gate import told_with_quality
from service.verifier.results import ComparedTemplate, TemplatePicture

JUDGED_APART = LimitsInForce.none("it is judged picture by picture")
"""The limits of a template as a whole."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledPicture:
    """One picture of a template.

    Attributes:
        row: of it among the faces that were read; None where it could not be.
        weight: its share of the template, 0 where it is left out.
        failure: why it could not be used; None where it could.
        doubts: why no rate is vouched for with it.
        check: how it stands to the calibrated population; None where it could not be read.
        face: the face of a photograph; None for what is none.
        norm: length of what the backbone gave; None where it is not known.
    """

    row: int | None
    weight: float
    failure: InputError | None = None
    doubts: tuple[Doubt, ...] = ()
    check: FaceCheck | None = None
    face: AlignedFace | None = None
    norm: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PooledTemplate:
    """Several pictures of one person as one face.

    Attributes:
        pictures: all of them, in the order in which they were given.
        embedding: (d,) float32, unit norm.
        norm: the mean of the used pictures' norms by their weights; 0 where none is known. The method is not told it,
            and takes the template for typical: the mean of several pictures is not as poor as they are.
        form: what all used pictures were given as; None where they differ.
        doubts: why no rate is vouched for: those of all pictures, where each has some; else none.
    """

    pictures: tuple[PooledPicture, ...]
    embedding: Floats32
    norm: float
    form: InputForm | None
    doubts: tuple[Doubt, ...]

    @property
    def size(self) -> int:
        """How many pictures are used."""
        return sum(picture.weight > 0 for picture in self.pictures)

    @property
    def chose(self) -> bool:
        """Whether one of several faces was chosen in a used picture."""
        used = (picture.face for picture in self.pictures if picture.weight > 0)
        return any(face.faces_found > 1 for face in used if face is not None)

    def compared(self, probe: Floats32, embeddings: Floats32, calibrated_pictures: int | None) -> ComparedTemplate:
        """Return what is told of the template in an answer.

        Args:
            probe: (d,), unit norm.
            embeddings: (n, d) of the faces that were read, unit norm.
            calibrated_pictures: how many pictures the templates of the calibration that holds had; None for none.
        """
        rows = [picture.row for picture in self.pictures if picture.row is not None]
        similarities = cosine(np.broadcast_to(probe, (len(rows), len(probe))), embeddings[rows])
        by_row = dict(zip(rows, similarities.tolist(), strict=True))
        return ComparedTemplate(
            size=self.size,
            calibrated_pictures=calibrated_pictures,
            pictures=tuple(
                TemplatePicture(
                    weight=picture.weight,
                    similarity=None if picture.row is None else by_row[picture.row],
                    doubts=picture.doubts,
                    failure=picture.failure,
                    check=picture.check,
                    face=picture.face,
                    norm=picture.norm,
                )
                for picture in self.pictures
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class TemplateFaces:
    """Faces that were read, as templates are pooled from them.

    Attributes:
        embeddings: (n, d) float32, unit norm.
        norms: (n,), lengths they had; 0 where one is not known.
        forms: what each was given as.
        aligned: the face of each photograph; None for what was no photograph.
        checks: by row, how it stands to the calibrated population.
        rows: the row of each face that could be read.
        failures: why each of the others could not.
    """

    embeddings: Floats32
    norms: Floats32
    forms: Sequence[InputForm]
    aligned: Sequence[AlignedFace | None]
    checks: Mapping[int, FaceCheck]
    rows: Mapping[FaceInput, int]
    failures: Mapping[FaceInput, InputError]


def pool(template: Template, faces: TemplateFaces, policy: QualityPolicy, parameters: Parameters) -> PooledTemplate:
    """Return the one face that several pictures are compared as.

    A picture beyond the calibrated population is left out by the policy ``decide`` while another is within it, since
    that is how templates are calibrated; by ``gate`` it cannot be used; ``report`` takes it.

    Args:
        template: the pictures.
        faces: what was read of them, and perhaps of others.
        policy: what becomes of pictures beyond the calibrated population.
        parameters: those in force.

    Raises:
        InputError: one of its kinds, about the first picture that cannot be used, if there is one and none may be
            skipped, or if none can be used.
    """
    pictures = [_picture(face, place, faces, policy) for place, face in enumerate(template.faces)]
    failures = [picture.failure for picture in pictures if picture.failure is not None]
    if failures and (not template.skips or len(failures) == len(pictures)):
        raise failures[0]
    usable = [place for place, picture in enumerate(pictures) if picture.failure is None]
    within = [place for place in usable if not pictures[place].doubts]
    used = within or usable
    rows = [row for place in used if (row := pictures[place].row) is not None]
    norms = faces.norms[rows]
    weights = picture_weights(norms, parameters.typical_norm)
    try:
        # One alone stays what it is, to the last digit.
        embedding = faces.embeddings[rows[0]] if len(rows) == 1 else fused(faces.embeddings[rows], weights)
    except InputError as error:
        raise error.about("reference") from None
    weight_of = dict(zip(used, weights.tolist(), strict=True))
    known = norms > 0
    # Of those alone whose norm is known.
    norm = float(weights[known] @ norms[known] / weights[known].sum()) if np.any(known) else 0.0
    forms = {faces.forms[row] for row in rows}
    told = tuple(replace(picture, weight=weight_of.get(place, 0.0)) for place, picture in enumerate(pictures))
    doubts = () if within else tuple(dict.fromkeys(doubt for place in used for doubt in pictures[place].doubts))
    return PooledTemplate(told, embedding, norm, forms.pop() if len(forms) == 1 else None, doubts)


def _picture(face: FaceInput, place: int, faces: TemplateFaces, policy: QualityPolicy) -> PooledPicture:
    failure = faces.failures.get(face)
    if failure is not None:
        # A copy: the same face may stand in another pair.
        return PooledPicture(None, 0.0, type(failure)(failure.message).about("reference", place))
    row = faces.rows[face]
    check = faces.checks[row]
    doubts = () if policy == "report" else check.doubts("reference")
    refused = LowQuality.of(doubts).about("reference", place) if doubts and policy == "gate" else None
    norm = float(faces.norms[row]) or None
    return PooledPicture(row, 0.0, refused, doubts, check, told_with_quality(faces.aligned[row], check), norm)
