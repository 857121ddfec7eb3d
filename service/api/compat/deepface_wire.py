"""deepface's requests and answers, as pydantic models."""

from typing import Annotated, Literal

from annotated_types import MaxLen
from pydantic import BaseModel, Field

from service.api.compat.peer_bodies import PeerOptions
from service.api.wire.verify_wire import FirstError

DistanceMetric = Literal["cosine", "euclidean_l2", "angular"]
Values = Annotated[list[float], MaxLen(8192), FirstError()]


class DeepfaceOptions(PeerOptions):
    """What both of deepface's requests may say besides their pictures."""

    model_name: str | None = Field(default=None, max_length=64, description="The pack that is served, or absent.")
    detector_backend: str | None = Field(
        default=None, max_length=64, description="The detector that is served, or skip: the picture is a 112x112 crop."
    )
    enforce_detection: bool = Field(default=True, description="true alone: no face is an error, never a distance.")
    align: bool = Field(default=True, description="true alone.")
    expand_percentage: int = Field(default=0, description="0 alone.")
    normalization: str = Field(default="base", max_length=64, description="base alone.")
    anti_spoofing: bool = Field(default=False, description="Whether a face that is not shown to be live is an error.")


class DeepfaceVerifyOptions(DeepfaceOptions):
    """What deepface's ``/verify`` may say besides its pictures."""

    distance_metric: DistanceMetric = "cosine"
    silent: bool = Field(default=False, description="Passed over: it is about deepface's own log.")
    threshold: float | None = Field(
        default=None, allow_inf_nan=False, description="Of the distance; that of the operating point if absent."
    )


class DeepfaceVerifyRequest(DeepfaceVerifyOptions):
    """deepface's ``/verify`` in JSON."""

    img1: str | Values | None = Field(default=None, description="Data URI of a picture, or an embedding.")
    img2: str | Values | None = None
    img1_path: str | Values | None = Field(default=None, description="Another name of img1.")
    img2_path: str | Values | None = None


class DeepfaceRepresentOptions(DeepfaceOptions):
    """What deepface's ``/represent`` may say besides its picture."""

    max_faces: int | None = Field(default=None, ge=1, description="1 for the largest; else one face must be there.")


class DeepfaceRepresentRequest(DeepfaceRepresentOptions):
    """deepface's ``/represent`` in JSON."""

    img: str | None = Field(default=None, description="Data URI of a picture.")
    img_path: str | None = Field(default=None, description="Another name of img.")


class DeepfaceArea(BaseModel):
    """Where a face is, in pixels; eyes are the person's own left and right. null where there was no photograph."""

    x: int | None = None
    y: int | None = None
    w: int | None = None
    h: int | None = None
    left_eye: tuple[int, int] | None = None
    right_eye: tuple[int, int] | None = None


class DeepfaceAreas(BaseModel):
    """Both faces of a pair."""

    img1: DeepfaceArea
    img2: DeepfaceArea


class DeepfaceVerified(BaseModel):
    """What deepface's ``/verify`` answers, but for its confidence: no score here is a probability."""

    verified: bool
    distance: float
    threshold: float
    model: str
    detector_backend: str
    similarity_metric: DistanceMetric
    facial_areas: DeepfaceAreas
    time: float = Field(description="Seconds from decoding to embedding.")


class DeepfaceRepresentation(BaseModel):
    """One embedded face."""

    embedding: list[float]
    facial_area: DeepfaceArea
    face_confidence: float | None


class DeepfaceRepresented(BaseModel):
    """What deepface's ``/represent`` answers."""

    results: list[DeepfaceRepresentation]


class DeepfaceError(BaseModel):
    """What deepface says of an error: as ``exception`` where the request cannot be read, else as ``error``."""

    error: str | None = None
    exception: str | None = None
    message: str | None = None
