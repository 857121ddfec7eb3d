"""A trained uncertainty head as an ONNX file."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from service.arrays import Floats32
from service.inference.small_weights import flush_small_weights

_OPSET, _IR_VERSION = 17, 8


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
    dimension = weights.first.shape[1]
    constants = {
        "first": weights.first,
        "first_bias": weights.first_bias,
        "second": weights.second,
        "second_bias": weights.second_bias,
    }
    nodes = [
        helper.make_node("Gemm", ["embedding", "first", "first_bias"], ["before"], transB=1),
        helper.make_node("Relu", ["before"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "second", "second_bias"], ["log_variance"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "pfe_head",
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ("n", dimension))],
        [helper.make_tensor_value_info("log_variance", TensorProto.FLOAT, ("n", dimension))],
        [numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", _OPSET)
    model: onnx.ModelProto = helper.make_model(
        graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="ida-verify"
    )
    flush_small_weights(model)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
