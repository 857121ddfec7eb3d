"""Degraded copies of labelled pictures: of the pictures that change and still show a face, and made once."""

import numpy as np
import pytest
from fakes import fake_pipeline, picture

from models.degrade.recipe import parse_recipe
from models.heads.ida_q.degraded_copies import embed_copies
from models.labelled.embed import open_embedder
from service.settings import Settings

COVER = b"""
format = 1
name = "covered"
[[operations]]
kind = "cover"
parts = ["rectangle"]
depth = [0.3, 0.3]
extent = [0.5, 0.9]
noise = 25
"""
NOTHING = b'format = 1\nname = "nothing"\n'


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, cache=tmp_path / "cache", workers=2)


@pytest.fixture
def files(tmp_path):
    """Three pictures of a face, one of none, and one that cannot be read."""
    made = []
    for number, faces in enumerate((1, 1, 0, 1)):
        made.append(tmp_path / f"{number}.png")
        made[-1].write_bytes(picture(faces, seed=number))
    return [*made, tmp_path / "absent.png"]


def copies(settings, files, recipe=COVER, seed=0):
    with open_embedder(settings, fake_pipeline(settings)) as embedder:
        return embed_copies(embedder, files, parse_recipe(recipe, "a test"), seed), embedder


@pytest.mark.slow
def test_copy_of_each_picture_with_a_face_is_embedded_and_is_not_the_picture(settings, files):
    found, embedder = copies(settings, files)
    with open_embedder(settings, embedder.pipeline) as again:
        plain = again.embed(files)[0]

    assert found.found.tolist() == [True, True, False, True, False]
    assert np.all(np.linalg.norm(found.embeddings[found.found] - plain[found.found], axis=1) > 1e-3)
    assert not np.any(found.embeddings[~found.found])


@pytest.mark.slow
def test_copies_are_the_same_every_time_and_made_once(settings, files, monkeypatch):
    first, _ = copies(settings, files)
    monkeypatch.setattr("models.heads.ida_q.degraded_copies.align", None)

    again, _ = copies(settings, files)

    assert np.array_equal(first.embeddings, again.embeddings)


@pytest.mark.slow
def test_another_seed_or_recipe_gives_other_copies_though_the_cache_has_some(settings, files):
    first, _ = copies(settings, files)

    assert not np.allclose(copies(settings, files, seed=1)[0].embeddings, first.embeddings)
    assert not np.allclose(
        copies(settings, files, COVER.replace(b"noise = 25", b"noise = 1"))[0].embeddings, first.embeddings
    )


def test_recipe_that_changes_nothing_gives_no_copies(settings, files):
    assert not copies(settings, files, NOTHING)[0].found.any()
