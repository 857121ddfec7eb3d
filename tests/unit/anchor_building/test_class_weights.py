"""Class weights from the files that training leaves behind."""

import numpy as np
import pytest
from onnx import helper, numpy_helper, save_model

from models.anchors.class_weights import read_class_weights
from models.tool_errors import AnchorSourceInvalid


@pytest.fixture
def weights():
    """Return weights (20, 16) of any norm."""
    return np.random.default_rng(3).normal(scale=0.2, size=(20, 16)).astype(np.float32)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_npy_with_a_class_a_row_gives_unit_rows(weights, tmp_path):
    np.save(tmp_path / "w.npy", weights)

    found = read_class_weights(tmp_path / "w.npy", 16)

    assert found.dtype == np.float32
    assert found == pytest.approx(unit(weights), abs=1e-6)


def test_npy_with_a_class_a_column_is_turned(weights, tmp_path):
    np.save(tmp_path / "w.npy", weights.T)

    assert read_class_weights(tmp_path / "w.npy", 16) == pytest.approx(unit(weights), abs=1e-6)


def test_npz_takes_the_only_matrix_that_fits_or_the_named_one(weights, tmp_path):
    np.savez(tmp_path / "one.npz", fc=weights, bias=np.zeros(20), conv=np.zeros((4, 3)))
    np.savez(tmp_path / "two.npz", fc=weights, other=-weights)

    assert read_class_weights(tmp_path / "one.npz", 16) == pytest.approx(unit(weights), abs=1e-6)
    assert read_class_weights(tmp_path / "two.npz", 16, array="other") == pytest.approx(-unit(weights), abs=1e-6)
    with pytest.raises(AnchorSourceInvalid, match=r"fc 20x16, other 20x16.*--array"):
        read_class_weights(tmp_path / "two.npz", 16)


def test_onnx_initializer_is_found(weights, tmp_path):
    initializers = [
        numpy_helper.from_array(weights, "head.weight"),
        numpy_helper.from_array(np.zeros((3, 16), np.int64), "shape"),
        numpy_helper.from_array(np.zeros((8, 3, 3, 3), np.float32), "conv"),
    ]
    graph = helper.make_graph([], "head", [], [], initializers)
    save_model(helper.make_model(graph), str(tmp_path / "w.onnx"))

    assert read_class_weights(tmp_path / "w.onnx", 16) == pytest.approx(unit(weights), abs=1e-6)


def test_matrix_of_another_dimension_names_what_is_there(weights, tmp_path):
    np.save(tmp_path / "w.npy", weights)

    with pytest.raises(AnchorSourceInvalid, match=r"512 values a class.*w 20x16"):
        read_class_weights(tmp_path / "w.npy", 512)


def test_array_that_is_not_there_names_those_that_are(weights, tmp_path):
    np.savez(tmp_path / "w.npz", fc=weights)

    with pytest.raises(AnchorSourceInvalid, match="it has fc 20x16"):
        read_class_weights(tmp_path / "w.npz", 16, array="head")


def test_class_without_a_direction_is_refused(weights, tmp_path):
    weights[3] = 0
    np.save(tmp_path / "w.npy", weights)

    with pytest.raises(AnchorSourceInvalid, match="without a direction"):
        read_class_weights(tmp_path / "w.npy", 16)


@pytest.mark.parametrize("name", ["w.npy", "w.npz", "w.onnx"])
def test_file_that_is_something_else_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"something else")

    with pytest.raises(AnchorSourceInvalid, match=name):
        read_class_weights(tmp_path / name, 16)
