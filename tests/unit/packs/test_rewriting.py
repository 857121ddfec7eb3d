"""Graphs rewritten for speed give what they gave, as ONNX Runtime computes both with its own rewriting off."""

from collections.abc import Mapping

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.packs.convert.speed import rewrite_for_speed
from service.inference.onnx_runtime import ort

Weights = Mapping[str, np.ndarray]


def network(
    nodes: list[onnx.NodeProto], weights: Weights, *, channels: int = 16, outputs: tuple[str, ...] = ("output",)
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", channels, "rows", "columns"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", None, None, None]) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def rewritten(model: onnx.ModelProto, *, to_the_bit: bool = False) -> tuple[onnx.ModelProto, list[str]]:
    faster = rewrite_for_speed(model.SerializeToString(), to_the_bit=to_the_bit, name="small.onnx")
    return onnx.load_from_string(faster.content), faster.changes


def computed(model: onnx.ModelProto, image: np.ndarray) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": image})


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def assert_same(before: onnx.ModelProto, after: onnx.ModelProto, *, channels: int = 16, side: int = 6) -> None:
    image = np.random.default_rng(5).normal(size=(2, channels, side, side)).astype(np.float32)
    for wanted, got in zip(computed(before, image), computed(after, image), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def weights_of(*shape: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape, scale=0.3).astype(np.float32)


def norm_weights(name: str, channels: int, *, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        f"{name}.{part}": random.uniform(0.5, 1.5, size=channels).astype(np.float32)
        for part in ("gain", "shift", "mean", "variance")
    }


def norm(name: str, source: str, result: str) -> onnx.NodeProto:
    parts = [f"{name}.{part}" for part in ("gain", "shift", "mean", "variance")]
    return helper.make_node("BatchNormalization", [source, *parts], [result], epsilon=1e-3)


@pytest.mark.parametrize(
    ("slopes", "written"),
    [
        ((-1.5, -0.25, 0.0, 0.5, 1.0), "slope*x + relu((1-slope)*x)"),
        ((0.25, 1.75, -0.5), "relu(x) - slope*relu(-x)"),
    ],
)
def test_prelu_with_slopes_by_channel_gives_hand_made_numbers(slopes: tuple[float, ...], written: str) -> None:
    by_channel = np.resize(np.array(slopes, np.float32), 16)
    model = network(
        [helper.make_node("PRelu", ["input", "slope"], ["output"])], {"slope": by_channel.reshape(16, 1, 1)}
    )
    after, changes = rewritten(model)
    assert changes == [f"1 PRelu written as {written}"]
    image = np.zeros((1, 16, 1, 2), np.float32)
    image[..., 0], image[..., 1] = -2.0, 3.0
    (output,) = computed(after, image)
    for channel in range(16):
        assert output[0, channel, 0].tolist() == pytest.approx([-2.0 * by_channel[channel], 3.0], abs=1e-6)


def test_prelu_with_one_slope_becomes_leaky_relu() -> None:
    model = network([helper.make_node("PRelu", ["input", "slope"], ["output"])], {"slope": np.float32([0.2])})
    after, _ = rewritten(model)
    assert operators(after) == ["LeakyRelu"]
    assert_same(model, after)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("stride", [1, 2])
def test_prelu_after_depthwise_convolution_is_folded_into_it(bias: bool, stride: int) -> None:
    inputs = ["input", "kernel", "bias"][: 3 if bias else 2]
    nodes = [
        helper.make_node("Conv", inputs, ["x"], group=16, pads=[1, 1, 1, 1], strides=[stride, stride]),
        helper.make_node("PRelu", ["x", "slope"], ["output"]),
    ]
    weights = {"kernel": weights_of(16, 1, 3, 3, seed=1), "slope": weights_of(16, 1, 1, seed=2)}
    if bias:
        weights["bias"] = weights_of(16, seed=3)
    model = network(nodes, weights)
    after, _ = rewritten(model)
    assert sorted(operators(after)) == ["Add", "Conv", "Conv", "Relu"]
    assert {tensor.name for tensor in after.graph.initializer}.isdisjoint(weights)
    assert_same(model, after)


def test_depthwise_convolution_that_another_node_takes_stays_for_it() -> None:
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["x"], group=16, pads=[1, 1, 1, 1]),
        helper.make_node("PRelu", ["x", "slope"], ["output"]),
    ]
    weights = {"kernel": weights_of(16, 1, 3, 3, seed=1), "slope": weights_of(16, 1, 1, seed=2)}
    model = network(nodes, weights, outputs=("output", "x"))
    after, changes = rewritten(model)
    assert changes == ["1 PRelu written as slope*x + relu((1-slope)*x)"]
    assert_same(model, after)


def test_iresnet_block_keeps_its_outputs_without_prelu() -> None:
    nodes = [
        norm("first", "input", "normed"),
        helper.make_node("Conv", ["normed", "conv1"], ["a"], pads=[1, 1, 1, 1]),
        norm("second", "a", "b"),
        helper.make_node("PRelu", ["b", "slope"], ["c"]),
        helper.make_node("Conv", ["c", "conv2", "bias2"], ["d"], pads=[1, 1, 1, 1], strides=[2, 2]),
        norm("third", "d", "e"),
        helper.make_node("Conv", ["input", "conv3"], ["f"], strides=[2, 2]),
        norm("fourth", "f", "g"),
        helper.make_node("Add", ["e", "g"], ["output"]),
    ]
    weights = {
        "conv1": weights_of(32, 16, 3, 3, seed=1),
        "conv2": weights_of(32, 32, 3, 3, seed=2),
        "conv3": weights_of(32, 16, 1, 1, seed=3),
        "bias2": weights_of(32, seed=4),
        "slope": weights_of(32, 1, 1, seed=5),
        **norm_weights("first", 16, seed=6),
        **norm_weights("second", 32, seed=7),
        **norm_weights("third", 32, seed=8),
        **norm_weights("fourth", 32, seed=9),
    }
    model = network(nodes, weights)
    after, changes = rewritten(model)
    # The first comes before a padded convolution, where folding would change the border.
    assert operators(after).count("BatchNormalization") == 1
    assert "PRelu" not in operators(after)
    assert changes[0] == "3 BatchNormalization folded into the convolutions before them"
    assert_same(model, after)


def test_batch_norm_is_kept_where_the_convolution_has_another_use() -> None:
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["x"]),
        norm("norm", "x", "y"),
        helper.make_node("Add", ["x", "y"], ["output"]),
    ]
    model = network(nodes, {"kernel": weights_of(16, 16, 1, 1, seed=1), **norm_weights("norm", 16, seed=2)})
    after, changes = rewritten(model)
    assert changes == []
    assert_same(model, after)


def test_prelu_whose_channels_fill_no_block_is_left() -> None:
    nodes = [helper.make_node("PRelu", ["input", "slope"], ["output"])]
    content = network(nodes, {"slope": weights_of(12, 1, 1, seed=1)}, channels=12).SerializeToString()
    faster = rewrite_for_speed(content, to_the_bit=False, name="small.onnx")
    assert (faster.content, faster.changes) == (content, [])


def test_weights_among_the_inputs_become_constant() -> None:
    model = network(
        [helper.make_node("Conv", ["input", "kernel"], ["output"])], {"kernel": weights_of(16, 16, 1, 1, seed=1)}
    )
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("kernel", TensorProto.FLOAT, [16, 16, 1, 1]))
    after, changes = rewritten(model)
    assert [value.name for value in after.graph.input] == ["input"]
    assert len(changes) == 1
    assert_same(model, after)


def test_slope_given_by_a_constant_node_is_rewritten_too() -> None:
    slope = numpy_helper.from_array(weights_of(16, 1, 1, seed=1))
    nodes = [
        helper.make_node("Constant", [], ["slope"], value=slope),
        helper.make_node("PRelu", ["input", "slope"], ["output"]),
    ]
    model = network(nodes, {})
    after, changes = rewritten(model)
    assert "PRelu" not in operators(after)
    assert len(changes) == 1
    assert_same(model, after)


def test_rewriting_to_the_bit_gives_the_same_bits() -> None:
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["x"], group=16, pads=[1, 1, 1, 1]),
        helper.make_node("PRelu", ["x", "slope"], ["output"]),
    ]
    weights = {"kernel": weights_of(16, 1, 3, 3, seed=1), "slope": weights_of(16, 1, 1, seed=2)}
    model = network(nodes, weights)
    after, changes = rewritten(model, to_the_bit=True)
    assert changes == ["1 PRelu written as relu(x) - slope*relu(-x)"]
    image = np.random.default_rng(5).normal(size=(2, 16, 6, 6)).astype(np.float32)
    np.testing.assert_array_equal(computed(after, image), computed(model, image))
