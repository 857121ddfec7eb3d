"""PRelu written with operators that ONNX Runtime keeps in its blocked layout, where it has no PRelu.

A convolutional network runs there in blocks of 8 or 16 channels. Each PRelu makes it leave the layout and come back,
and is slow besides: half the time of a MobileFaceNet. Depthwise convolutions of size 1 multiply by a slope for each
channel without leaving it.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from models.packs.convert.onnx_graph import Network, attribute, is_operator
from service.arrays import Floats64

_WIDEST_BLOCK = 16

Slopes = Floats64


@dataclass(slots=True)
class PReluCounts:
    """How many were written in each way.

    Attributes:
        leaky: one slope for all channels: LeakyRelu, which fuses into a convolution.
        summed: ``slope*x + relu((1-slope)*x)`` with depthwise convolutions of size 1.
        folded: the same, with the factors folded into the depthwise convolution that gives x.
        parted: ``relu(x) - slope*relu(-x)``, which is exact to the bit, and also right for slopes above 1.
    """

    leaky: int = 0
    summed: int = 0
    folded: int = 0
    parted: int = 0


def replace_prelus(network: Network, *, to_the_bit: bool) -> PReluCounts:
    """Write each PRelu of a map with a slope for each channel so that it can stay in the blocked layout.

    Args:
        network: the graph, changed in place.
        to_the_bit: use only ways that are exact to the bit; a little slower.

    Returns:
        How many, by the way in which they were written; other PRelus are left as they are.
    """
    counts = PReluCounts()
    for node in network.nodes("PRelu"):
        values = network.constant(node, 1)
        if values is None or values.dtype != np.float32:
            continue
        if values.size == 1:
            alpha = float(values.reshape(()))
            leaky = helper.make_node("LeakyRelu", [node.input[0]], list(node.output), name=node.name, alpha=alpha)
            network.replace([node], [leaky])
            counts.leaky += 1
            continue
        channels = max(values.shape)
        if values.shape[-3:] != (channels, 1, 1) or channels % _WIDEST_BLOCK:
            continue
        slopes: Slopes = values.reshape(channels).astype(np.float64)
        depthwise = _only_for(network, node, channels)
        if to_the_bit or np.any(slopes > 1):
            network.replace([node], _parted(network, node, slopes))
            counts.parted += 1
        elif depthwise is not None:
            network.replace([depthwise, node], _folded(network, node, depthwise, slopes))
            counts.folded += 1
        else:
            network.replace([node], _summed(network, node, slopes))
            counts.summed += 1
    return counts


def _summed(network: Network, node: onnx.NodeProto, slopes: Slopes) -> list[onnx.NodeProto]:
    # PRelu(x) = slope*x + relu((1-slope)*x) where slope <= 1: the second term is (1-slope)*x for x > 0, else 0.
    source, result = node.input[0], node.output[0]
    return [
        _scaled(network, source, 1 - slopes, f"{result}/rest"),
        helper.make_node("Relu", [f"{result}/rest"], [f"{result}/positive"]),
        _scaled(network, source, slopes, f"{result}/linear"),
        helper.make_node("Add", [f"{result}/linear", f"{result}/positive"], [result], name=node.name),
    ]


def _folded(network: Network, node: onnx.NodeProto, depthwise: onnx.NodeProto, slopes: Slopes) -> list[onnx.NodeProto]:
    # As _summed; running the cheap convolution twice takes the place of two passes over its output.
    result = node.output[0]
    return [
        _with_factor(network, depthwise, 1 - slopes, f"{result}/rest"),
        helper.make_node("Relu", [f"{result}/rest"], [f"{result}/positive"]),
        _with_factor(network, depthwise, slopes, f"{result}/linear"),
        helper.make_node("Add", [f"{result}/linear", f"{result}/positive"], [result], name=node.name),
    ]


def _parted(network: Network, node: onnx.NodeProto, slopes: Slopes) -> list[onnx.NodeProto]:
    source, result = node.input[0], node.output[0]
    return [
        helper.make_node("Relu", [source], [f"{result}/positive"]),
        _scaled(network, source, -np.ones_like(slopes), f"{result}/opposite"),
        helper.make_node("Relu", [f"{result}/opposite"], [f"{result}/negative"]),
        _scaled(network, f"{result}/negative", -slopes, f"{result}/sloped"),
        helper.make_node("Add", [f"{result}/sloped", f"{result}/positive"], [result], name=node.name),
    ]


def _scaled(network: Network, source: str, factors: Slopes, result: str) -> onnx.NodeProto:
    weight = network.add_constant(f"{result}/weight", factors.reshape(-1, 1, 1, 1))
    return helper.make_node("Conv", [source, weight], [result], group=len(factors), kernel_shape=[1, 1])


def _with_factor(network: Network, depthwise: onnx.NodeProto, factors: Slopes, result: str) -> onnx.NodeProto:
    scaled = onnx.NodeProto()
    scaled.CopyFrom(depthwise)
    scaled.name = ""
    del scaled.input[1:], scaled.output[:]
    for position, part in enumerate(("weight", "bias"), start=1):
        values = network.constant(depthwise, position)
        if values is not None:
            scale = factors.reshape(-1, *[1] * (values.ndim - 1))
            scaled.input.append(network.add_constant(f"{result}/{part}", values.astype(np.float64) * scale))
    scaled.output.append(result)
    return scaled


def _only_for(network: Network, node: onnx.NodeProto, channels: int) -> onnx.NodeProto | None:
    """Return the depthwise convolution whose output only this node takes, if it is one with constant weights."""
    maker = network.maker(node.input[0])
    if maker is None or not is_operator(maker, "Conv") or network.uses(node.input[0]) != 1:
        return None
    if attribute(maker, "group", 1) != channels or network.constant(maker, 1) is None:
        return None
    if len(maker.input) > 2 and network.constant(maker, 2) is None:
        return None
    return maker
