"""Embedding by two workers of a local Ray: the same bytes as here, and a worker that dies costs nothing."""

import io
from pathlib import Path

import numpy as np
import pytest
from killing_work import KillOnce
from PIL import Image

from models.anchors.build import build_bundle
from models.anchors.build_options import BuildOptions
from models.anchors.embedding import EmbedItems
from models.anchors.source import FolderSource
from models.degrade.copies import CopyPlan
from models.degrade.recipe import DEFAULT_RECIPE, find_recipe
from models.engines.engine import LocalEngine
from models.engines.ray_engine import RayEngine
from models.images.image_folder import scan
from models.labelled.embed import Embedder
from service.errors import PackInvalid
from service.pipeline import load_pipeline
from service.settings import Settings

pytest.importorskip("ray", reason="Ray is not installed: install the extra [ray]")
pytestmark = [pytest.mark.ray, pytest.mark.weights]

LIMIT = 1 << 24
IMAGES = 21


@pytest.fixture(scope="module")
def settings(pack):
    return Settings(home=pack.folder.parents[1])


@pytest.fixture(scope="module")
def pipeline(settings):
    return load_pipeline(settings)


@pytest.fixture
def engine(settings, pipeline, monkeypatch):
    # Workers import what the tests' own work is made of.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    with RayEngine(settings, pipeline, workers=2) as engine:
        yield engine


@pytest.fixture(scope="module")
def images(tmp_path_factory, hopper_jpeg, astronaut_png):
    """Changed copies of two portraits, and files that give no face."""
    folder = tmp_path_factory.mktemp("images")
    portraits = [Image.open(io.BytesIO(content)).convert("RGB") for content in (hopper_jpeg, astronaut_png)]
    for number in range(IMAGES):
        angle = 2 * (number - IMAGES // 2)
        portraits[number % 2].rotate(angle).resize((256, 300)).save(folder / f"{number:03}.jpg", quality=90)
    (folder / "005.jpg").write_bytes(b"no picture")
    Image.new("RGB", (200, 200), "green").save(folder / "006.jpg")
    return folder


def bundle_files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def build(pipeline, images, out, engine, recipe=None):
    plan = CopyPlan(find_recipe(recipe), 2, 0) if recipe else CopyPlan()
    options = BuildOptions(plan=plan)
    source = FolderSource(scan(images), max_image_bytes=LIMIT)
    return build_bundle(pipeline, source, out, options, workers=1, engine=engine, checkpoint_items=4)


@pytest.mark.parametrize("recipe", [None, DEFAULT_RECIPE])
def test_bundle_built_by_ray_is_the_local_one_to_the_byte(pipeline, engine, images, tmp_path, recipe):
    here = build(pipeline, images, tmp_path / "here", None, recipe)
    there = build(pipeline, images, tmp_path / "there", engine, recipe)
    assert there.rejected == here.rejected
    assert sum(here.rejected.values()) == 2
    assert bundle_files(tmp_path / "there") == bundle_files(tmp_path / "here")


def test_listed_faces_are_the_same_to_the_byte(pipeline, engine, images):
    paths = [images / f"{number:03}.jpg" for number in range(IMAGES)]
    here, rejected_here = Embedder(pipeline, workers=1).embed(paths)
    there, rejected_there = Embedder(pipeline, workers=1, engine=engine).embed(paths)
    assert rejected_there == rejected_here
    assert {reason for reason in rejected_here if reason} == {"unsupported_image_type", "no_face"}
    assert there.tobytes() == here.tobytes()


def test_worker_that_is_killed_on_the_way_costs_nothing(pipeline, engine, images, tmp_path):
    items = tuple(FolderSource(scan(images), max_image_bytes=LIMIT).items(0))
    blocks = [items[start : start + 4] for start in range(0, len(items), 4)]
    work = EmbedItems(CopyPlan(), 1)
    here = list(LocalEngine(pipeline).map(work, blocks))

    there = list(engine.map(KillOnce(work, tmp_path), blocks))

    assert (tmp_path / "killed").exists(), "no worker was killed"
    assert len((tmp_path / "begun").read_text().splitlines()) > len(blocks), "no block was begun again"
    assert [found.made for found in there] == [found.made for found in here]
    rows = [np.concatenate([found.embeddings for found in results]).tobytes() for results in (here, there)]
    assert rows[0] == rows[1]


def test_worker_with_another_pack_is_refused(settings, images):
    items = tuple(FolderSource(scan(images), max_image_bytes=LIMIT).items(0))[:2]

    class Other:
        pipeline_id = "another"
        threads = 1

    with RayEngine(settings, Other(), workers=1) as other, pytest.raises(PackInvalid, match="same model pack"):
        list(other.map(EmbedItems(CopyPlan(), 1), [items]))


def test_no_blocks_give_no_results(settings, pipeline):
    with RayEngine(settings, pipeline, workers=1) as engine:
        assert list(engine.map(EmbedItems(CopyPlan(), 1), [])) == []
