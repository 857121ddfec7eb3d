"""What the options of ``ida-verify ssr train`` name, as faces to train on and records to carry."""

from types import SimpleNamespace

import numpy as np
import pytest
from fakes import DIMENSION, fake_pipeline, picture

from models.commands.ssr_input import Given, gather
from models.heads.ssr.carried import packed, training_content
from models.heads.ssr.pool import Pool
from models.progress import unstaged
from service.errors import BundleMismatch
from service.settings import load_settings


@pytest.fixture
def pipeline():
    """Return the service's pipeline around fake networks."""
    return fake_pipeline(load_settings())


@pytest.fixture
def manifest(pipeline):
    """Return what is read of the manifest of a bundle of other pictures that carries nothing."""
    return SimpleNamespace(
        pipeline_id=pipeline.pipeline_id, dimension=DIMENSION, count=10, parts={}, provenance={"images": "others"}
    )


@pytest.fixture
def folders(tmp_path):
    """Return two folders of three and two pictures."""
    for name, count in (("one", 3), ("two", 2)):
        (tmp_path / name).mkdir()
        for number in range(count):
            (tmp_path / name / f"{number}.png").write_bytes(picture(seed=10 * count + number))
    return tmp_path / "one", tmp_path / "two"


@pytest.fixture
def run(tmp_path, manifest, pipeline):
    """Return a function that gathers what options name."""

    def gathered(*, pipeline=pipeline, generated=(), data=(), carry=False):
        given = Given(tuple(generated), tuple(data), (), None, 0, carry, 0)
        return gather(given, tmp_path, manifest, pipeline, load_settings(), None, True, unstaged)

    return gathered


@pytest.mark.slow
def test_faces_are_trained_on_as_the_new_bundle_carries_them(run, folders):
    plain, nothing = run(generated=folders)
    (trained_on,), records = run(generated=folders, carry=True)

    assert nothing is None
    whole = plain[0].pool.with_others(plain[1].pool)
    assert np.array_equal(records, packed(whole))
    assert len(trained_on.pool) == 5
    assert not np.array_equal(trained_on.pool.embeddings, whole.embeddings)
    assert np.allclose(trained_on.pool.embeddings, whole.embeddings, atol=0.01)
    assert [facts["images"] for facts in trained_on.facts["from"]] == ["one", "two"]


def test_what_the_bundle_carries_is_trained_on_unless_other_faces_take_its_place(
    run, folders, manifest, tmp_path, unit_rows
):
    content = training_content(packed(Pool(unit_rows(7, dimension=DIMENSION), np.full(7, -1))))
    with (tmp_path / content.file).open("wb") as stream:
        content.write(stream)
    manifest.parts["training"] = SimpleNamespace(file=content.file)

    (held,), _ = run(pipeline=None)
    with_data, _ = run(data=folders[:1])
    (replaced,), _ = run(generated=folders[:1])

    assert (len(held.pool), held.facts) == (7, {"carried": 7})
    assert [len(found.pool) for found in with_data] == [7, 3]
    assert len(replaced.pool) == 3


def test_pictures_are_refused_where_the_anchors_are_of_another_pipeline(run, folders, manifest):
    manifest.pipeline_id = "0011223344556677"

    with pytest.raises(BundleMismatch, match="0011223344556677"):
        run(generated=folders)
