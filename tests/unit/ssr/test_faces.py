"""Faces to train on, from folders of pictures and files of embeddings, on fake networks."""

from types import SimpleNamespace

import numpy as np
import pytest
from fakes import DIMENSION, fake_pipeline, picture

from models.degrade.recipe import find_recipe
from models.heads.ssr.training_faces import embed_folder, read_embeddings
from models.labelled.embed import Embedder
from models.tool_errors import TrainingImpossible
from service.errors import DimensionMismatch
from service.settings import load_settings


@pytest.fixture
def by():
    """Return what embeds pictures: the service's pipeline around fake networks."""
    return Embedder(fake_pipeline(load_settings()))


@pytest.fixture
def images(tmp_path):
    """Return a folder of five pictures with a face and one without, in two folders."""
    root = tmp_path / "generated"
    for number in range(6):
        path = root / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed=number, faces=int(number != 2)))
    return root


def manifest(images="generated", **groups):
    """What is read of a manifest of ten anchors: two copies of each of five faces."""
    sources = [{"folder": "a", "images": 3, "anchors": 4}, {"folder": "b", "images": 3, "anchors": 6}]
    return SimpleNamespace(
        count=10,
        provenance={"images": images, "recipe": {"copies": 2}, "set": {"given": 10}, "sources": sources, **groups},
    )


def test_faces_of_the_anchors_own_images_are_numbered_as_those_are(by, images):
    found = embed_folder(images, by, manifest())

    assert found.pool.embeddings.shape == (5, DIMENSION)
    assert found.pool.sources.tolist() == [0, 1, 2, 3, 4]
    assert found.facts == {
        "images": "generated",
        "faces": 5,
        "rejected": {"no_face": 1},
        "degraded_copies": 0,
        "recipe": None,
        "sources_of_the_anchors": True,
    }


@pytest.mark.slow
def test_faces_of_other_images_have_no_anchor_of_their_own(by, images):
    found = embed_folder(images, by, manifest(images="others"))

    assert found.pool.sources.tolist() == [-1] * 5
    assert found.facts["sources_of_the_anchors"] is False


@pytest.mark.slow
def test_degraded_copies_stand_behind_the_faces_with_their_sources(by, images):
    plain = embed_folder(images, by, manifest())

    found = embed_folder(images, by, manifest(), recipe=find_recipe("default"), copies=2, seed=1)

    assert np.array_equal(found.pool.embeddings[:5], plain.pool.embeddings)
    assert found.pool.sources.tolist() == [0, 1, 2, 3, 4, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert not np.allclose(found.pool.embeddings[5], found.pool.embeddings[6])
    assert (found.facts["degraded_copies"], found.facts["recipe"]) == (10, "default")


def test_folder_without_a_face_is_refused(by, tmp_path):
    (tmp_path / "empty.png").write_bytes(picture(faces=0))

    with pytest.raises(TrainingImpossible, match="No image"):
        embed_folder(tmp_path, by, manifest())


def test_embeddings_of_a_file_are_scaled_and_rows_of_zeros_left_out(tmp_path, unit_rows):
    rows = 3 * unit_rows(4)
    rows[2] = 0
    np.savez(tmp_path / "faces.npz", embeddings=rows, identities=np.arange(4))

    found = read_embeddings(tmp_path / "faces.npz", 12)

    assert np.allclose(found.pool.embeddings, unit_rows(4)[[0, 1, 3]], atol=1e-6)
    assert found.pool.sources.tolist() == [-1] * 3


def test_embeddings_of_another_backbone_are_refused(tmp_path, unit_rows):
    np.savez(tmp_path / "faces.npz", embeddings=unit_rows(4), identities=np.arange(4))

    with pytest.raises(DimensionMismatch, match="12 values"):
        read_embeddings(tmp_path / "faces.npz", 512)
