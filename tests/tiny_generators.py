"""Tiny ONNX generators of the shapes that real ones have: DCGAN's latent, StyleGAN's label, truncation and noise."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 16


def write_generator(
    path: Path,
    *,
    latent: tuple[int, ...] = (8,),
    batch: int | str = "batch",
    classes: int | None = None,
    psi: tuple[int | str, ...] | None = None,
    noise: dict[str, tuple[int | str, ...]] | None = None,
    draws: bool = False,
    scale: float = 1.0,
    shift: float = 0.0,
    channels: int = 3,
    side: int = SIDE,
) -> Path:
    """Write a generator: tanh(psi * (z W + c V) + noise) * scale + shift, shaped (n, channels, side, side)."""
    random = np.random.default_rng(5)
    size, width = channels * side * side, int(np.prod(latent))
    inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, (batch, *latent))]
    weights = {
        "w": random.normal(size=(width, size)).astype(np.float32),
        "flat": np.array([-1, width], np.int64),
        "shape": np.array([-1, channels, side, side], np.int64),
        "scale": np.array(scale, np.float32),
        "shift": np.array(shift, np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["z", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "w"], ["style"]),
    ]
    last = "style"

    def then(kind: str, *others: str) -> None:
        nonlocal last
        nodes.append(helper.make_node(kind, [last, *others], [f"{last}_{len(nodes)}"]))
        last = nodes[-1].output[0]

    if classes is not None:
        inputs.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, (batch, classes)))
        weights["v"] = random.normal(size=(classes, size)).astype(np.float32)
        nodes.append(helper.make_node("MatMul", ["c", "v"], ["labelled"]))
        then("Add", "labelled")
    if psi is not None:
        inputs.append(helper.make_tensor_value_info("truncation_psi", TensorProto.FLOAT, psi))
        then("Mul", "truncation_psi")
    then("Reshape", "shape")
    for name, shape in (noise or {}).items():
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        then("Add", name)
    if draws:
        nodes.append(helper.make_node("RandomNormalLike", [last], ["drawn"]))
        then("Add", "drawn")
    then("Tanh")
    then("Mul", "scale")
    nodes.append(helper.make_node("Add", [last, "shift"], ["images"]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        inputs,
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (batch, channels, side, side))],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
