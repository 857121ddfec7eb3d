"""What ``/healthz``, ``/readyz`` and ``/info`` answer, as pydantic models."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.dataclasses import dataclass

from service.api.wire.verify_wire import AnchorSetAnswer, ModelAnswer
from service.bundle.ssr_part import HeadTarget
from service.choices import Device, FacePolicy, Gates, LivenessPolicy, QualityPolicy
from service.pack import Preparation
from service.scoring.calibration import InputForm, OperatingPoint
from service.scoring.methods import Scale
from service.scoring.population import PopulationLimits
from service.settings import AnchorSearch


class AliveAnswer(BaseModel):
    """The process serves HTTP."""

    status: Literal["alive"]


class ReachabilityAnswer(BaseModel):
    """Whether the store can be reached; GET /admin/store says why not, and where it is."""

    reachable: bool
    since: str = Field(description="Since when that is so.", json_schema_extra={"format": "date-time"})


class LagAnswer(BaseModel):
    """An activation that this replica could not follow."""

    generation: int
    code: str


class ReadinessAnswer(BaseModel):
    """Whether requests should be sent here, and what they would be answered with."""

    status: Literal["ready", "draining", "not ready"]
    anchor_set_id: str | None = Field(description="Null where none is served, but cosine alone.")
    generation: int = Field(description="The one that is served.")
    newest_generation: int = Field(description="The newest that this replica knows of.")
    lagging: bool
    store: ReachabilityAnswer
    api_keys: Literal["off", "read", "unreadable"] = Field(
        description="Whether the callers' keys are asked for; unreadable: nobody is known, and nobody answered."
    )
    last_error: LagAnswer | None


class VersionsAnswer(BaseModel):
    """Versions of the service, of Python, and of the engines."""

    version: str
    revision: str = Field(description="Of the code; unknown where nobody told it when the image was built.")
    python: str
    onnxruntime: str
    faiss: str


class DeviceAnswer(BaseModel):
    """What computes."""

    models: Device
    anchors: Device
    provider: str = Field(description="ONNX Runtime's name of what runs the models.")
    threads: int = Field(description="Threads of one run.")
    workers: int = Field(description="Requests that are worked on at once.")


class ServedModelAnswer(ModelAnswer):
    """The models that make the embeddings, and what they are."""

    description: str
    detector: str
    preparation: Preparation = Field(description="What decides an embedding besides the networks.")
    dimension: int = Field(description="Values of one embedding.")


class ServedAnchorSetAnswer(AnchorSetAnswer):
    """The anchor set that is served, and the parameters in force."""

    anchors_digest: str = Field(description="Digest of the embeddings and the backbone.")
    count: int = Field(description="Number of anchors.")
    search: AnchorSearch
    k: int
    tau: float
    strength: float
    norm_power: float
    provenance: dict[str, JsonValue] = Field(description="Where the anchors came from; its fields are the maker's.")


class SsrHeadAnswer(BaseModel):
    """The head that predicts densities, and of what."""

    model_config = ConfigDict(from_attributes=True)

    head_sha256: str
    target: HeadTarget
    k: int
    tau: float
    guard: float | None


class StratumAnswer(BaseModel):
    """Pairs whose faces lie in the same two bands by norm, and where they are decided."""

    stratum: str = Field(description="Both bands, the poorer first, as population of an answer says it.")
    pairs: int = Field(description="How many pairs of different people its rates rest on.")
    people: int
    fmr_shown_down_to: float = Field(description="Rates below it are extrapolated.")
    thresholds: dict[str, float] = Field(description="By operating point.")


class StrataAnswer(BaseModel):
    """Curves by the norms of both faces."""

    norms: list[float] = Field(description="Norms that part the bands; one at a limit is in the better band.")
    strata: list[StratumAnswer]


class MethodCalibrationAnswer(BaseModel):
    """What one method's scores mean."""

    method: str
    input_form: InputForm
    parameters: dict[str, int | float | None] = Field(description="Those of the anchor set that its scores depend on.")
    fmr_shown_down_to: float = Field(description="Rates below it are extrapolated.")
    operating_points: list[OperatingPoint] = Field(description="Measured over all pairs, whatever their norms.")
    strata: StrataAnswer | None = Field(
        description="By which a pair with two known norms is judged; null where all pairs are one."
    )


class CalibrationAnswer(BaseModel):
    """What the scores mean, and for whom that was measured."""

    population: str
    methods: list[MethodCalibrationAnswer]
    limits: dict[InputForm, PopulationLimits] = Field(
        description="How the calibration's faces lay, and beyond what no rate is vouched for. Without an entry for a "
        "form of input, the quality of such faces is not judged."
    )
    reference_pictures: list[int] = Field(
        description="Of how many pictures the references were that rates were measured with. A reference of another "
        "number gets the rates of the next larger one, and none beyond the largest."
    )


@dataclass(frozen=True, kw_only=True)
class LimitsAnswer(Gates):
    """What a photograph may be; see ``Gates`` for each number."""

    image_formats: list[str]
    face_policy: FacePolicy
    quality_policy: QualityPolicy
    max_batch: int = Field(description="Most pairs or faces of one batch.")
    max_embedding_pairs: int = Field(description="Most pairs of embeddings of one batch in bytes.")


class ServedLivenessAnswer(BaseModel):
    """The liveness part, and the least strict policy by which it is asked."""

    policy: LivenessPolicy
    liveness_id: str | None = Field(
        description="What decides a verdict besides the picture and the box; null where the part is not installed."
    )


class InfoAnswer(BaseModel):
    """What is served."""

    service: VersionsAnswer
    device: DeviceAnswer
    model: ServedModelAnswer
    anchor_set: ServedAnchorSetAnswer | None = Field(
        description="Null where none is served: then cosine alone is, and no_anchor_set says why."
    )
    no_anchor_set: str | None = Field(description="Why no anchor set is served, and what to do; null where one is.")
    ssr_head: SsrHeadAnswer | None
    calibration: CalibrationAnswer | None = Field(description="null where the anchor set was not calibrated.")
    methods: list[str]
    not_served: dict[str, str] = Field(description="Why each other method is not served.")
    default_method: str
    operating_point: str | None = Field(description="Where a request that names none is decided; null for nowhere.")
    anchor_set_default_method: str | None = Field(
        description="The anchor set's own, which a setting may override; null without one."
    )
    limits: LimitsAnswer
    receipt_key_id: str | None = Field(description="Of the key by which answers are signed; null where they are not.")
    liveness: ServedLivenessAnswer


class FmrCurveAnswer(BaseModel):
    """False-match rate against score of one method, at the parameters in force."""

    method: str
    input_form: InputForm
    stratum: str | None = Field(description="Of which pairs, as population of an answer says it; null for all.")
    scale: Scale = Field(description="On which a straight line lies between two scores; the rates' is log.")
    scores: list[float] = Field(description="Ascending, as `score` of an answer has them.")
    fmr: list[float] = Field(description="Share of pairs of different people that score at least so much.")
    fmr_low: list[float] = Field(description="Lower ends of the 95 % intervals.")
    fmr_high: list[float] = Field(description="Upper ends.")
    fmr_shown_down_to: float = Field(description="Rates below it are extrapolated.")
    thresholds: dict[str, float] = Field(description="By operating point.")
    operating_points: list[OperatingPoint] = Field(
        description="Measured over all pairs; none with a stratum, of which no pairs of one person were measured."
    )


class CurvesAnswer(BaseModel):
    """The curves by which rates are stated now."""

    anchor_set: AnchorSetAnswer | None = Field(description="Whose curves they are; null where none is served.")
    curves: list[FmrCurveAnswer] = Field(
        description="Of each method that is served and form of input, where it is calibrated for what is in force."
    )
