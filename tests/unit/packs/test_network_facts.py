"""What is read of an ONNX file: axes, and the arithmetic that it begins with."""

import numpy as np
import onnx
import pytest
import tiny_packs
from insightface_packs import of_square, recognition, scrfd, with_arithmetic
from onnx import helper

from models.packs.own import network_facts
from models.packs.own.insightface import kind_of
from models.packs.own.network_facts import read_facts
from service.errors import PackInvalid


@pytest.fixture
def facts_of(tmp_path):
    def read(network):
        path = tmp_path / "network.onnx"
        path.write_bytes(network.SerializeToString())
        return read_facts(path)

    return read


def beginning_with(*steps):
    """A backbone that begins with steps, each an operator and a constant."""
    network = tiny_packs.backbone()
    taken = next(node for node in network.graph.node if "input" in node.input)
    nodes, value = [], "input"
    for number, (operator, constant) in enumerate(steps):
        inputs = [value] if constant is None else [value, f"constant-{number}"]
        options = {"to": onnx.TensorProto.FLOAT} if operator == "Cast" else {}
        nodes.append(helper.make_node(operator, inputs, [f"step-{number}"], **options))
        if constant is not None:
            tensor = onnx.numpy_helper.from_array(np.asarray(constant, np.float32), f"constant-{number}")
            network.graph.initializer.append(tensor)
        value = f"step-{number}"
    taken.input[0] = value
    rest = list(network.graph.node)
    del network.graph.node[:]
    network.graph.node.extend([*nodes, *rest])
    return network


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        (scrfd(), "detection"),
        (scrfd(side=640), "detection"),
        (recognition(), "recognition"),
        (recognition(side=128), "recognition"),
        (of_square(192, 212), "landmarks"),
        (of_square(96, 3), "attributes"),
        (of_square(64, 3), None),
        (of_square(120, 3), None),
    ],
)
def test_kind_is_told_from_the_graph_as_insightface_tells_it(facts_of, network, kind):
    assert kind_of(facts_of(network)) == kind


def test_free_axes_are_told(facts_of):
    facts = facts_of(scrfd())
    assert (facts.shape, facts.size) == ((1, 3, None, None), (None, None))
    assert facts.outputs[0] == (12800, 1)
    assert (facts.leading, facts.named_like_it) == (None, False)


@pytest.mark.parametrize(
    ("steps", "mean", "scale", "takes"),
    [
        ([("Sub", 127.5), ("Mul", 1 / 128)], 127.5, 128, (0, 1)),
        ([("Sub", 127.5), ("Div", 127.5)], 127.5, 127.5, (0, 1)),
        ([("Mul", 1 / 255), ("Sub", 0.5), ("Div", 0.5)], 127.5, 127.5, (0, 1)),
        ([("Div", 255.0)], 0, 255, (0, 1)),
        ([("Cast", None), ("Mul", 1 / 128), ("Add", -1.0)], 128, 128, (0, 1)),
        ([("Sub", 0.5), ("Div", 0.5)], 0.5, 0.5, (0, 255)),
        ([("Mul", 2.0)], 0, 0.5, None),
    ],
)
def test_leading_arithmetic_is_followed_and_says_what_the_network_takes(facts_of, steps, mean, scale, takes):
    leading = facts_of(beginning_with(*steps)).leading
    np.testing.assert_allclose([leading.mean[0], leading.scale[0]], [mean, scale], rtol=1e-6, atol=1e-4)
    assert leading.takes == takes


def test_arithmetic_of_each_channel_is_followed(facts_of):
    mean = np.array([123.675, 116.28, 103.53]).reshape(1, 3, 1, 1)
    scale = np.array([58.395, 57.12, 57.375]).reshape(3, 1, 1)
    leading = facts_of(beginning_with(("Sub", mean), ("Div", scale))).leading
    np.testing.assert_allclose(leading.mean, mean.ravel(), rtol=1e-6)
    np.testing.assert_allclose(leading.scale, scale.ravel(), rtol=1e-6)
    assert leading.takes == (0, 1)


@pytest.mark.parametrize("steps", [[("Mul", -1.0)], [("Sub", np.zeros((112, 112)))], [("Relu", None)], []])
def test_what_is_no_preprocessing_is_none(facts_of, steps):
    assert facts_of(beginning_with(*steps)).leading is None


def test_names_by_which_insightface_tells_it_are_seen(facts_of):
    assert facts_of(with_arithmetic(recognition(), 127.5, 128)).named_like_it
    assert not facts_of(with_arithmetic(recognition(), 127.5, 128, names=False)).named_like_it


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x07"])
def test_file_that_is_no_network_is_refused(tmp_path, content):
    (tmp_path / "network.onnx").write_bytes(content)
    with pytest.raises(PackInvalid, match=r"network\.onnx is not an ONNX file"):
        read_facts(tmp_path / "network.onnx")


def test_file_larger_than_any_network_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(network_facts, "NETWORK_BYTES", 10)
    (tmp_path / "network.onnx").write_bytes(b"x" * 11)
    with pytest.raises(PackInvalid, match="11 bytes, and networks of at most 10 are read"):
        read_facts(tmp_path / "network.onnx")
