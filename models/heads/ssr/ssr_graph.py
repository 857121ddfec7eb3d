"""A trained SSR head as an ONNX file."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from models.heads.head_graph import head_file
from models.heads.ssr.ssr_options import Target
from service.arrays import Floats32

# The smallest normal float32: a density is above 0, whatever a poor head says.
_LEAST_DENSITY = np.finfo(np.float32).tiny


@dataclass(frozen=True, slots=True, eq=False)
class HeadWeights:
    """The weights of two fully connected layers with ReLU between them.

    Attributes:
        first: (h, d) float16, of the first layer. Half precision halves the file; what is measured is measured on it.
        first_bias: (h,) float32.
        second: (h,) float32, of the second layer.
        second_bias: its bias.
        target: what the second layer gives, log F or F.
    """

    first: NDArray[np.float16]
    first_bias: Floats32
    second: Floats32
    second_bias: float
    target: Target


def head_graph(weights: HeadWeights) -> bytes:
    """Return the ONNX file of a head: ``embedding`` (n, d) float32 of unit norm to ``density`` (n,) float32, F > 0."""
    dimension = weights.first.shape[1]
    constants: dict[str, NDArray[np.generic]] = {
        "first_half": weights.first,
        "first_bias": weights.first_bias,
        "second": weights.second[:, None],
        "second_bias": np.array([weights.second_bias], np.float32),
        "last_axis": np.array([1], np.int64),
        "least": np.array(_LEAST_DENSITY, np.float32),
    }
    log = weights.target == "log-f"
    nodes = [
        # ONNX Runtime does this once, when it loads the file.
        helper.make_node("Cast", ["first_half"], ["first"], to=TensorProto.FLOAT),
        helper.make_node("Gemm", ["embedding", "first", "first_bias"], ["before"], transB=1),
        helper.make_node("Relu", ["before"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "second", "second_bias"], ["column"]),
        helper.make_node("Squeeze", ["column", "last_axis"], ["predicted"]),
        *([helper.make_node("Exp", ["predicted"], ["unbounded"])] if log else []),
        helper.make_node("Max", ["unbounded" if log else "predicted", "least"], ["density"]),
    ]
    return head_file("ssr_head", nodes, constants, dimension, ("density", ("n",)))
