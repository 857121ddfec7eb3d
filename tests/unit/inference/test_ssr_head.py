"""The SSR head: what it tells of embeddings, and networks that are none."""

import numpy as np
import pytest
from tiny_heads import head, log_density
from vectors import to_unit

from service.errors import InferenceFailed, PackInvalid
from service.inference.ssr_head import SsrHead


@pytest.fixture
def load(tmp_path):
    """Return a function that loads a network from its bytes."""

    def run(graph):
        (tmp_path / "ssr.onnx").write_bytes(graph)
        return SsrHead.load(tmp_path / "ssr.onnx")

    return run


@pytest.fixture
def faces():
    return to_unit(np.random.default_rng(1).standard_normal((7, 16)))


def test_log_density_is_the_log_of_what_the_network_gives(load, faces):
    assert load(head(16)).log_density(faces) == pytest.approx(log_density(faces), abs=1e-6)


def test_log_density_of_a_face_does_not_depend_on_its_batch(load, faces):
    loaded = load(head(16))

    alone = [loaded.log_density(faces[row : row + 1])[0] for row in range(len(faces))]

    assert loaded.log_density(faces) == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (head(16, output="column"), r"gave \(7, 1\)"),
        (head(16, output="negative"), "not above 0"),
        (head(16, bias=-200.0), "not above 0"),
        (head(16, bias=200.0), "not above 0"),
        (head(8), "input of shape"),
    ],
    ids=["column", "negative", "underflow", "overflow", "dimension"],
)
def test_network_that_gives_no_density_for_each_embedding_is_refused(load, faces, graph, reason):
    with pytest.raises(InferenceFailed, match=reason):
        load(graph).log_density(faces)


def test_file_that_is_no_network_is_refused(load):
    with pytest.raises(PackInvalid, match=r"ssr\.onnx"):
        load(b"not a network")
