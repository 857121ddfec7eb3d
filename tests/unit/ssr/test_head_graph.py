"""The ONNX file of a head, run by ONNX Runtime."""

import numpy as np
import onnx
import pytest

from models.heads.ssr.ssr_graph import HeadWeights, head_graph
from service.inference.ssr_head import SsrHead


@pytest.fixture
def weights():
    """Return a maker of a head of two hidden values that can be computed by hand."""

    def make(target="log-f", second_bias=-2.0):
        return HeadWeights(
            first=np.array([[1.0, 0.0, 0.0], [0.0, -2.0, 0.0]], np.float16),
            first_bias=np.array([-0.5, 0.25], np.float32),
            second=np.array([0.5, -1.0], np.float32),
            second_bias=second_bias,
            target=target,
        )

    return make


@pytest.fixture
def run(tmp_path):
    """Return a function that gives what a head says of embeddings, as the service reads it."""

    def say(content, embeddings):
        path = tmp_path / "head.onnx"
        path.write_bytes(content)
        return SsrHead.load(path).log_density(np.array(embeddings, np.float32))

    return say


FACES = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]


def test_head_of_log_f_gives_the_density_of_both_layers_by_hand(weights, run):
    # relu(1 - 0.5) * 0.5 - relu(0.25); nothing of the first and relu(-1.75); nothing and relu(2.25), each plus the bias
    assert run(head_graph(weights()), FACES) == pytest.approx([0.25 - 0.25 - 2, -2.0, -2.25 - 2], abs=1e-6)


def test_head_of_f_gives_what_it_says_and_never_less_than_something(weights, run):
    found = run(head_graph(weights("f", second_bias=0.5)), FACES)

    assert np.exp(found[:2]) == pytest.approx([0.5, 0.5])
    assert found[2] == pytest.approx(np.log(np.finfo(np.float32).tiny))


def test_head_takes_any_number_of_faces_by_the_names_of_the_contract(weights, run):
    model = onnx.load_from_string(head_graph(weights()))

    assert ([put.name for put in model.graph.input], [put.name for put in model.graph.output]) == (
        ["embedding"],
        ["density"],
    )
    for count in (1, 2, 17):
        assert run(head_graph(weights()), FACES[:1] * count).shape == (count,)


def test_same_weights_give_the_same_bytes(weights):
    assert head_graph(weights()) == head_graph(weights())
