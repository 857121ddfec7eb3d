"""A trained uncertainty head as an ONNX file."""

from dataclasses import dataclass, fields

import numpy as np
from onnx import helper

from models.heads.head_graph import head_file
from service.arrays import Floats32


@dataclass(frozen=True, slots=True, eq=False)
class PfeWeights:
    """The weights of two fully connected layers with ReLU between them.

    Attributes:
        first: (h, d) float32.
        first_bias: (h,) float32.
        second: (d, h) float32.
        second_bias: (d,) float32, log sigma^2 where the hidden values are 0.
    """

    first: Floats32
    first_bias: Floats32
    second: Floats32
    second_bias: Floats32


def pfe_graph(weights: PfeWeights) -> bytes:
    """Return the ONNX file of a head: ``embedding`` (n, d) float32 of unit norm to ``log_variance`` (n, d) float32."""
    nodes = [
        helper.make_node("Gemm", ["embedding", "first", "first_bias"], ["before"], transB=1),
        helper.make_node("Relu", ["before"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "second", "second_bias"], ["log_variance"], transB=1),
    ]
    constants = {each.name: np.asarray(getattr(weights, each.name), np.float32) for each in fields(weights)}
    dimension = weights.first.shape[1]
    return head_file("pfe_head", nodes, constants, dimension, ("log_variance", ("n", dimension)))
