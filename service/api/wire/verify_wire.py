"""What goes over the wire, as pydantic models: the requests in JSON form, the answers, the problem document."""

from typing import Annotated, Literal

from annotated_types import MaxLen
from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, StringConstraints, Tag, model_validator

from service.api.wire.quality_wire import QualityAnswer
from service.api.wire.receipt_wire import EmbeddingsAnswer, ReceiptAnswer
from service.choices import FacePolicy, LivenessPolicy, QualityPolicy, UnusablePictures
from service.faces.pictures.formats import IN_WORDS
from service.faces.types import LivenessVerdict, Uncertainty
from service.scoring.decision import Decision
from service.scoring.methods import METHODS
from service.verifier import MOST_PICTURES


def _no_fragment(text: str) -> str:
    if len(text) == 1:
        raise ValueError("a single character is no base64")
    return text


Base64 = Annotated[str, AfterValidator(_no_fragment)]
"""Of any dialect; an empty one is an empty file."""


class FirstError(FailFast):
    """Ends the validation of a list at its first fault; hashable, so that it may stand in a union."""

    def __hash__(self) -> int:
        return hash(self.fail_fast)


Name = Annotated[str, StringConstraints(max_length=64)]
"""Of a method, an operating point or a face: what an answer may repeat."""

MethodName = Annotated[Name, Field(examples=list(METHODS))]

Detail = Literal["full", "basic"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class FaceRequest(_Request):
    """One face: exactly one of a photograph, an aligned crop or an embedding."""

    image: Base64 | None = Field(
        default=None,
        description=f"{IN_WORDS} photograph in base64: standard or url-safe, padded or not, with line breaks or "
        "without, or a data URI of it.",
    )
    crop: Base64 | None = Field(default=None, description="Aligned 112x112 image in base64; detection is skipped.")
    embedding: Annotated[list[float], MaxLen(8192), FirstError()] | None = Field(
        default=None,
        description="Embedding made by the same backbone. The similarity does not depend on its norm; the densities "
        "of a bundle with a norm_power do, and take an embedding of unit norm for one of a typical picture.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> "FaceRequest":
        given = [name for name in ("image", "crop", "embedding") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of image, crop and embedding, not {' and '.join(given) or 'none'}")
        return self


ONE_PICTURE, SEVERAL_PICTURES = "one picture", "several pictures"
"""What faults in a reference name its two forms by, which are no fields."""

PicturesLimit = Field(min_length=1, max_length=MOST_PICTURES)

References = Annotated[
    Annotated[FaceRequest, Tag(ONE_PICTURE)]
    | Annotated[list[FaceRequest], FirstError(), PicturesLimit, Tag(SEVERAL_PICTURES)],
    Field(union_mode="left_to_right"),
]


class PairOptions(_Request):
    """How a pair is verified."""

    method: MethodName | None = Field(
        default=None, description="Scoring method; the bundle's default_method if absent."
    )
    operating_point: Name | None = Field(
        default=None,
        description="Name of the operating point to decide at, such as fmr_1e-4. If absent the service's default "
        "(IDA_OPERATING_POINT), which /info tells.",
    )
    face_policy: FacePolicy | None = Field(default=None, description="Which of several faces is compared.")
    quality_policy: QualityPolicy | None = Field(
        default=None,
        description="What becomes of a pair with a face beyond the limits of the calibrated people: report, gate (422 "
        "low_quality) or decide (inconclusive in place of match, and no rate). IDA_QUALITY_POLICY if absent.",
    )
    liveness_policy: LivenessPolicy | None = Field(
        default=None,
        description="Whether the photographs are looked at for presentation attacks: off, report, or require "
        "(inconclusive in place of match where the probe is not shown to be live). It holds where it is stricter than "
        "the service's own (IDA_LIVENESS_POLICY).",
    )
    detail: Detail = Field(
        default="full",
        description="full, or basic: decision, threshold, score, similarity, fmr_at_score, evidence, reasons, faces.",
    )
    return_embeddings: bool = Field(
        default=False,
        description="Whether the answer has the embeddings that were compared, by which it can be checked later.",
    )
    unusable_pictures: UnusablePictures = Field(
        default="refuse",
        description="What becomes of a reference of several pictures one of which cannot be used: refuse (an error "
        "that names it) or skip (it is left out while another can be used).",
    )


class VerifyRequest(PairOptions):
    """A pair to verify."""

    probe: FaceRequest = Field(description="The face presented now.")
    reference: References = Field(
        description=f"The face of the claimed identity, or a list of up to {MOST_PICTURES} pictures of it, which are "
        "compared as one."
    )


class VerifyForm(PairOptions):
    """A pair to verify, as a multipart form."""

    probe: bytes = Field(description=f"{IN_WORDS} photograph of the face presented now.")
    reference: bytes = Field(
        description=f"{IN_WORDS} photograph of the face of the claimed identity; up to {MOST_PICTURES} parts of this "
        "name are several pictures of it, which are compared as one."
    )


class FaceOptions(_Request):
    """How a face is embedded."""

    method: MethodName | None = Field(
        default=None, description="Method whose density is told; the default one if absent and if it has a density."
    )
    face_policy: FacePolicy | None = Field(default=None, description="Which of several faces is embedded.")
    liveness_policy: LivenessPolicy | None = Field(
        default=None,
        description="Whether the photograph is looked at for a presentation attack: off or report; require, with no "
        "decision to make, is as report. It holds where it is stricter than the service's own.",
    )


class EmbedRequest(FaceOptions, FaceRequest):
    """A face to embed."""


class EmbedForm(FaceOptions):
    """A face to embed, as a multipart form."""

    image: bytes = Field(description=f"{IN_WORDS} photograph of the face.")


class BoxAnswer(BaseModel):
    """A face's box in pixels of the upright image: the part of it that lies in the image."""

    left: float
    top: float
    right: float
    bottom: float


class LivenessAnswer(BaseModel):
    """Whether a photograph shows a live face, as far as the liveness part can tell; its error rates are not known."""

    verdict: LivenessVerdict
    score: float = Field(description="Mean share of live over three crops, in [0, 1]; not a probability.")
    reason: Uncertainty | None = Field(
        description="Why it is uncertain: small_face, narrow_picture (it shows too little around the face), "
        "crops_disagree or poor_picture (beyond the limits of the calibrated people); null where it is not."
    )


class FaceAnswer(BaseModel):
    """The chosen face of a photograph."""

    box: BoxAnswer
    landmarks: list[tuple[float, float]] = Field(
        description="Left eye, right eye, nose, left and right mouth corner as seen in the upright face, (x, y) in "
        "pixels; outside the image where the face is cut off."
    )
    cut_off: float = Field(
        description="Share of the face that lies outside the image, in [0, 1], by its box or by where its landmarks "
        "place it, whichever is more."
    )
    rotated_by: Literal[0, 90, 180, 270] = Field(
        description="By how many degrees clockwise the picture was turned, besides by its EXIF orientation, to find "
        "the face upright. Box and landmarks are in pixels of the picture before that."
    )
    detection_score: float = Field(description="The detector's confidence in [0, 1]; not a similarity.")
    landmark_score: float | None = Field(
        description="How sure the landmark network is of a face, in [0, 1]; null where the pack's gives no score."
    )
    faces_found: int = Field(description="Number of faces found in the photograph.")
    image_width: int = Field(description="Width of the upright image in pixels.")
    image_height: int = Field(description="Height of the upright image in pixels.")
    exif_rotated: bool = Field(description="Whether the EXIF orientation turned or mirrored the picture.")
    quality: QualityAnswer
    liveness: LivenessAnswer | None = Field(description="null where it was not asked; see liveness_policy.")


class FacesAnswer(BaseModel):
    """The chosen faces; null for a side that was no photograph."""

    probe: FaceAnswer | None
    reference: FaceAnswer | None


class PerSide(BaseModel):
    """One number for each side of the pair."""

    probe: float
    reference: float


class ModelAnswer(BaseModel):
    """The models that made the embeddings."""

    pack: str
    backbone_id: str
    pipeline_id: str


class AnchorSetAnswer(BaseModel):
    """The anchor set that the scores depend on, searched or by what the SSR head learned of it."""

    id: str = Field(description="The {id} of /admin/anchor-sets/{id}, and of the command and the metrics.")
    generation: int = Field(description="Counts the activations; grows with every swap.")


_NO_ANCHOR_SET = "Null where none is served: then cosine alone is, and nothing is decided."


class DoubtAnswer(BaseModel):
    """Why no rate is vouched for with one of the faces."""

    model_config = ConfigDict(from_attributes=True)

    image: Literal["probe", "reference", "image"] = Field(description="The input it concerns.")
    code: str = Field(description="Stable name of the reason, such as poor_picture or outside_population.")
    advice: str = Field(description="What the person should do.")


class MeasuredOnAnswer(BaseModel):
    """Which pairs of the calibration's people a rate and a threshold rest on."""

    model_config = ConfigDict(from_attributes=True)

    stratum: str | None = Field(
        description="The pairs whose faces lie in the same two bands by norm as these, such as poor-good; null where "
        "the rate is that of all pairs: a norm is not known, or the calibration has no strata."
    )
    pairs: int | None = Field(description="How many pairs of different people; null where it does not say.")
    people: int | None = Field(description="Of how many people.")


class Meaning(BaseModel):
    """What a score means, by the calibration of its method."""

    decision: Decision | None = Field(
        description="match where the score is at least the threshold, and inconclusive in its place where reasons are "
        "given; non_match below it; null where no decision is made."
    )
    threshold: float | None = Field(
        description="Threshold of the operating point for pairs like this one, see population; null without a decision."
    )
    fmr_at_score: float | None = Field(
        description="Share of pairs of different people, of pictures like these (see population), that score at least "
        "so much; null if not calibrated, or where reasons are given."
    )
    fmr_interval: tuple[float, float] | None = Field(
        description="95 % interval of fmr_at_score: that by the sampling of people, widened by the spread between sets."
    )
    fmr_sampling_interval: tuple[float, float] | None = Field(
        description="The part of fmr_interval that comes from which people were sampled."
    )
    fmr_between_sets: float | None = Field(
        description="The other part: by what factor the rate of another set of people may lie on either side, with "
        "95 % confidence; null where the calibration had one set, and then fmr_interval does not tell it."
    )
    extrapolated: bool | None = Field(
        description="Whether fmr_at_score lies beyond what the pairs of population show, on a fitted tail."
    )
    evidence: float | None = Field(
        description="-log10 of fmr_at_score: 4 where 1 pair of different people in 10,000 scores at least so much."
    )
    evidence_interval: tuple[float, float] | None = Field(description="95 % interval of evidence, by fmr_interval.")
    population: MeasuredOnAnswer | None = Field(
        description="What threshold and fmr_at_score rest on; null where there is no calibration."
    )
    no_decision_reason: str | None = Field(
        description="Why there is no decision, or why it is inconclusive; null where it is match or non_match."
    )
    reasons: list[DoubtAnswer] = Field(
        description="Why the pair is not vouched for: a face lies beyond the limits of the calibrated people (never by "
        "the quality_policy report), or the probe is not shown to be live and must be."
    )


class CheckedMeasureAnswer(BaseModel):
    """How one face stands to one measure of the calibrated people."""

    value: float | None = Field(description="Of the face; null where it is not known.")
    limit: float | None = Field(description="Beyond it no rate is vouched for; null where there is none.")
    within: bool | None = Field(description="Whether the value is within the limit; null where it was not judged.")
    not_judged: str | None = Field(description="Why it was not judged; null where it was.")


class QualityCheckAnswer(BaseModel):
    """How both faces stand to the people that the rates were measured on, by measure."""

    policy: QualityPolicy = Field(description="What becomes of a pair with a face that is not within the limits.")
    probe: dict[str, CheckedMeasureAnswer]
    reference: dict[str, CheckedMeasureAnswer]


def _is_none(value: object) -> bool:
    return value is None


class PictureAnswer(BaseModel):
    """What one of several pictures of the reference was to the comparison."""

    weight: float = Field(description="Its share of the template, in [0, 1]; 0 where it was left out.")
    similarity: float | None = Field(description="Its own cosine with the probe; null where it could not be used.")
    quality_check: dict[str, CheckedMeasureAnswer] | None = Field(
        description="How it stands to the calibrated people, by measure; null where it could not be read, or in short."
    )
    face: FaceAnswer | None = Field(description="As in faces; null where it was no photograph, or could not be read.")
    reasons: list[DoubtAnswer] = Field(description="Why no rate is vouched for with it; then it may be left out.")
    problem: "Problem | None" = Field(description="Why it could not be used, where unusable_pictures is skip.")


class TemplateAnswer(BaseModel):
    """Several pictures of the reference, compared as one."""

    pictures_used: int = Field(description="Those with a weight above 0.")
    calibrated_pictures: int | None = Field(
        description="How many pictures the templates had that the rates were measured on: the next number that was "
        "measured. Null where nothing was calibrated for it."
    )
    pictures: list[PictureAnswer] = Field(description="All of them, in the order in which they were sent.")


class BasicVerifyAnswer(BaseModel):
    """A scored pair in short, as ``detail=basic`` gives it; see VerifyAnswer for each field."""

    decision: Decision | None
    threshold: float | None
    score: float
    similarity: float
    fmr_at_score: float | None
    evidence: float | None
    extrapolated: bool | None
    operating_point: str | None
    method: str
    no_decision_reason: str | None
    reasons: list[DoubtAnswer]
    faces: FacesAnswer
    template: TemplateAnswer | None = Field(default=None, exclude_if=_is_none, description="As in VerifyAnswer.")
    embeddings: EmbeddingsAnswer | None = Field(default=None, exclude_if=_is_none, description="As in VerifyAnswer.")
    receipt: ReceiptAnswer | None = Field(default=None, exclude_if=_is_none, description="As in VerifyAnswer.")


class VerifyAnswer(Meaning):
    """A scored pair: first what to use, then the evidence. The meaning at the top is that of ``score``."""

    operating_point: str | None = Field(description="Where it was decided: the one asked, or the service's default.")
    method: str = Field(description="The method that gave score.")
    score: float = Field(
        description="What the threshold is compared with; higher is more alike. It is dao_score by the methods ida-r "
        "and ida-l, similarity by cosine, a log-likelihood ratio (llr, natural logarithm) by ida-q and ida-ql, and a "
        "number of its own by each other method. Not a probability."
    )
    llr: float | None = Field(
        description="score where it is a log-likelihood ratio (natural logarithm; ida-q, ida-ql): above 0 the pair is "
        "likelier of one person than of two. Null by other methods."
    )
    llr_interval: tuple[float, float] | None = Field(
        description="95 % interval of llr: what it is worth on the calibrated people, none of whom its network saw, "
        "with the drawing of the people and the difference between sets; for pairs of these norms where they tell it."
    )
    no_llr_interval_reason: str | None = Field(
        default=None, exclude_if=_is_none, description="Why llr has no interval, where there is llr and no interval."
    )
    similarity: float = Field(description="The raw cosine of the two embeddings, in [-1, 1].")
    dao_score: float | None = Field(
        description="The score calibrated by discrepancy alignment: lower where the faces' neighbourhoods are crowded. "
        "Null, as all that rests on an anchor set, where none is served."
    )
    cosine: Meaning = Field(
        description="What similarity means. Choose score or similarity in advance, not the one that suits the pair."
    )
    density_method: str | None = Field(
        description="What dao_score and density rest on: ida-r where the anchors were searched, ida-l where the SSR "
        "head predicted."
    )
    density: PerSide | None = Field(description="The paper's F of each face: LOWER means a more crowded neighbourhood.")
    crowding: PerSide | None = Field(description="log(1/(k F))/tau in cosine units: HIGHER means more crowded.")
    quality_check: QualityCheckAnswer
    faces: FacesAnswer
    anchor_set: AnchorSetAnswer | None = Field(description=_NO_ANCHOR_SET)
    model: ModelAnswer
    request_id: str
    timings_ms: dict[str, float] = Field(
        description="Milliseconds by stage: decode, detect, align, embed, and their total. How long the comparison "
        "took is not told: it would tell whether exactly these pictures were seen before."
    )
    template: TemplateAnswer | None = Field(
        default=None,
        exclude_if=_is_none,
        description="Where the reference was a list: each picture's part. Density and crowding are the template's.",
    )
    embeddings: EmbeddingsAnswer | None = Field(
        default=None, exclude_if=_is_none, description="Where return_embeddings asked for them."
    )
    receipt: ReceiptAnswer | None = Field(
        default=None, exclude_if=_is_none, description="Where the service signs its answers (IDA_RECEIPT_KEY_FILE)."
    )


class EmbedAnswer(BaseModel):
    """An embedded face."""

    embedding: list[float] = Field(description="The embedding, of unit norm.")
    norm: float | None = Field(
        description="Length of what the backbone gave: higher for better pictures. An embedding multiplied by it keeps "
        "its picture's quality for a later /verify. Null where it is not known."
    )
    dimension: int
    density_method: str | None = Field(
        description="ida-r where the density was searched, ida-l where it was predicted; null, as the density, where "
        "no anchor set is served."
    )
    density: float | None = Field(description="The paper's F: LOWER means a more crowded neighbourhood.")
    crowding: float | None = Field(description="log(1/(k F))/tau in cosine units: HIGHER means more crowded.")
    face: FaceAnswer | None
    anchor_set: AnchorSetAnswer | None = Field(description=_NO_ANCHOR_SET)
    model: ModelAnswer
    request_id: str
    timings_ms: dict[str, float]


class Problem(BaseModel):
    """An error, as RFC 9457 problem details."""

    type: str = Field(description="about:blank: `code` tells what happened.")
    title: str
    status: int
    detail: str = Field(description="What was wrong and what to do about it.")
    code: str = Field(description="Stable name of the failure.")
    image: Literal["probe", "reference", "image"] | None = Field(description="The input it concerns, if it is one.")
    picture: int | None = Field(
        default=None, exclude_if=_is_none, description="Which of several pictures of that input, from 0."
    )
    request_id: str
    reasons: list[DoubtAnswer] = Field(description="Of low_quality, every reason; else empty.")
