"""Weights too small to matter: they change no output, and can make a network many times slower.

A subnormal float32 (below 1.2e-38) is handled by microcode on many processors, Intel's among them: a sum that is one
for a while costs some hundred cycles a step. Weight decay leaves such weights in channels that died in training.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from service.pack import InstalledPack

if TYPE_CHECKING:
    import onnx

SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
# 2**-63. Two values of at least this give a product that is no subnormal, so that dead channels whose biases and slopes
# are kept stay clear of them too. And a weight below it can move a sum of float32, which has 24 bits, only where the
# whole sum is below 2**-38 (4e-12) of what that weight multiplies.
TOO_SMALL = float(np.sqrt(SMALLEST_NORMAL))

# Inputs that are factors or terms of sums of products. Constants elsewhere may bound or divide, however small they are.
_WEIGHTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "Conv": (1, 2),
        "ConvTranspose": (1, 2),
        "Gemm": (0, 1, 2),
        "MatMul": (0, 1),
        "BatchNormalization": (1, 2, 3),
        "PRelu": (1,),
    }
)


@dataclass(frozen=True, slots=True)
class SmallWeights:
    """How many weights of a network are too small to matter.

    Attributes:
        count: below ``TOO_SMALL`` in magnitude, and not 0.
        subnormal: those of them that are subnormal.
    """

    count: int = 0
    subnormal: int = 0


def count_small_weights(model: "onnx.ModelProto") -> SmallWeights:
    """Return how many weights are too small to matter."""
    return _visit(model, flush=False)


def flush_small_weights(model: "onnx.ModelProto") -> SmallWeights:
    """Set the weights that are too small to matter to 0, in place; return how many they were.

    A tensor that any node takes otherwise than as weights is left as it is, and so is one that is not float32.
    """
    return _visit(model, flush=True)


def without_small_weights(content: bytes) -> bytes:
    """Return an ONNX file's bytes with the weights that are too small to matter set to 0.

    Args:
        content: the file's bytes; returned as they are if there are no such weights, or they are no ONNX file.
    """
    # Here, because it takes a tenth of a second that a service without a head need not wait.
    import onnx  # noqa: PLC0415
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        model = onnx.load_from_string(content)
    except DecodeError:
        return content
    if not flush_small_weights(model).count:
        return content
    flushed: bytes = model.SerializeToString(deterministic=True)
    return flushed


def subnormal_warnings(pack: InstalledPack) -> list[str]:
    """Say of each network of a pack that an earlier version installed, and that has subnormal weights, what to do.

    Args:
        pack: an installed pack. One whose receipt says what was flushed has none that could be.
    """
    import onnx  # noqa: PLC0415

    name, warnings = pack.manifest.name, []
    for role, entry in pack.receipt.files.items():
        if entry.flushed is not None:
            continue
        subnormal = count_small_weights(onnx.load(str(pack.files[role]))).subnormal
        if subnormal:
            warnings.append(
                f"{entry.file} of the model pack {name} has {subnormal} subnormal weights, which change nothing and "
                f"can make it many times slower on this processor. Run `ida-verify models pull --force {name}`, or "
                "`ida-verify models add --force FOLDER` for a pack of your own; its ids stay the same."
            )
    return warnings


def _visit(model: "onnx.ModelProto", *, flush: bool) -> SmallWeights:
    from onnx import TensorProto, numpy_helper  # noqa: PLC0415

    count = subnormal = 0
    for tensor in _weights(model.graph):
        if tensor.data_type != TensorProto.FLOAT or tensor.data_location == TensorProto.EXTERNAL:
            continue
        values = numpy_helper.to_array(tensor)
        magnitudes = np.abs(values)
        small = (magnitudes < TOO_SMALL) & (magnitudes > 0)
        if not small.any():
            continue
        count += int(np.count_nonzero(small))
        subnormal += int(np.count_nonzero(small & (magnitudes < SMALLEST_NORMAL)))
        if flush:
            tensor.CopyFrom(numpy_helper.from_array(np.where(small, np.float32(0), values), tensor.name))
    return SmallWeights(count, subnormal)


def _weights(graph: "onnx.GraphProto") -> Iterator["onnx.TensorProto"]:
    """Give the constants that are taken as weights and as nothing else."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        value = next((entry.t for entry in node.attribute if entry.name == "value"), None)
        if node.op_type == "Constant" and value is not None:
            constants[node.output[0]] = value
    as_weights: set[str] = set()
    otherwise = {output.name for output in graph.output}
    for node in all_nodes(graph):
        positions = _WEIGHTS.get(node.op_type, ()) if node.domain in {"", "ai.onnx"} else ()
        for position, name in enumerate(node.input):
            (as_weights if position in positions else otherwise).add(name)
    for name in sorted(as_weights - otherwise):
        if name in constants:
            yield constants[name]


def all_nodes(graph: "onnx.GraphProto") -> Iterator["onnx.NodeProto"]:
    """Give every node of a graph, those of inner graphs too."""
    for node in graph.node:
        yield node
        for entry in node.attribute:
            for inner in (entry.g, *entry.graphs):
                yield from all_nodes(inner)
