"""Networks whose weights are stored in blocks of 8 bits, as OpenCV's model zoo stores them, folded to float32.

What such a file computes is what its 8 bits say: folding moves the multiplication by each block's scale from every run
to the installation, and changes no weight.
"""

from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import helper

from models.packs.convert.onnx_graph import Constant, Network, attribute, is_operator
from service.arrays import Floats32
from service.errors import PackInvalid
from service.pack import Preprocessing


def dequantize(path: Path, size: Preprocessing) -> bytes:
    """Return the ONNX file with every weight in float32: always the same bytes.

    Args:
        path: the published file: its weights are given by DequantizeLinear of constants, perhaps reshaped.
        size: what the pack feeds the network; a detector that is published for a larger input is made to take this.

    Raises:
        PackInvalid: if it is no such file, or cannot take an input of that size.
    """
    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise PackInvalid(f"{path.name} is not an ONNX file.") from error
    network = Network(model)
    for node in list(model.graph.node):
        if is_operator(node, "DequantizeLinear"):
            _fold(network, node, _dequantized(network, node))
        elif is_operator(node, "Reshape"):
            _fold(network, node, _reshaped(network, node))
        elif is_operator(node, "Dropout"):
            network.replace([node], [helper.make_node("Identity", [node.input[0]], [node.output[0]], name=node.name)])
    if left := [node.output[0] for node in network.nodes("DequantizeLinear")]:
        raise PackInvalid(f"{path.name} quantizes more than its weights ({', '.join(left[:3])}): it cannot be folded.")
    network.drop_unused_weights()
    _drop_unused_inputs(model.graph)
    _resize(model, size, path.name)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _fold(network: Network, node: onnx.NodeProto, value: Floats32 | None) -> None:
    if value is not None:
        network.add_constant(node.output[0], value)
        network.replace([node], [])


def _dequantized(network: Network, node: onnx.NodeProto) -> Floats32 | None:
    """Return (x - zero) * scale, by blocks along the axis; None where it is not of constants."""
    found = [network.constant(node, position) for position in range(3)]
    values, scale, zero = found
    if values is None or scale is None or (zero is None and len(node.input) > 2):
        return None
    axis, block = attribute(node, "axis", 1) % max(1, values.ndim), attribute(node, "block_size", 0)

    def spread(of_blocks: Constant) -> Constant:
        if block:
            return np.take(np.repeat(of_blocks, block, axis=axis), np.arange(values.shape[axis]), axis=axis)
        if of_blocks.size == 1:
            return of_blocks.reshape(())
        return of_blocks.reshape([-1 if position == axis else 1 for position in range(values.ndim)])

    # The difference of two bytes is exact in int32, so this is one rounding, as a runtime does it.
    whole = values.astype(np.int32) - (0 if zero is None else spread(zero).astype(np.int32))
    folded: Floats32 = whole.astype(np.float32) * spread(scale).astype(np.float32)
    return folded


def _reshaped(network: Network, node: onnx.NodeProto) -> Floats32 | None:
    values, shape = network.constant(node, 0), network.constant(node, 1)
    if values is None or shape is None or values.dtype != np.float32:
        return None
    reshaped: Floats32 = values.astype(np.float32).reshape([int(side) for side in np.ravel(shape)])
    return reshaped


def _drop_unused_inputs(graph: onnx.GraphProto) -> None:
    """Leave out the inputs that stood for weights before these were quantized."""
    taken = {name for node in graph.node for name in node.input}
    constants = {tensor.name for tensor in graph.initializer}
    kept = [value for value in graph.input if value.name in taken and value.name not in constants]
    del graph.input[:]
    graph.input.extend(kept)


def _resize(model: onnx.ModelProto, size: Preprocessing, name: str) -> None:
    """Let the network take images of another size than it was published for, where nothing in it is bound to that."""
    graph = model.graph
    if len(graph.input) != 1 or len(graph.input[0].type.tensor_type.shape.dim) != 4:
        return
    axes = graph.input[0].type.tensor_type.shape.dim
    if (axes[2].dim_value, axes[3].dim_value) == (size.height, size.width):
        return
    axes[2].dim_value, axes[3].dim_value = size.height, size.width
    del graph.value_info[:]
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    except onnx.shape_inference.InferenceError as error:
        reason = str(error).strip().splitlines()[0]
        raise PackInvalid(f"{name} cannot take images of {size.width}x{size.height}: {reason}") from error
    for output, found in zip(graph.output, inferred.graph.output, strict=True):
        output.CopyFrom(found)
