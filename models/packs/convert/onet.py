"""MTCNN's landmark network, ONet (Zhang et al. 2016), as an ONNX graph made from the weights of the package mtcnn."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.packs.convert.graph_form import BATCH_AXIS
from service.arrays import Floats32
from service.errors import PackInvalid

_SIDE = 48
_OPSET = 17
_IR_VERSION = 8


@dataclass(frozen=True, slots=True)
class _Convolution:
    """A convolution without padding, followed by PReLU and, unless ``pool`` is 0, max-pooling at stride 2.

    ``padding`` rows and columns are added at the pooled map's lower and right end, where Keras's "same" adds them.
    """

    name: str
    side: int
    inputs: int
    outputs: int
    pool: int
    padding: int = 0


# Sides of the maps: 48, 46, 23, 21, 10, 8, 4, 3.
_CONVOLUTIONS = (
    _Convolution("conv1", side=3, inputs=3, outputs=32, pool=3, padding=1),
    _Convolution("conv2", side=3, inputs=32, outputs=64, pool=3),
    _Convolution("conv3", side=3, inputs=64, outputs=64, pool=2),
    _Convolution("conv4", side=2, inputs=64, outputs=128, pool=0),
)
_LAST_SIDE, _LAST_CHANNELS, _HIDDEN = 3, 128, 256
_FLAT = _LAST_SIDE * _LAST_SIDE * _LAST_CHANNELS


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Return the arrays of the weight file, in its order: the shapes that Keras gives them.

    Kernels are (height, width, inputs, outputs) or (inputs, outputs). The outputs of ``box`` are offsets of a box,
    those of ``points`` five x and then five y, those of ``face`` the logits of "no face" and "face".
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in _CONVOLUTIONS:
        shapes[f"{layer.name}.kernel"] = (layer.side, layer.side, layer.inputs, layer.outputs)
        shapes[f"{layer.name}.bias"] = (layer.outputs,)
        shapes[f"{layer.name}.slope"] = (1, 1, layer.outputs)
    shapes |= {"hidden.kernel": (_FLAT, _HIDDEN), "hidden.bias": (_HIDDEN,), "hidden.slope": (_HIDDEN,)}
    for name, outputs in (("box", 4), ("points", 10), ("face", 2)):
        shapes |= {f"{name}.kernel": (_HIDDEN, outputs), f"{name}.bias": (outputs,)}
    return shapes


def convert_onet(path: Path) -> bytes:
    """Return the ONNX file made from a weight file: always the same bytes.

    Args:
        path: ``onet.lz4`` of the package mtcnn, a pickle that joblib compressed by LZ4. Reading a pickle runs what it
            says, so its digest must have been checked.

    Raises:
        PackInvalid: if its arrays are not ONet's.
    """
    arrays = joblib.load(path)
    shapes = weight_shapes()
    found = [getattr(array, "shape", None) for array in arrays] if isinstance(arrays, list) else None
    if found != list(shapes.values()):
        raise PackInvalid(f"{path.name} does not hold ONet's weights: its arrays have the shapes {found}.")
    weights = {name: np.asarray(array, dtype=np.float32) for name, array in zip(shapes, arrays, strict=True)}
    content: bytes = build_onet(weights).SerializeToString(deterministic=True)
    return content


def build_onet(weights: Mapping[str, Floats32]) -> onnx.ModelProto:
    """Return the graph from crops (n, 3, 48, 48) to ``points`` (n, 5, 2), ``box`` (n, 4) and ``face`` (n, 1).

    The input is RGB, (pixel - 127.5) / 128. Points are (x, y) in units of the crop's side from its top left corner, and
    may lie a little outside: left eye, right eye, nose, left and right mouth corner, as seen in the image. The box is
    how far the face's left, top, right and bottom lie from the crop's own, in the same unit. ``face`` is how sure the
    network is that the crop shows a face, in 0..1.

    Args:
        weights: float32, named and shaped as ``weight_shapes`` says.
    """
    graph = _Graph(weights)
    for layer in _CONVOLUTIONS:
        graph.add("Conv", f"{layer.name}.kernel", f"{layer.name}.bias")
        graph.add("PRelu", f"{layer.name}.slope")
        if layer.pool:
            padding = [0, 0, layer.padding, layer.padding]
            graph.add("MaxPool", kernel_shape=[layer.pool, layer.pool], strides=[2, 2], pads=padding)
    graph.add("Flatten", axis=1)
    graph.add("Gemm", "hidden.kernel", "hidden.bias")
    graph.add("PRelu", "hidden.slope")
    hidden = graph.last
    graph.add("Gemm", "points.kernel", "points.bias")
    graph.add("Reshape", "points.shape", output="points")
    graph.add("Gemm", "box.kernel", "box.bias", source=hidden, output="box")
    graph.add("Gemm", "face.kernel", "face.bias", source=hidden)
    graph.add("Sigmoid", output="face")
    return graph.model({"points": [5, 2], "box": [4], "face": [1]})


class _Graph:
    """Nodes that each take the output of the one before, unless they name another, and constants."""

    def __init__(self, weights: Mapping[str, Floats32]) -> None:
        self._constants = _in_onnx_layout(weights)
        self._nodes: list[onnx.NodeProto] = []
        self.last = "crops"

    def add(
        self, operator: str, *constants: str, source: str | None = None, output: str | None = None, **attributes: Any
    ) -> None:
        """Add a node."""
        name = output or f"step{len(self._nodes)}"
        inputs = [source or self.last, *constants]
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        self.last = name

    def model(self, outputs: Mapping[str, list[int]]) -> onnx.ModelProto:
        """Return the finished, checked model.

        Args:
            outputs: the shape of each output, without its batch axis.
        """
        used = {name for node in self._nodes for name in node.input}
        graph = helper.make_graph(
            self._nodes,
            "onet",
            [helper.make_tensor_value_info("crops", TensorProto.FLOAT, [BATCH_AXIS, 3, _SIDE, _SIDE])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH_AXIS, *shape])
                for name, shape in outputs.items()
            ],
            [numpy_helper.from_array(value, name) for name, value in self._constants.items() if name in used],
        )
        opset = helper.make_opsetid("", _OPSET)
        model: onnx.ModelProto = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def _in_onnx_layout(weights: Mapping[str, Floats32]) -> dict[str, NDArray[np.generic]]:
    constants: dict[str, NDArray[np.generic]] = dict(weights)
    for layer in _CONVOLUTIONS:
        constants[f"{layer.name}.kernel"] = weights[f"{layer.name}.kernel"].transpose(3, 2, 0, 1)
        constants[f"{layer.name}.slope"] = weights[f"{layer.name}.slope"].reshape(-1, 1, 1)
    # The network was trained on maps flattened by column, row, channel; ONNX flattens channel, row, column.
    maps = weights["hidden.kernel"].reshape(_LAST_SIDE, _LAST_SIDE, _LAST_CHANNELS, _HIDDEN)
    constants["hidden.kernel"] = maps.transpose(2, 1, 0, 3).reshape(_FLAT, _HIDDEN)
    in_pairs = np.arange(10).reshape(2, 5).T.ravel()
    constants["points.kernel"] = weights["points.kernel"][:, in_pairs]
    constants["points.bias"] = weights["points.bias"][in_pairs]
    # The softmax of two logits is the sigmoid of their difference.
    for part in ("face.kernel", "face.bias"):
        constants[part] = weights[part][..., 1:] - weights[part][..., :1]
    constants["points.shape"] = np.array([-1, 5, 2], dtype=np.int64)
    return {name: np.ascontiguousarray(value) for name, value in constants.items()}
