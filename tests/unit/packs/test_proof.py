"""The proof passes what rounding explains and catches what a wrong rewrite would do."""

import numpy as np
import pytest

from models.packs.proof import prove_equal
from models.tool_errors import GraphNotConvertible
from service.errors import InferenceFailed
from service.inference.runs import RunGraph

INPUTS = np.random.default_rng(5).normal(size=(4, 1, 2, 3)).astype(np.float32)


def flatten(inputs: np.ndarray) -> list[np.ndarray]:
    return [inputs.reshape(len(inputs), -1)]


def prove(stored: RunGraph) -> object:
    return prove_equal(flatten, stored, INPUTS, batch_sizes=[1, 3, 4], name="n.onnx")


def test_equal_graphs_give_a_proof_with_its_figures() -> None:
    proof = prove_equal(flatten, flatten, INPUTS, batch_sizes=[1, 3], name="n.onnx")
    assert (proof.inputs, proof.batches) == (4, [1, 3])
    assert proof.minimum_cosine == pytest.approx(1.0)
    assert proof.maximum_difference == 0.0


def test_difference_of_rounding_is_measured_against_the_row() -> None:
    source = np.array([[[[2.0, 0.0]]]], np.float32)

    def shifted(inputs: np.ndarray) -> list[np.ndarray]:
        return [inputs.reshape(len(inputs), -1) + np.array([0.0, 1e-4], np.float32)]

    proof = prove_equal(flatten, shifted, source, batch_sizes=[1], name="n.onnx")
    assert proof.maximum_difference == pytest.approx(1e-4)
    assert proof.maximum_relative_difference == pytest.approx(5e-5)


def test_rows_in_another_order_are_caught() -> None:
    with pytest.raises(GraphNotConvertible, match="something else in batches"):
        prove(lambda inputs: [flatten(inputs)[0][::-1]])


def test_batch_collapsed_to_one_row_is_caught() -> None:
    with pytest.raises(GraphNotConvertible, match=r"\(1, 6\) for a batch of 3"):
        prove(lambda inputs: [flatten(inputs)[0][:1]])


def test_value_that_is_not_a_number_is_caught() -> None:
    with pytest.raises(GraphNotConvertible, match="nan"):
        prove(lambda inputs: [flatten(inputs)[0] * np.float32(np.nan)])


def test_same_direction_of_another_length_is_caught() -> None:
    with pytest.raises(GraphNotConvertible, match="relative difference"):
        prove(lambda inputs: [flatten(inputs)[0] * np.float32(1.001)])


def test_graph_that_fails_on_a_batch_is_refused_with_how_to_export() -> None:
    def fails_in_batches(inputs: np.ndarray) -> list[np.ndarray]:
        if len(inputs) > 1:
            raise InferenceFailed("no such shape.")
        return flatten(inputs)

    with pytest.raises(GraphNotConvertible, match=r"(?s)batch of 3: no such shape\..*dynamic_axes"):
        prove(fails_in_batches)


def test_outputs_without_a_batch_axis_are_compared_whole_where_it_runs_one_at_a_time() -> None:
    def run(inputs):
        return [np.tile(inputs.mean(), (5, 2)).astype(np.float32)]

    def other(inputs):
        return [np.tile(inputs.mean() + 0.01, (5, 2)).astype(np.float32)]

    crops = np.random.default_rng(0).random((3, 1, 4, 4)).astype(np.float32)
    assert prove_equal(run, run, crops, batch_sizes=[1], name="detector.onnx").minimum_cosine > 0.999999
    with pytest.raises(GraphNotConvertible, match="computes something else"):
        prove_equal(run, other, crops, batch_sizes=[1], name="detector.onnx")
    with pytest.raises(GraphNotConvertible, match="for a batch of 3"):
        prove_equal(run, run, crops, batch_sizes=[3], name="detector.onnx")
