"""Tiny ONNX networks and packs of the shapes that real ones have, with the batch fixed to 1 as exporters leave it.

The detector and the landmark network find the same face in every picture; the backbone is a real, random projection.
"""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import joblib
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.packs.convert.onet import weight_shapes
from service.pack import LivenessManifest, parse_liveness_manifest

PACKAGE = "tiny-face-networks"
VERSION = "1.2.3"
WHEEL = "tiny_onet-4.5.6-py3-none-any.whl"
ONET_MEMBER = "tiny_onet/onet.lz4"


def backbone(
    dimension: int = 256,
    *,
    seed: int = 7,
    mixes_batch: bool = False,
    channels: int = 8,
    slopes: tuple[float, float] = (0.1, 0.4),
    offset: float = 0.0,
) -> onnx.ModelProto:
    """An ArcFace-style backbone: (1, 3, 112, 112) to (1, dimension), its last Reshape fixed to a batch of 1.

    ``slopes`` are the bounds of its PRelu's, ``offset`` is added to what the PRelu takes.
    """
    random = np.random.default_rng(seed)
    nodes = [
        helper.make_node("Conv", ["input", "kernel", "offset"], ["cells"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("PRelu", ["cells", "slope"], ["active"]),
        helper.make_node("Reshape", ["active", "flat"], ["flattened"]),
        helper.make_node("MatMul", ["flattened", "projection"], ["projected"]),
    ]
    if mixes_batch:
        nodes.append(helper.make_node("ReduceMean", ["projected"], ["embedding"], axes=[0], keepdims=1))
    else:
        nodes.append(helper.make_node("Identity", ["projected"], ["embedding"]))
    weights = {
        "kernel": random.normal(size=(channels, 3, 16, 16)).astype(np.float32) / 16,
        "offset": np.full(channels, offset, np.float32),
        "slope": random.uniform(*slopes, size=(channels, 1, 1)).astype(np.float32),
        "flat": np.array([1, -1], dtype=np.int64),
        "projection": random.normal(size=(channels * 7 * 7, dimension)).astype(np.float32) / 20,
    }
    return network(nodes, weights, input_shape=(1, 3, 112, 112), outputs={"embedding": (1, dimension)})


def batched(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return a tiny backbone whose batch axis is free."""
    network.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    network.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    flat = next(tensor for tensor in network.graph.initializer if tensor.name == "flat")
    flat.CopyFrom(numpy_helper.from_array(np.array([0, -1], dtype=np.int64), "flat"))
    del network.graph.value_info[:]
    return network


def detector(
    *, mixes_batch: bool = False, box: tuple[float, float, float, float] = (0.3, 0.1, 0.6, 0.5)
) -> onnx.ModelProto:
    """An ultra-light style detector that sees one face at the same place of every picture, by default in its middle."""
    axes = [0, 1, 2, 3] if mixes_batch else [1, 2, 3]
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=axes, keepdims=1),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "row"], ["rows"]),
        helper.make_node("Add", ["rows", "score"], ["scores"]),
        helper.make_node("Add", ["rows", "box"], ["boxes"]),
    ]
    weights = {
        "zero": np.zeros((1,), np.float32),
        "row": np.array([1, 1, 1], dtype=np.int64),
        "score": np.array([[[0.05, 0.95]]], np.float32),
        "box": np.array([[box]], np.float32),
    }
    return network(nodes, weights, input_shape=(1, 3, 48, 64), outputs={"scores": (1, 1, 2), "boxes": (1, 1, 4)})


def landmarks() -> onnx.ModelProto:
    """A 68-point network that puts the points at the same places of every box."""
    points = np.full((68, 2), 0.5, np.float32)
    for group, place in {
        (37, 38, 40, 41): (0.3, 0.35),
        (43, 44, 46, 47): (0.7, 0.35),
        (30,): (0.5, 0.6),
        (48, 60): (0.35, 0.8),
        (54, 64): (0.65, 0.8),
    }.items():
        points[list(group)] = place
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["points"]),
    ]
    weights = {"weight": np.zeros((64 * 64, 136), np.float32), "bias": points.reshape(136)}
    return network(nodes, weights, input_shape=(1, 1, 64, 64), outputs={"points": (1, 136)})


def liveness(*, mixes_batch: bool = False, outputs: int = 3) -> onnx.ModelProto:
    """A liveness network: (1, 3, 128, 128) to (1, outputs), the last Reshape fixed to a batch of 1.

    Its first output grows with how blue a crop is, the others fall.
    """
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[0, 2, 3] if mixes_batch else [2, 3], keepdims=1),
        helper.make_node("Reshape", ["mean", "flat"], ["flattened"]),
        helper.make_node("MatMul", ["flattened", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["output"]),
    ]
    blue = np.zeros((3, outputs), np.float32)
    blue[0] = [8 / 255, *[-8 / 255] * (outputs - 1)]
    weights = {
        "flat": np.array([1, 3], dtype=np.int64),
        "weight": blue,
        "bias": np.array([-4.0, *[4.0] * (outputs - 1)], np.float32),
    }
    return network(nodes, weights, input_shape=(1, 3, 128, 128), outputs={"output": (1, outputs)})


def write_liveness(folder: Path, model: onnx.ModelProto | None = None) -> tuple[bytes, Path]:
    """Write the tarball of a liveness part; return its manifest and the tarball."""
    content = (model or liveness()).SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    tarball = write_tarball(folder / f"{PACKAGE}-{VERSION}.tgz", {"package/model/live.onnx": content})
    return liveness_toml(content, hashlib.sha256(tarball.read_bytes()).hexdigest()).encode(), tarball


def liveness_toml(content: bytes = b"\0", tarball_sha256: str = "0" * 64) -> str:
    """The manifest of a liveness part of one network."""
    lines = ["format = 1", 'name = "liveness"', 'description = "a tiny network"', "[sources.tiny]"]
    lines += ['registry = "npm"', f'package = "{PACKAGE}"', f'version = "{VERSION}"']
    lines += [f'sha256 = "{tarball_sha256}"', 'licence = "MIT"', "[liveness]", 'file = "live.onnx"', 'source = "tiny"']
    lines += ['member = "package/model/live.onnx"', f'sha256 = "{hashlib.sha256(content).hexdigest()}"']
    lines += [f"bytes = {len(content)}", 'licence = "MIT"', 'output = "as its kind"', "box_scale = 2.7"]
    lines += ["live_output = 0", "threshold = 0.5", "[liveness.preprocessing]", "width = 128", "height = 128"]
    lines += ['colour = "bgr"', "mean = 0.0", "scale = 1.0"]
    return "\n".join(lines) + "\n"


def liveness_manifest() -> LivenessManifest:
    """The manifest of a liveness part whose network is not there."""
    return parse_liveness_manifest(liveness_toml().encode(), where="the tiny part")


def onet_weights(*, seed: int = 3, fixed_points: bool = False) -> dict[str, np.ndarray]:
    """Random weights of an ONet; ``fixed_points`` makes it put the points at the same places of every crop."""
    random = np.random.default_rng(seed)
    weights = {
        name: random.normal(size=shape, scale=1 / np.sqrt(max(np.prod(shape[:-1]), 4))).astype(np.float32)
        for name, shape in weight_shapes().items()
    }
    if fixed_points:
        weights["points.kernel"][:] = 0
        weights["box.kernel"][:] = 0
        weights["box.bias"][:] = 0
        weights["points.bias"][:] = [0.3, 0.7, 0.5, 0.35, 0.65, 0.35, 0.35, 0.6, 0.8, 0.8]
    return weights


def write_onet(path: Path, weights: Mapping[str, np.ndarray]) -> Path:
    """Write weights in their order as the package mtcnn keeps them."""
    joblib.dump(list(weights.values()), path, compress=("lz4", 1))
    return path


def network(
    nodes: list[onnx.NodeProto],
    weights: Mapping[str, np.ndarray],
    *,
    input_shape: tuple[int | str, ...],
    outputs: Mapping[str, tuple[int | str, ...]],
) -> onnx.ModelProto:
    """A checked ONNX model of one input called ``input``."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return onnx.shape_inference.infer_shapes(model)


def write_pack(
    folder: Path,
    *,
    name: str = "tiny",
    dimension: int = 256,
    networks: Mapping[str, onnx.ModelProto] | None = None,
    pulled: bool = False,
    tarball_sha256: str = "0" * 64,
    onet: bytes | None = None,
    wheel_sha256: str = "0" * 64,
) -> Path:
    """Write a folder with ``pack.toml`` and its networks.

    ``pulled`` says that they come from an npm package, ``onet`` that the landmark network is made from these bytes of
    a wheel.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = {"detector": detector(), "landmarks": landmarks(), "backbone": backbone(dimension)}
    chosen.update(networks or {})
    lines = ["format = 1", f'name = "{name}"', 'description = "tiny networks"']
    if pulled:
        lines += ["[sources.tiny]", 'registry = "npm"', f'package = "{PACKAGE}"', f'version = "{VERSION}"']
        lines += [f'sha256 = "{tarball_sha256}"', 'licence = "MIT"']
    if onet is not None:
        lines += ["[sources.onet]", 'registry = "pypi"', 'package = "tiny-onet"', 'version = "4.5.6"']
        lines += [f'file = "{WHEEL}"', f'sha256 = "{wheel_sha256}"', 'licence = "MIT"']
    for role, model in chosen.items():
        converted = role == "landmarks" and onet is not None
        if converted:
            content = onet
        else:
            content = model.SerializeToString()
            (folder / f"{role}.onnx").write_bytes(content)
        kind = "onet" if converted else role
        lines += [f"[{role}]", *_ROLE_LINES[kind], f'file = "{role}.onnx"']
        lines += [f'sha256 = "{hashlib.sha256(content).hexdigest()}"', f"bytes = {len(content)}"]
        lines += ['licence = "MIT"', 'output = "as its kind"']
        if role == "backbone":
            lines.append(f"dimension = {dimension}")
        if converted:
            lines += ['source = "onet"', f'member = "{ONET_MEMBER}"', 'conversion = "mtcnn-onet"']
        elif pulled:
            lines += ['source = "tiny"', f'member = "package/model/{role}.onnx"']
        lines += [f"[{role}.preprocessing]", *_FEEDING[kind]]
    (folder / "pack.toml").write_text("\n".join(lines) + "\n")
    return folder


def write_tarball(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a gzipped tarball of regular files, as ``npm pack`` does."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def write_wheel(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a compressed zip of files, as wheels are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def write_npm(folder: Path, script: str) -> Path:
    """Write a program called ``npm`` into a folder that can be put on PATH; ``$4`` is where it should write."""
    _write_program(folder / "npm", script)
    return folder


def write_python(folder: Path, script: str) -> Path:
    """Write a program that can stand for ``python -m pip download``; ``$9`` is where it should write."""
    return _write_program(folder / "python", script)


def _write_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


_ROLE_LINES = {
    "detector": ['adapter = "ultra-light"', "score_threshold = 0.7", "nms_iou = 0.3"],
    "landmarks": ['adapter = "face-68"'],
    "onet": ['adapter = "mtcnn-onet"'],
    "backbone": [],
}
_FEEDING = {
    "detector": ["width = 64", "height = 48", 'colour = "rgb"', "mean = 127.0", "scale = 128.0"],
    "landmarks": ["width = 64", "height = 64", 'colour = "grey"', "mean = 0.0", "scale = 256.0"],
    "onet": ["width = 48", "height = 48", 'colour = "rgb"', "mean = 127.5", "scale = 128.0"],
    "backbone": ["width = 112", "height = 112", 'colour = "rgb"', "mean = 127.5", "scale = 127.5"],
}
