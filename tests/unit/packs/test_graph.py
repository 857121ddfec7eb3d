"""Fixed batch axes become dynamic, exactly, and what cannot be converted is refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_packs
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from models.packs.convert.graph_form import make_batch_dynamic, read_graph
from models.tool_errors import GraphNotConvertible
from service.errors import PackInvalid


def run(content: bytes, images: np.ndarray) -> list[np.ndarray]:
    return ReferenceEvaluator(onnx.load_from_string(content)).run(None, {"input": images})


def images(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, *shape)).astype(np.float32)


@pytest.mark.slow
def test_backbone_with_fixed_reshape_takes_a_batch_and_keeps_each_row() -> None:
    model = tiny_packs.backbone(16)
    alone = model.SerializeToString()
    faces = images(3, 3, 112, 112)
    graph = make_batch_dynamic(model, name="b.onnx")
    together = run(graph.content, faces)[0]
    assert together.shape == (3, 16)
    for row, face in enumerate(faces):
        np.testing.assert_allclose(together[row], run(alone, face[None])[0][0], rtol=1e-5, atol=1e-6)


def test_converted_graph_declares_a_symbolic_batch_axis_and_no_stale_shapes() -> None:
    model = tiny_packs.backbone(16)
    assert any(value.type.tensor_type.shape.dim[0].dim_value == 1 for value in model.graph.value_info)
    converted = onnx.load_from_string(make_batch_dynamic(model, name="b.onnx").content)
    assert converted.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert converted.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert not converted.graph.value_info


@pytest.mark.slow
def test_weights_reshaped_by_the_same_constant_stay_as_they_are() -> None:
    nodes = [
        helper.make_node("Reshape", ["bias", "flat"], ["bias_row"]),
        helper.make_node("Reshape", ["input", "flat"], ["row"]),
        helper.make_node("Add", ["row", "bias_row"], ["output"]),
    ]
    weights = {"bias": np.arange(12, dtype=np.float32).reshape(3, 4), "flat": np.array([1, -1], np.int64)}
    model = tiny_packs.network(nodes, weights, input_shape=(1, 3, 2, 2), outputs={"output": (1, 12)})
    batch = images(2, 3, 2, 2)
    output = run(make_batch_dynamic(model, name="n.onnx").content, batch)[0]
    np.testing.assert_allclose(output, batch.reshape(2, 12) + np.arange(12))


def test_reshape_target_in_a_constant_node_is_freed_too() -> None:
    target = numpy_helper.from_array(np.array([1, 12], np.int64))
    nodes = [
        helper.make_node("Constant", [], ["flat"], value=target),
        helper.make_node("Reshape", ["input", "flat"], ["output"]),
    ]
    model = tiny_packs.network(nodes, {}, input_shape=(1, 3, 2, 2), outputs={"output": (1, 12)})
    batch = images(4, 3, 2, 2)
    np.testing.assert_array_equal(run(make_batch_dynamic(model, name="n.onnx").content, batch)[0], batch.reshape(4, 12))


def test_dynamic_graph_is_left_alone() -> None:
    nodes = [helper.make_node("Flatten", ["input"], ["output"], axis=1)]
    model = tiny_packs.network(nodes, {}, input_shape=("n", 3, 2, 2), outputs={"output": ("n", 12)})
    assert make_batch_dynamic(model, name="n.onnx").changes == []


def test_output_that_declares_one_row_beside_a_dynamic_input_is_made_dynamic() -> None:
    nodes = [helper.make_node("Flatten", ["input"], ["output"], axis=1)]
    model = tiny_packs.network(nodes, {}, input_shape=("n", 3, 2, 2), outputs={"output": ("n", 12)})
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1
    assert make_batch_dynamic(model, name="n.onnx").changes == ["output output: batch axis 1 made dynamic"]


def test_batch_fixed_to_four_is_refused_with_how_to_export() -> None:
    nodes = [helper.make_node("Flatten", ["input"], ["output"], axis=1)]
    model = tiny_packs.network(nodes, {}, input_shape=(4, 3, 2, 2), outputs={"output": (4, 12)})
    with pytest.raises(GraphNotConvertible, match=r"(?s)batches of 4.*dynamic_axes"):
        make_batch_dynamic(model, name="n.onnx")


def test_output_without_a_batch_axis_is_refused() -> None:
    nodes = [helper.make_node("Reshape", ["input", "column"], ["output"])]
    weights = {"column": np.array([-1, 1], np.int64)}
    model = tiny_packs.network(nodes, weights, input_shape=(1, 3, 2, 2), outputs={"output": (12, 1)})
    with pytest.raises(GraphNotConvertible, match="12 rows in output output"):
        make_batch_dynamic(model, name="n.onnx")


def test_bytes_that_are_no_graph_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.onnx"
    path.write_bytes(b"\xff\xfe not a graph at all")
    with pytest.raises(PackInvalid, match=r"n\.onnx is not"):
        read_graph(path)


def test_weights_in_another_file_are_refused_with_how_to_save(tmp_path: Path) -> None:
    path = tmp_path / "n.onnx"
    onnx.save(
        tiny_packs.backbone(16),
        str(path),
        save_as_external_data=True,
        location="n.onnx.data",
        size_threshold=0,
    )
    with pytest.raises(PackInvalid, match="save_as_external_data=False"):
        read_graph(path)


def test_graph_with_two_inputs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.onnx"
    model = tiny_packs.network(
        [helper.make_node("Flatten", ["input"], ["output"], axis=1)],
        {},
        input_shape=(1, 3, 2, 2),
        outputs={"output": (1, 12)},
    )
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, (1, 4)))
    onnx.save(model, str(path))
    with pytest.raises(PackInvalid, match="one input of 4 axes"):
        read_graph(path)
