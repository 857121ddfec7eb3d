"""Fabricated packs of insightface: networks of the shapes that the published ones have, of a few weights."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import tiny_packs
from onnx import helper

SIDE = 640
# Where the one face is that the detectors see, in cells of stride 8: within the portrait's face.
_CELL = (17, 34)


def scrfd(*, side: int | str = "?", landmarks: bool = True) -> onnx.ModelProto:
    """An SCRFD detector that sees one face at one place: 9 outputs of fixed sizes, of 2 axes, without landmarks 6."""
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
    ]
    weights = {"zero": np.zeros((), np.float32), "sure": np.array([0.9], np.float32)}
    reach = np.array([[6.5, 7.5, 6.5, 7.5]], np.float32)
    points = np.array([[-3, -2, 3, -2, 0, 1, -2.5, 4, 2.5, 4]], np.float32)
    outputs: dict[str, tuple[int | str, ...]] = {}
    for name, row in (("score", np.zeros((1, 1), np.float32)), ("box", reach), ("points", points)):
        if name == "points" and not landmarks:
            continue
        weights[name] = row
        for stride in (8, 16, 32):
            rows = 2 * (SIDE // stride) ** 2
            weights[f"{name}-{stride}-shape"] = np.array([rows, row.shape[1]], np.int64)
            nodes.append(helper.make_node("Add", [name, "nothing"], [f"{name}-{stride}-row"]))
            expanded = f"{name}-{stride}" if (name, stride) != ("score", 8) else "score-8-none"
            nodes.append(helper.make_node("Expand", [f"{name}-{stride}-row", f"{name}-{stride}-shape"], [expanded]))
            outputs[f"{name}-{stride}"] = (rows, row.shape[1])
    cell = 2 * (_CELL[0] * (SIDE // 8) + _CELL[1])
    weights["place"] = np.array([[cell, 0]], np.int64)
    nodes.append(helper.make_node("ScatterND", ["score-8-none", "place", "sure"], ["score-8"]))
    return tiny_packs.network(nodes, weights, input_shape=(1, 3, side, side), outputs=outputs)


def recognition(*, dimension: int = 512, seed: int = 7, side: int = 112) -> onnx.ModelProto:
    """An ArcFace backbone as PyTorch exports it: a free batch axis in, and 1 where it comes out."""
    network = tiny_packs.batched(tiny_packs.backbone(dimension, seed=seed))
    network.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "None"
    network.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1
    for axis in (2, 3):
        network.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = side
    return network


def with_arithmetic(
    network: onnx.ModelProto, mean: object, scale: float, *, divides: bool = False, names: bool = True
) -> onnx.ModelProto:
    """Return a network that first does ``(input - mean) / scale``, as MXNet's exports name it or without names."""
    taken = next(node for node in network.graph.node if "input" in node.input)
    taken.input[0] = "prepared"
    last = ("Div", scale) if divides else ("Mul", 1 / scale)
    first = helper.make_node("Sub", ["input", "the-mean"], ["shifted"], name="_minusscalar0" if names else "")
    second = helper.make_node(last[0], ["shifted", "the-scale"], ["prepared"], name="_mulscalar0" if names else "")
    nodes = [first, second, *network.graph.node]
    del network.graph.node[:]
    network.graph.node.extend(nodes)
    for name, value in (("the-mean", mean), ("the-scale", last[1])):
        network.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value, np.float32), name))
    onnx.checker.check_model(network)
    return network


def of_square(side: int, values: int) -> onnx.ModelProto:
    """A network of a square picture, such as the 106 landmarks (192, 212) and sex and age (96, 3)."""
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "weight"], ["fc1"]),
    ]
    weights = {"weight": np.ones((3, values), np.float32)}
    return tiny_packs.network(nodes, weights, input_shape=("None", 3, side, side), outputs={"fc1": (1, values)})


def networks(kind: str = "buffalo_l") -> dict[str, onnx.ModelProto]:
    """The networks of a pack, by their published file names."""
    others = {
        "1k3d68.onnx": of_square(192, 3309),
        "2d106det.onnx": of_square(192, 212),
        "genderage.onnx": of_square(96, 3),
    }
    detector, backbone, more = {
        "buffalo_l": ("det_10g.onnx", "w600k_r50.onnx", others),
        "buffalo_m": ("det_2.5g.onnx", "w600k_r50.onnx", others),
        "buffalo_s": ("det_500m.onnx", "w600k_mbf.onnx", others),
        "buffalo_sc": ("det_500m.onnx", "w600k_mbf.onnx", {}),
        "antelopev2": ("scrfd_10g_bnkps.onnx", "glintr100.onnx", others),
    }[kind]
    return {detector: scrfd(), backbone: recognition(), **more}


def write_folder(folder: Path, found: Mapping[str, onnx.ModelProto]) -> Path:
    """Write networks into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in found.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(network.SerializeToString())
    return folder


def write_zip(path: Path, found: Mapping[str, onnx.ModelProto], *, inside: str = "", **documents: bytes) -> Path:
    """Write networks into a ZIP, in a folder of it or at its top."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, network in found.items():
            archive.writestr(f"{inside}{name}", network.SerializeToString())
        for name, content in documents.items():
            archive.writestr(f"{inside}{name}", content)
    return path


def write_version_2(
    folder: Path,
    *,
    tasks: Mapping[str, Mapping[str, object]] | None = None,
    licence: str | None = None,
    **changes: object,
) -> Path:
    """Write a package of version 2: a manifest, a licence and networks in a folder inside."""
    found = {"face.onnx": scrfd(), "id.onnx": recognition(), "live.onnx": of_square(96, 2)}
    write_folder(folder, {f"models/{name}": network for name, network in found.items()})
    digest = hashlib.sha256((folder / "models/id.onnx").read_bytes()).hexdigest()
    manifest = {
        "manifest_version": 2,
        "model_id": "raccoon_s",
        "display_name": "Raccoon S",
        "license": "MODEL.LICENSE",
        "published": {"by": "somebody", "on": ["a", "day"]},
        "tasks": tasks
        or {
            "detection": {"file": "models/face.onnx", "preprocessing_version": "insightface-scrfd-1"},
            "recognition": {
                "file": "models/id.onnx",
                "sha256": digest,
                "preprocessing": {"mean": 127.5, "std": 128.0},
                "embedding_dimension": 512,
            },
            "verification": {"file": "models/live.onnx", "expansion": 1.3},
        },
        **changes,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if licence is not None:
        (folder / "MODEL.LICENSE").write_text(licence)
    return folder
