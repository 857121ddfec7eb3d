"""The backbone: rows in their order whatever the size of the batch, and networks that give no embedding."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_packs

from service.errors import InferenceFailed
from service.inference.backbone import Backbone
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.pack import read_manifest

Load = Callable[[onnx.ModelProto], Backbone]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that loads a network as the backbone of a pack of 64 dimensions."""

    def run(network: onnx.ModelProto) -> Backbone:
        folder = tiny_packs.write_pack(tmp_path / "own", dimension=64, networks={"backbone": network})
        session = OnnxSession(folder / "backbone.onnx", Placement())
        return Backbone(session.run, read_manifest(folder).backbone)

    return run


def crops(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, size=(count, 112, 112, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [1, 4, 5, 9, 32])
def test_batch_of_any_size_gives_each_crop_its_own_embedding_in_order(load: Load, count: int) -> None:
    backbone = load(tiny_packs.batched(tiny_packs.backbone(64)))
    pictures = crops(count)
    alone = np.concatenate([backbone.embed(picture[None]) for picture in pictures])
    together = backbone.embed(pictures)
    assert together.shape == (count, 64)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-6)


def test_network_that_gives_one_row_for_a_batch_is_an_error(load: Load) -> None:
    backbone = load(tiny_packs.batched(tiny_packs.backbone(64, mixes_batch=True)))
    with pytest.raises(InferenceFailed, match="the pack says"):
        backbone.embed(crops(6))


def test_network_of_another_dimension_is_an_error(load: Load) -> None:
    backbone = load(tiny_packs.batched(tiny_packs.backbone(32)))
    with pytest.raises(InferenceFailed, match="the pack says"):
        backbone.embed(crops(2))
