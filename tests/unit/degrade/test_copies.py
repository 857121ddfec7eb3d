"""From pixels to crops, through a pipeline that finds a face in the middle of every picture."""

import numpy as np
import pytest
from fakes import fake_pipeline
from PIL import Image

from models.degrade.copies import CopyPlan, crops_of
from models.degrade.recipe import parse_recipe
from service.errors import NoFace
from service.settings import load_settings


@pytest.fixture
def pipeline():
    return fake_pipeline(load_settings())


@pytest.fixture
def pixels():
    """Return a picture of one fake face (its first pixel says so)."""
    coarse = np.random.default_rng(2).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize((160, 160), Image.Resampling.BICUBIC)).copy()
    image[0, 0] = (1, 0, 0)
    return image


def plan(text, copies=1, seed=0):
    return CopyPlan(parse_recipe(('format = 1\nname = "mine"\n' + text).encode(), "mine.toml"), copies, seed)


NOTHING = plan("")
MISPLACED = '[[operations]]\nkind = "misplace"\noffset = 0.2\nlimit = 0.5\nsize = [1, 1]\naspect = [1, 1]\n'


def test_crops_without_a_recipe_are_the_crop_that_the_service_makes(pipeline, pixels):
    from io import BytesIO

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")

    (crop,) = crops_of(pixels, "a", pipeline, CopyPlan())

    assert np.array_equal(crop, pipeline.extract(buffer.getvalue(), "largest").crop)


def test_crops_of_a_recipe_that_does_nothing_are_those_without_one(pipeline, pixels):
    assert np.array_equal(crops_of(pixels, "a", pipeline, NOTHING), crops_of(pixels, "a", pipeline, CopyPlan()))


def test_crops_follow_from_seed_name_and_number_of_the_copy(pipeline, pixels):
    first = crops_of(pixels, "a", pipeline, plan(MISPLACED, copies=3))

    assert len({crop.tobytes() for crop in first}) == 3
    assert np.array_equal(first, crops_of(pixels, "a", pipeline, plan(MISPLACED, copies=3)))
    assert not np.array_equal(first, crops_of(pixels, "b", pipeline, plan(MISPLACED, copies=3)))
    assert not np.array_equal(first, crops_of(pixels, "a", pipeline, plan(MISPLACED, copies=3, seed=1)))


def test_crops_of_more_copies_begin_with_those_of_fewer(pipeline, pixels):
    few, many = (crops_of(pixels, "a", pipeline, plan(MISPLACED, copies=n)) for n in (2, 4))

    assert np.array_equal(few, many[:2])


def test_crop_of_a_shrunk_picture_shows_the_same_face(pipeline, pixels):
    shrink = '[[operations]]\nkind = "shrink"\nface_pixels = [64, 64]\n'

    (whole,), (small,) = (crops_of(pixels, "a", pipeline, made) for made in (NOTHING, plan(shrink)))

    assert np.abs(whole.astype(int) - small).mean() < 6


def test_crops_of_a_picture_without_a_face_are_refused(pipeline, pixels):
    pixels[0, 0] = 0

    with pytest.raises(NoFace):
        crops_of(pixels, "a", pipeline, NOTHING)
