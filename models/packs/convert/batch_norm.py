"""Batch normalisation folded into the convolution before it."""

import numpy as np
import onnx

from models.packs.convert.onnx_graph import Network, attribute, is_operator
from service.arrays import Floats64

_EPSILON = 1e-5


def fold_batch_norms(network: Network) -> int:
    """Scale the weights of each convolution by the batch normalisation that alone takes its output.

    Returns:
        How many were folded.
    """
    return sum(_fold(network, node) for node in network.nodes("BatchNormalization"))


def _fold(network: Network, norm: onnx.NodeProto) -> bool:
    convolution = network.maker(norm.input[0])
    if convolution is None or not is_operator(convolution, "Conv") or network.uses(norm.input[0]) != 1:
        return False
    statistics = [network.constant(norm, position) for position in range(1, 5)]
    weight, bias = network.constant(convolution, 1), network.constant(convolution, 2)
    if weight is None or any(values is None for values in statistics) or (len(convolution.input) > 2 and bias is None):
        return False
    # In training it normalises by the batch, and gives more than one output.
    if attribute(norm, "training_mode", 0) or len(norm.output) != 1:
        return False
    gain, shift, mean, variance = (np.asarray(values, dtype=np.float64) for values in statistics)
    factor: Floats64 = gain / np.sqrt(variance + attribute(norm, "epsilon", _EPSILON))
    before = np.zeros_like(mean) if bias is None else np.asarray(bias, dtype=np.float64)
    name = norm.output[0]
    folded = onnx.NodeProto()
    folded.CopyFrom(convolution)
    del folded.input[1:], folded.output[:]
    per_output = factor.reshape(-1, *[1] * (weight.ndim - 1))
    folded.input.append(network.add_constant(f"{name}/weight", np.asarray(weight, dtype=np.float64) * per_output))
    folded.input.append(network.add_constant(f"{name}/bias", (before - mean) * factor + shift))
    folded.output.append(name)
    network.replace([convolution, norm], [folded])
    return True
