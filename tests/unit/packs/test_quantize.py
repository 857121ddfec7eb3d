"""A network in 8 bits: near the one in float32, alike on every processor, or refused with what is lacking."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.packs.convert.quantize import quantize
from models.packs.eight_bits import store_in_eight_bits
from models.tool_errors import GraphNotConvertible
from service.arrays import Floats32
from service.inference.onnx_runtime import ort
from service.pack.quantization import Quantization

Ranges = Mapping[str, tuple[float, float]]


def network() -> bytes:
    """Two convolutions with what stands between them, and an embedding of 16 values."""
    random = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        drawn = random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        return numpy_helper.from_array(drawn.astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["first"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["first"], ["positive"]),
        helper.make_node("Conv", ["positive", "w2"], ["second"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Add", ["second", "second"], ["twice"]),
        helper.make_node("Flatten", ["twice"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w3"], ["embedding"]),
    ]
    shapes = {"w1": (8, 3, 3, 3), "w2": (8, 8, 3, 3), "w3": (8 * 8 * 8, 16), "b1": (8,)}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 16])],
        [weights(name, *shape) for name, shape in shapes.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


def run(content: bytes, inputs: Floats32) -> Floats32:
    found: Floats32 = ort.InferenceSession(content).run(None, {"image": inputs})[0]
    return found


@pytest.fixture(scope="module")
def inputs() -> Floats32:
    return np.random.default_rng(1).uniform(-1, 1, (8, 3, 16, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def ranges(inputs: Floats32) -> Ranges:
    """Least and greatest value of every activation, read off the network itself."""
    model = onnx.load_from_string(network())
    names = [name for node in model.graph.node for name in node.output]
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    values = ort.InferenceSession(model.SerializeToString()).run(names, {"image": inputs})
    found = {name: (float(value.min()), float(value.max())) for name, value in zip(names, values, strict=True)}
    return {**found, "image": (float(inputs.min()), float(inputs.max()))}


def cosines(a: Floats32, b: Floats32) -> Floats32:
    found: Floats32 = np.sum(a * b, axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return found


def test_network_in_8_bits_gives_nearly_what_float32_gives(inputs: Floats32, ranges: Ranges) -> None:
    small = quantize(network(), Quantization(ranges=dict(ranges)), name="small.onnx")

    assert cosines(run(network(), inputs), run(small, inputs)).min() > 0.99


def test_weights_have_7_bits_and_no_convolution_takes_others(ranges: Ranges) -> None:
    graph = onnx.load_from_string(quantize(network(), Quantization(ranges=dict(ranges)), name="small.onnx")).graph

    bytes_of = {t.name: numpy_helper.to_array(t) for t in graph.initializer if t.data_type == TensorProto.INT8}
    weights = [values for values in bytes_of.values() if values.ndim > 1]
    assert len(weights) == 3
    assert all(np.abs(values.astype(int)).max() in range(60, 65) for values in weights)
    made_by = {output: node.op_type for node in graph.node for output in node.output}
    taken = [name for node in graph.node if node.op_type in ("Conv", "Gemm") for name in node.input]
    assert {made_by[name] for name in taken} == {"DequantizeLinear"}


def test_same_network_and_ranges_give_the_same_bytes(ranges: Ranges) -> None:
    one, other = (quantize(network(), Quantization(ranges=dict(ranges)), name="small.onnx") for _ in range(2))
    assert one == other


@pytest.mark.parametrize(("without", "said"), [("positive", "positive"), ("embedding", "embedding")])
def test_activation_without_a_range_is_named(ranges: Ranges, without: str, said: str) -> None:
    lacking = {name: ends for name, ends in ranges.items() if name != without}
    with pytest.raises(GraphNotConvertible, match=rf"small.onnx .* lacks {said}\. .*activation_ranges"):
        quantize(network(), Quantization(ranges=lacking), name="small.onnx")


def test_input_without_a_range_is_refused(ranges: Ranges) -> None:
    lacking = {name: ends for name, ends in ranges.items() if name != "image"}
    with pytest.raises(GraphNotConvertible, match=r"small.onnx cannot be written in 8 bits: .*image"):
        quantize(network(), Quantization(ranges=lacking), name="small.onnx")


def test_stored_network_is_compared_with_float32_and_timed(tmp_path: Path, inputs: Floats32, ranges: Ranges) -> None:
    stored = tmp_path / "small.onnx"
    stored.write_bytes(network())

    proof, relative_time = store_in_eight_bits(
        stored, Quantization(ranges=dict(ranges)), inputs, batch_sizes=[1, 3, 8], name="small.onnx"
    )

    expected = cosines(run(network(), inputs), run(stored.read_bytes(), inputs)).min()
    assert proof.minimum_cosine == pytest.approx(expected, abs=1e-6)
    assert expected < 0.99999, "nothing was rounded"
    assert relative_time > 0


def test_ranges_that_cut_activations_off_stop_the_installation(
    tmp_path: Path, inputs: Floats32, ranges: Ranges
) -> None:
    stored = tmp_path / "small.onnx"
    stored.write_bytes(network())
    narrow = {**ranges, "image": (-0.05, 0.05)}

    with pytest.raises(GraphNotConvertible, match=r"otherwise than in float32: least cosine 0\.\d+, where 0\.95"):
        store_in_eight_bits(stored, Quantization(ranges=narrow), inputs, batch_sizes=[1], name="small.onnx")
