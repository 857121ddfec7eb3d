"""Counts subnormal float32 values, in networks and in what they compute on the way."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from service.inference.onnx_runtime import ort

_TINY = np.finfo(np.float32).tiny


def subnormal_values(values: np.ndarray) -> int:
    magnitudes = np.abs(values)
    return int(np.count_nonzero((magnitudes > 0) & (magnitudes < _TINY)))


def subnormal_weights(model: onnx.ModelProto) -> int:
    tensors = [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    return sum(subnormal_values(tensor) for tensor in tensors if tensor.dtype == np.float32)


def subnormal_activations(model: onnx.ModelProto, inputs: np.ndarray) -> dict[str, int]:
    """Return how many values of each node's outputs are subnormal, of those that have any."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    given = {output.name for output in shown.graph.output}
    names = [name for node in shown.graph.node for name in node.output if name]
    shown.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names if name not in given)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(shown.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: dict[str, int] = {}
    for row in inputs:
        outputs = session.run(None, {session.get_inputs()[0].name: row[None]})
        for output, values in zip(session.get_outputs(), outputs, strict=True):
            if values.dtype == np.float32 and (count := subnormal_values(values)):
                found[output.name] = found.get(output.name, 0) + count
    return found
