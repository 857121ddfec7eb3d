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
        return Backbone([session.run], read_manifest(folder).backbones)

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


def test_several_backbones_give_the_weighted_mean_of_their_cosines_and_the_first_ones_length(tmp_path: Path) -> None:
    folder = tiny_packs.write_pack(tmp_path / "own", dimension=64)
    networks = [tiny_packs.batched(tiny_packs.backbone(64, seed=seed)) for seed in (1, 2)]
    sessions = []
    for number, network in enumerate(networks):
        onnx.save(network, str(folder / f"{number}.onnx"))
        sessions.append(OnnxSession(folder / f"{number}.onnx", Placement()).run)
    (spec,) = read_manifest(folder).backbones
    alone = [Backbone([session], [spec]) for session in sessions]
    specs = [spec.model_copy(update={"weight": weight}) for weight in (3.0, 1.0)]
    both = Backbone(sessions, specs)
    pictures = crops(5)

    cosines = [backbone.embed(pictures) @ backbone.embed(pictures).T for backbone in alone]
    together = both.embed(pictures)

    assert both.dimension == together.shape[1] == 128
    np.testing.assert_allclose(together @ together.T, 0.75 * cosines[0] + 0.25 * cosines[1], atol=1e-5)
    np.testing.assert_allclose(
        np.linalg.norm(both.represent(pictures), axis=1),
        np.linalg.norm(alone[0].represent(pictures), axis=1),
        rtol=1e-5,
    )
