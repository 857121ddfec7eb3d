"""Weights too small to matter are set to 0, wherever a network comes from, and nothing else is changed."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from subnormals import subnormal_activations, subnormal_weights

from models.heads.pfe.pfe_graph import PfeWeights, pfe_graph
from models.heads.ssr.ssr_graph import HeadWeights, head_graph
from models.packs.convert.speed import rewrite_for_speed
from service.errors import PackInvalid
from service.inference.onnx_runtime import ort
from service.inference.small_weights import without_small_weights
from service.inference.ssr_head import SsrHead

# As weight decay leaves them: subnormal, and small enough that one times another is.
SUBNORMAL, SMALL = 1e-40, 1e-21


def network(nodes, weights, outputs=("output",)) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 16, "rows", "columns"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", None, None, None]) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def decayed(*shape: int, channels: slice = slice(8, None), value: float = SMALL) -> np.ndarray:
    """Weights of which the channels given died, a few of these subnormal."""
    values = np.random.default_rng(3).normal(size=shape, scale=0.3).astype(np.float32)
    values[channels] = np.sign(values[channels]) * np.float32(value)
    values[channels].flat[:3] = np.float32(SUBNORMAL)
    return values


def rewritten(model: onnx.ModelProto):
    faster = rewrite_for_speed(model.SerializeToString(), to_the_bit=False, name="small.onnx")
    return onnx.load_from_string(faster.content), faster


def computed(model: onnx.ModelProto) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images()})[0]


def images() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(2, 16, 6, 6)).astype(np.float32)


def values_of(model: onnx.ModelProto, name: str) -> np.ndarray:
    return numpy_helper.to_array(next(tensor for tensor in model.graph.initializer if tensor.name == name))


def test_dead_channels_become_zero_and_no_output_changes_by_a_bit() -> None:
    nodes = [
        helper.make_node("Conv", ["input", "first", "bias"], ["a"]),
        helper.make_node("PRelu", ["a", "slope"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["output"]),
    ]
    weights = {
        "first": decayed(16, 16, 1, 1),
        "bias": decayed(16),
        "slope": decayed(16, 1, 1),
        "second": decayed(16, 16, 1, 1, channels=slice(0)),
    }
    model = network(nodes, weights)
    assert subnormal_weights(model) > 0
    assert subnormal_activations(model, images())
    after, faster = rewritten(model)
    assert subnormal_weights(after) == 0
    assert subnormal_activations(after, images()) == {}
    assert faster.flushed >= 8 * 16 + 8 + 8
    assert any(f"{faster.flushed} weights too small to matter" in change for change in faster.changes)
    unflushed = network([helper.make_node("Conv", ["input", "first"], ["output"])], {"first": decayed(16, 16, 1, 1)})
    np.testing.assert_array_equal(computed(rewritten(unflushed)[0])[:, :8], computed(unflushed)[:, :8])
    np.testing.assert_allclose(computed(after), computed(model), rtol=1e-5, atol=1e-6)


def test_weights_that_folding_makes_small_are_flushed_too() -> None:
    parts = ("gain", "shift", "mean", "variance")
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["x"]),
        helper.make_node("BatchNormalization", ["x", *parts], ["output"]),
    ]
    ones = np.ones(16, np.float32)
    weights = {
        "kernel": np.full((16, 16, 1, 1), 1e-15, np.float32),
        **dict.fromkeys(parts, ones),
        "gain": np.where(np.arange(16) < 8, 1, 1e-24).astype(np.float32),
    }
    after, faster = rewritten(network(nodes, weights))
    assert "1 BatchNormalization folded into the convolutions before them" in faster.changes
    assert subnormal_weights(after) == 0
    assert faster.flushed == 8 * 16


@pytest.mark.parametrize(("operator", "constant"), [("Max", 1e-38), ("Div", 1e-30), ("Add", 1e-25), ("Pow", 1e-25)])
def test_constants_that_bound_divide_or_add_are_left(operator: str, constant: float) -> None:
    model = network([helper.make_node(operator, ["input", "least"], ["output"])], {"least": np.float32([constant])})
    after, faster = rewritten(model)
    assert (faster.changes, faster.flushed) == ([], 0)
    assert values_of(after, "least").item() == np.float32(constant)


def test_weights_that_also_bound_are_left() -> None:
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["x"]),
        helper.make_node("Max", ["x", "kernel"], ["output"]),
    ]
    kernel = decayed(16, 16, 1, 1)
    after, faster = rewritten(network(nodes, {"kernel": kernel}))
    assert faster.flushed == 0
    np.testing.assert_array_equal(values_of(after, "kernel"), kernel)


def test_weights_in_a_constant_node_are_flushed() -> None:
    nodes = [
        helper.make_node("Constant", [], ["kernel"], value=numpy_helper.from_array(decayed(16, 16, 1, 1))),
        helper.make_node("Conv", ["input", "kernel"], ["output"]),
    ]
    after, faster = rewritten(network(nodes, {}))
    assert faster.flushed == 8 * 16
    np.testing.assert_array_equal(computed(after)[:, 8:], 0)


def pfe_head() -> bytes:
    return pfe_graph(PfeWeights(decayed(16, 16), decayed(16), decayed(16, 16), decayed(16)))


def ssr_head() -> bytes:
    first = np.random.default_rng(1).normal(size=(16, 16)).astype(np.float16)
    return head_graph(HeadWeights(first, decayed(16), decayed(16), -2.3, "log-f"))


@pytest.mark.parametrize("head", [pfe_head, ssr_head])
def test_exported_heads_have_no_subnormal_weights(head) -> None:
    assert subnormal_weights(onnx.load_from_string(head())) == 0


def test_exported_head_keeps_its_least_density() -> None:
    assert values_of(onnx.load_from_string(ssr_head()), "least").item() == np.finfo(np.float32).tiny


def test_head_of_a_bundle_from_elsewhere_is_run_without_subnormal_weights(tmp_path, monkeypatch) -> None:
    model = onnx.load_from_string(ssr_head())
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "first_bias")
    bias.CopyFrom(numpy_helper.from_array(decayed(16), "first_bias"))
    (tmp_path / "ssr.onnx").write_bytes(model.SerializeToString())
    given, start = [], ort.InferenceSession

    def recorded(content: bytes, *arguments, **options) -> ort.InferenceSession:
        given.append(content)
        return start(content, *arguments, **options)

    monkeypatch.setattr(ort, "InferenceSession", recorded)
    head = SsrHead.load(tmp_path / "ssr.onnx")
    assert subnormal_weights(onnx.load_from_string(given[0])) == 0
    faces = np.eye(16, dtype=np.float32)
    expected = ort.InferenceSession(model.SerializeToString()).run(None, {"embedding": faces})[0]
    np.testing.assert_allclose(head.log_density(faces), np.log(expected), atol=1e-6)


def test_head_that_cannot_be_read_is_refused(tmp_path) -> None:
    with pytest.raises(PackInvalid, match="cannot be read"):
        SsrHead.load(tmp_path / "absent.onnx")


@pytest.mark.parametrize("content", [b"", b"no network", b"\xff" * 64])
def test_what_is_no_network_is_left_for_onnx_runtime_to_refuse(tmp_path, content: bytes) -> None:
    assert without_small_weights(content) == content
    (tmp_path / "ssr.onnx").write_bytes(content)
    with pytest.raises(PackInvalid, match="cannot load"):
        SsrHead.load(tmp_path / "ssr.onnx")
