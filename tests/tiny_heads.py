"""Tiny SSR heads: real ONNX networks of two layers whose densities are known in closed form, and bundles with them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.bundles.derive import Change, derive_bundle
from service.bundle.head_part import head_contents
from service.bundle.reader import read_bundle, read_manifest
from service.bundle.ssr_part import SsrCard
from service.inference.ssr_head import SsrHead
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.snapshot.head_sources import SsrSource
from service.snapshot.term_sources import TermSources


def direction(dimension: int) -> np.ndarray:
    """The direction along which the tiny head's log-density grows: (dimension,) float32."""
    return np.linspace(-0.5, 0.5, dimension, dtype=np.float32)


def log_density(embeddings: np.ndarray, bias: float = -2.3) -> np.ndarray:
    """What a tiny head says of embeddings (n, d): their share along its direction, plus its bias."""
    return np.asarray(embeddings, np.float64) @ direction(embeddings.shape[1]).astype(np.float64) + bias


def head(dimension: int, *, bias: float = -2.3, output: str = "density") -> bytes:
    """A head of two layers with ReLU: exp(direction . embedding + bias); ``output`` says what it gives instead.

    relu(x) - relu(-x) is x, so that the layers compute a linear function.
    """
    along = direction(dimension)[:, None]
    nodes = [
        helper.make_node("Gemm", ["embedding", "first"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "second", "bias"], ["column"]),
        helper.make_node("Squeeze", ["column", "axis"], ["log_density"]),
        helper.make_node("Exp", ["log_density"], ["density"]),
        helper.make_node("Neg", ["density"], ["negative"]),
    ]
    weights = {
        "first": np.concatenate([along, -along], axis=1),
        "second": np.array([[1.0], [-1.0]], np.float32),
        "bias": np.array([bias], np.float32),
        "axis": np.array([1], np.int64),
    }
    shape = ("n", 1) if output == "column" else ("n",)
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ("n", dimension))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def with_head(folder: Path, source: Path, graph: bytes | None = None, **changes: object) -> Path:
    """Write a bundle that is another with a head, and return its folder.

    Args:
        folder: where.
        source: the other bundle.
        graph: the head; the tiny one by default.
        changes: fields of the card that are to differ from what the bundle would need; or ``default_method``.
    """
    manifest = read_manifest(source)
    bundle = replace(read_bundle(source, backbone_id=manifest.backbone_id), head=None)
    content = head(manifest.dimension) if graph is None else graph
    default = changes.pop("default_method", manifest.default_method)
    card = SsrCard.of(content, manifest, target="log-f", report={}).model_copy(update=changes)
    finder = TermFinder(bundle.anchors, FaissSearch(bundle.anchors))
    sources = TermSources(finder)
    if graph is None and not changes:
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = folder.with_suffix(".onnx")
        file.write_bytes(content)
        sources = TermSources(finder, [SsrSource(SsrHead.load(file), card)])
    change = Change(manifest.parameters, str(default), head_contents(content, card), "a test")
    derive_bundle(folder, source, bundle, sources, change)
    return folder
