"""A network in 8 bits: weights by rows, activations in the ranges that the manifest gives.

The rounding of weights and activations is ONNX Runtime's own, which fuses it into kernels of 8 bits where it loads the
network.
"""

import numpy as np
import onnx

from models.tool_errors import GraphNotConvertible
from service.inference.onnx_runtime import load_quantization
from service.pack.quantization import Quantization

# What stands between convolutions is rounded too, so that no value becomes a float32 on its way to the next.
_OPERATORS = ("Add", "Conv", "Gemm", "Relu")


def quantize(content: bytes, quantization: Quantization, *, name: str) -> bytes:
    """Return the ONNX file of a network in 8 bits.

    Weights have 7 bits: processors without VNNI add pairs of products in 16 bits, which 8 by 8 bits overflow, so that
    an embedding would depend on the processor.

    Args:
        content: the bytes of the network in float32, in the form in which it would be served.
        quantization: the ranges of its activations.
        name: what an error message calls it.

    Raises:
        GraphNotConvertible: if an activation has no range, or the network cannot be written in 8 bits.
    """
    model = onnx.load_from_string(content)
    ranges = {
        tensor: (np.float32(lowest), np.float32(highest)) for tensor, (lowest, highest) in quantization.ranges.items()
    }
    _check_ranges(model.graph, quantization, name)
    library = load_quantization()
    quantizer = library.qdq_quantizer.QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=True,
        weight_qType=library.QuantType.QInt8,
        activation_qType=library.QuantType.QUInt8,
        tensors_range=library.calibrate.TensorsData(library.CalibrationMethod.MinMax, ranges),
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=list(_OPERATORS),
        extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
    )
    try:
        quantizer.quantize_model()
        quantizer.model.topological_sort()
        written = quantizer.model.model
        onnx.checker.check_model(written, full_check=True)
    except (ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise GraphNotConvertible(f"{name} cannot be written in 8 bits: {reason}") from error
    found: bytes = written.SerializeToString(deterministic=True)
    return found


def _check_ranges(graph: onnx.GraphProto, quantization: Quantization, name: str) -> None:
    """Refuse ranges that lack an activation: it would stay in float32, and nobody would be told."""
    activations = {output for node in graph.node if node.op_type in _OPERATORS for output in node.output}
    if lacking := sorted(activations - quantization.ranges.keys()):
        raise GraphNotConvertible(
            f"{name} is to be served in 8 bits, and [backbone.quantization.ranges] lacks {', '.join(lacking[:3])}"
            f"{f' and {len(lacking) - 3} others' if len(lacking) > 3 else ''}. Measure the ranges on faces anew: "
            "`poe bench activation_ranges`."
        )
