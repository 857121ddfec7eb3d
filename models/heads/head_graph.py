"""A head as an ONNX file, written node by node, so that nothing but the contract is in it."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from service.inference.small_weights import flush_small_weights

_OPSET, _IR_VERSION = 17, 8


def head_file(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, NDArray[np.generic]],
    dimension: int,
    output: tuple[str, tuple[str | int, ...]],
    takes: str = "embedding",
) -> bytes:
    """Return the ONNX file of a head, from (n, d) float32.

    Args:
        name: of the graph.
        nodes: what is computed.
        constants: the weights by name.
        dimension: d.
        output: name and shape of what the head says, float32.
        takes: name of the input; an ``embedding`` has unit norm.
    """
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(takes, TensorProto.FLOAT, ("n", dimension))],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", _OPSET)
    model: onnx.ModelProto = helper.make_model(
        graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="ida-verify"
    )
    flush_small_weights(model)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
