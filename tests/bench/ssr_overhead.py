"""Time what ida-l adds to a pair: the head run by itself, or fused behind the backbone, beside the search it replaces.

    python tests/bench/ssr_overhead.py [--bundle FOLDER] [--hidden 1024] [--rounds 300]

With a bundle that has a head, its own is timed; without, one of random weights and the given width, since the time does
not depend on the weights. Rounds of each alternate, so that a slower machine slows all alike.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper, version_converter

from service.bundle.reader import read_bundle
from service.cpus import usable_cpus
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.inference.ssr_head import SsrHead
from service.pack import load_pack
from service.scoring.similarity import normalise
from service.scoring.terms import SUPPORT
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.settings import DEFAULT_BUNDLE, load_settings


def random_head(dimension: int, hidden: int) -> onnx.ModelProto:
    """Return a head of two layers with random weights."""
    random = np.random.default_rng(0)
    weights = {
        "first": random.normal(size=(dimension, hidden)).astype(np.float32) / 20,
        "first_bias": np.zeros(hidden, np.float32),
        "second": random.normal(size=(hidden, 1)).astype(np.float32) / 20,
        "second_bias": np.array([-2.3], np.float32),
        "flat": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("Gemm", ["embedding", "first", "first_bias"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "second", "second_bias"], ["column"]),
        helper.make_node("Reshape", ["column", "flat"], ["log_density"]),
        helper.make_node("Exp", ["log_density"], ["density"]),
    ]
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ("n", dimension))],
        [helper.make_tensor_value_info("density", TensorProto.FLOAT, ("n",))],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def fused(backbone: onnx.ModelProto, head: onnx.ModelProto) -> onnx.ModelProto:
    """Return one graph from crop to embedding and density: backbone, division by the norm, head."""
    opset = max(model.opset_import[0].version for model in (backbone, head))
    backbone, head = (version_converter.convert_version(model, opset) for model in (backbone, head))
    output = backbone.graph.output[0].name
    unit = helper.make_model(
        helper.make_graph(
            [helper.make_node("LpNormalization", ["raw"], ["unit"], axis=1, p=2)],
            "unit",
            [helper.make_tensor_value_info("raw", TensorProto.FLOAT, ("n", "d"))],
            [helper.make_tensor_value_info("unit", TensorProto.FLOAT, ("n", "d"))],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
    )
    for model in (unit, head):
        model.ir_version = backbone.ir_version
    whole = compose.merge_models(backbone, compose.add_prefix(unit, "unit_"), [(output, "unit_raw")])
    whole = compose.merge_models(whole, compose.add_prefix(head, "head_"), [("unit_unit", "head_embedding")])
    # Merging drops an output that feeds the other graph, and the embedding is an answer as well.
    whole.graph.output.append(helper.make_tensor_value_info("unit_unit", TensorProto.FLOAT, None))
    return whole


def milliseconds(call: Callable[[], object]) -> float:
    """Return how long one call takes."""
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1000


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=300)
    arguments = parser.parse_args()
    settings, threads = load_settings(), usable_cpus()
    pack = load_pack(settings.home, settings.pack)
    bundle = read_bundle(arguments.bundle, backbone_id=pack.manifest.backbone_id)
    crops = np.random.default_rng(1).uniform(-1, 1, (2, 3, 112, 112)).astype(np.float32)
    finder = TermFinder(bundle.anchors, FaissSearch(bundle.anchors, threads=threads))
    with tempfile.TemporaryDirectory() as folder:
        if bundle.head is None:
            own = Path(folder) / "ssr.onnx"
            onnx.save(random_head(bundle.anchors.dimension, arguments.hidden), own)
        else:
            own = bundle.head.path
        together = Path(folder) / "fused.onnx"
        onnx.save(fused(onnx.load(pack.files["backbone"]), onnx.load(own)), together)
        backbone = OnnxSession(pack.files["backbone"], Placement(threads=threads))
        one = OnnxSession(together, Placement(threads=threads))
        head = SsrHead.load(own)
    embeddings = np.asarray(normalise(backbone.run(crops)[0]), np.float32)
    cases: dict[str, Callable[[], object]] = {
        "backbone": lambda: backbone.run(crops),
        "backbone, then head": lambda: head.log_density(np.asarray(normalise(backbone.run(crops)[0]), np.float32)),
        "fused": lambda: one.run(crops),
        "head alone": lambda: head.log_density(embeddings),
        "search alone": lambda: finder.terms(embeddings, (SUPPORT,), bundle.manifest.parameters),
    }
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(arguments.rounds):
        for name, call in cases.items():
            taken[name].append(milliseconds(call))
    result = {
        name: {"p50_ms": round(statistics.median(times), 3), "least_ms": round(min(times), 3)}
        for name, times in taken.items()
    }
    for name, times in result.items():
        print(f"{name:22} median {times['p50_ms']:8.3f} ms, least {times['least_ms']:8.3f} ms")
    print(json.dumps({"anchors": len(bundle.anchors), "threads": threads, **result}))


if __name__ == "__main__":
    main()
