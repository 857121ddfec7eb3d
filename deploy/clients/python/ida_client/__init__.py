"""Client of an ida-verify service: ``Client``, or ``AsyncClient`` with the same calls to be awaited."""

from ida_client.calls import Limits
from ida_client.clients import AsyncClient, Client
from ida_client.exchange import RetryPolicy
from ida_client.face_inputs import Crop, Face
from ida_client.failures import (
    ClientError,
    DeadlinePassed,
    FaceTooSmallProblem,
    KeyProblem,
    LowQualityProblem,
    NoFaceProblem,
    PictureProblem,
    Problem,
    RequestProblem,
    ServiceProblem,
    SeveralFacesProblem,
    TooBusyProblem,
    Unreachable,
)
from ida_client.replies import ComparedColumns, ComparedPair, DoubtedFace, FoundEmbedding, PairOptions

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "ComparedColumns",
    "ComparedPair",
    "Crop",
    "DeadlinePassed",
    "DoubtedFace",
    "Face",
    "FaceTooSmallProblem",
    "FoundEmbedding",
    "KeyProblem",
    "Limits",
    "LowQualityProblem",
    "NoFaceProblem",
    "PairOptions",
    "PictureProblem",
    "Problem",
    "RequestProblem",
    "RetryPolicy",
    "ServiceProblem",
    "SeveralFacesProblem",
    "TooBusyProblem",
    "Unreachable",
]
