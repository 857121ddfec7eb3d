"""What an ONNX file says of itself: its input, its outputs, and the arithmetic that it begins with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from models.packs.convert.onnx_graph import Constant, Network, is_operator
from service.arrays import Floats64
from service.errors import PackInvalid

NETWORK_BYTES = 1024**3
"""The largest network that is read; insightface's largest has a quarter of it."""

TensorAxes = tuple[int | None, ...]

# Nodes that are looked at before a network is taken to compute: those of preprocessing come first.
_MOST_STEPS = 8
_CHANNELS = 3
# A divisor for pixels of 0..255 is above the one and for those of 0..1 below the other; between them is neither.
_LEAST_FOR_BYTES, _MOST_FOR_UNIT = 16.0, 2.0


@dataclass(frozen=True, slots=True)
class LeadingArithmetic:
    """What a network does to its input before anything else: ``(input - mean) / scale``.

    Attributes:
        mean: (1,) or (3,) float64, of all channels or of each.
        scale: (1,) or (3,) float64, above 0.
        steps: the operators, in their order.
    """

    mean: Floats64
    scale: Floats64
    steps: tuple[str, ...]

    @property
    def takes(self) -> tuple[float, float] | None:
        """Mean and scale that a pack must state, since the network does the rest; None where that cannot be told.

        A network that divides by a hundred or so takes pixels of 0 to 255 as they are; one that divides by a half or so
        takes them from 0 to 1.
        """
        if float(self.scale.min()) >= _LEAST_FOR_BYTES:
            return 0.0, 1.0
        if float(self.scale.max()) <= _MOST_FOR_UNIT and float(self.mean.min()) > 0 and float(self.mean.max()) <= 1:
            return 0.0, 255.0
        return None

    @property
    def in_words(self) -> str:
        """The steps and what they come to, in a line."""
        mean, scale = (", ".join(f"{value:g}" for value in values) for values in (self.mean, self.scale))
        return f"{', '.join(self.steps)}: (pixel - {mean}) / {scale}"


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What a file says of its network.

    Attributes:
        inputs: how many inputs it has, weights not counted.
        shape: axes of the first one; None for an axis that is free.
        outputs: axes of each output; none where the file does not say.
        leading: the arithmetic that it begins with; None where there is none.
        named_like_it: whether among its first nodes are some that are named as subtractions and as multiplications,
            which is how insightface tells that a network does its own preprocessing.
    """

    inputs: int
    shape: TensorAxes
    outputs: tuple[TensorAxes, ...]
    leading: LeadingArithmetic | None
    named_like_it: bool

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Height and width of the first input's pictures; None where they are free, or it takes no pictures."""
        return (self.shape[2], self.shape[3]) if len(self.shape) == len("nchw") else (None, None)


def read_facts(path: Path) -> NetworkFacts:
    """Read what a file says of its network; nothing is run.

    Raises:
        PackInvalid: if it cannot be read, is larger than any network, or is no ONNX file.
    """
    try:
        size = path.stat().st_size
        if size > NETWORK_BYTES:
            raise PackInvalid(f"{path.name} has {size:,} bytes, and networks of at most {NETWORK_BYTES:,} are read.")
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise PackInvalid(f"{path} cannot be read: {error.strerror}.") from error
    except (DecodeError, ValueError) as error:
        raise PackInvalid(f"{path.name} is not an ONNX file.") from error
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if not inputs:
        raise PackInvalid(f"{path.name} is not an ONNX file, or a network without an input.")
    names = [node.name for node in graph.node[:_MOST_STEPS]]
    return NetworkFacts(
        inputs=len(inputs),
        shape=_axes(inputs[0]),
        outputs=tuple(_axes(output) for output in graph.output),
        leading=_leading(Network(model), inputs[0].name, model),
        named_like_it=_has_name(names, "Sub", "_minus") and _has_name(names, "Mul", "_mul"),
    )


def _axes(value: onnx.ValueInfoProto) -> TensorAxes:
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in dims)


def _has_name(names: Sequence[str], *beginnings: str) -> bool:
    return any(name.startswith(beginnings) for name in names)


def _leading(network: Network, value: str, model: onnx.ModelProto) -> LeadingArithmetic | None:
    """Follow the input through what only shifts and stretches it."""
    mean, scale, steps = np.zeros(1), np.ones(1), []
    for _ in range(_MOST_STEPS):
        takers = [node for node in model.graph.node if value in node.input]
        if len(takers) != 1:
            break
        node = takers[0]
        if not any(is_operator(node, operator) for operator in ("Identity", "Cast")):
            constant = _per_channel(network.constant(node, 1 if node.input[0] == value else 0))
            is_first = node.input[0] == value
            if constant is None:
                break
            if is_operator(node, "Sub") and is_first:
                mean = mean + constant * scale
            elif is_operator(node, "Add"):
                mean = mean - constant * scale
            elif is_operator(node, "Mul") and np.all(constant > 0):
                scale = scale / constant
            elif is_operator(node, "Div") and is_first and np.all(constant > 0):
                scale = scale * constant
            else:
                break
            steps.append(node.op_type)
        value = node.output[0]
    if not steps or not (np.all(np.isfinite(mean)) and np.all(np.isfinite(scale)) and np.all(scale > 0)):
        return None
    return LeadingArithmetic(mean, scale, tuple(steps))


def _per_channel(constant: Constant | None) -> Floats64 | None:
    """Return a constant that is one number, or one of each channel: (1,) or (3,) float64; None for any other."""
    if constant is None or constant.dtype.kind not in "fiu":
        return None
    flat = np.ravel(constant).astype(np.float64)
    if flat.size == 1:
        return flat
    # Beside (n, 3, height, width), three numbers belong to the channels where two axes of 1 follow them.
    return flat if flat.size == _CHANNELS and constant.shape[-3:] == (_CHANNELS, 1, 1) else None
