"""The models that the Open Inference Protocol is served with, and what is told of them and of the server."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from service.api.compat.oip_tensors import Datatype
from service.choices import FacePolicy, LivenessPolicy, QualityPolicy

FOLDER = "/compat/oip/v2"
VERIFY_PICTURES, VERIFY_EMBEDDINGS, EMBED_PICTURES = "verify", "verify-embeddings", "embed"


@dataclass(frozen=True, slots=True)
class OipModel:
    """What is told of a model: its tensors' datatypes by their names, and the parameters that a request may have.

    Attributes:
        name: its name in paths.
        inputs: tensors that it takes, all of one length.
        outputs: tensors that it answers.
        options: names of parameters.
    """

    name: str
    inputs: Mapping[str, Datatype]
    outputs: Mapping[str, Datatype]
    options: tuple[str, ...]

    @property
    def infer_path(self) -> str:
        """Where it is asked."""
        return f"{FOLDER}/models/{self.name}/infer"


PAIR: Mapping[str, Datatype] = MappingProxyType(
    {
        "decision": "BYTES",
        "score": "FP64",
        "threshold": "FP64",
        "similarity": "FP64",
        "fmr_at_score": "FP64",
        "evidence": "FP64",
    }
)
_PAIR_OPTIONS = ("method", "operating_point", "face_policy", "quality_policy", "liveness_policy")
MODELS: Mapping[str, OipModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            OipModel(VERIFY_PICTURES, {"probe": "BYTES", "reference": "BYTES"}, PAIR, _PAIR_OPTIONS),
            OipModel(VERIFY_EMBEDDINGS, {"probe": "FP32", "reference": "FP32"}, PAIR, _PAIR_OPTIONS),
            OipModel(EMBED_PICTURES, {"image": "BYTES"}, {"embedding": "FP32", "norm": "FP32"}, ("face_policy",)),
        )
    }
)
"""The models, by name."""

WORDS: Mapping[str, Any] = MappingProxyType(
    {"face_policy": FacePolicy, "quality_policy": QualityPolicy, "liveness_policy": LivenessPolicy}
)
"""The words that some of their parameters may be; others may be any text."""


class OipServer(BaseModel):
    """What the server says of itself."""

    name: str
    version: str
    extensions: list[str]


class OipTensor(BaseModel):
    """A tensor of a model; -1 stands for any length."""

    name: str
    datatype: str
    shape: list[int]


class OipModelMetadata(BaseModel):
    """What a model takes and answers."""

    name: str
    platform: str
    inputs: list[OipTensor]
    outputs: list[OipTensor]


class OipReady(BaseModel):
    """Whether a model answers."""

    name: str
    ready: bool


class OipAlive(BaseModel):
    """Whether the server is there."""

    live: bool


class OipInferred(BaseModel):
    """What ``infer`` answers: tensors with their data, or with ``binary_data_size`` where these follow."""

    model_name: str
    id: str | None = None
    outputs: list[dict[str, Any]]


class OipError(BaseModel):
    """An error as the protocol says it."""

    error: str


def tensor_told(name: str, kind: Datatype, dimension: int) -> OipTensor:
    """Return what is told of a tensor, embeddings being of some dimension."""
    is_vector = name == "embedding" or (kind == "FP32" and name in ("probe", "reference"))
    return OipTensor(name=name, datatype=kind, shape=[-1, dimension] if is_vector else [-1])
