"""Training embeddings that a bundle carries."""

import io
from types import SimpleNamespace

import numpy as np
import pytest

from models.heads.ssr.carried import packed, read_carried, training_content, unpacked
from models.heads.ssr.pool import Pool
from service.errors import BundleInvalid


@pytest.fixture
def manifest():
    """Return what is read of the manifest of a bundle that carries embeddings of 12 values."""
    return SimpleNamespace(parts={"training": SimpleNamespace(file="training.npy")}, dimension=12)


def test_carried_embeddings_are_of_unit_norm_near_the_original_and_keep_their_sources(unit_rows):
    pool = Pool(unit_rows(40, dimension=512), np.arange(40) - 1)

    found = unpacked(packed(pool))

    assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-6)
    assert np.einsum("nd,nd->n", found.embeddings, pool.embeddings).min() > 0.9998
    assert np.array_equal(found.sources, pool.sources)


def test_carried_embeddings_take_a_byte_a_value_and_four_for_the_source(unit_rows):
    assert packed(Pool(unit_rows(40, dimension=512), np.arange(40))).nbytes == 40 * 516


def test_carried_embeddings_are_read_as_they_were_written(unit_rows, tmp_path, manifest):
    records = packed(Pool(unit_rows(9), np.arange(9)))
    content = training_content(records)
    with (tmp_path / content.file).open("wb") as stream:
        content.write(stream)

    found = read_carried(tmp_path, manifest)

    assert np.array_equal(found.embeddings, unpacked(records).embeddings)


def test_bundle_that_carries_nothing_gives_nothing(tmp_path):
    assert read_carried(tmp_path, SimpleNamespace(parts={}, dimension=12)) is None


def test_part_that_holds_something_else_is_refused(tmp_path, manifest):
    np.save(tmp_path / "training.npy", np.zeros((3, 12), np.float32))

    with pytest.raises(BundleInvalid, match="training embeddings of 12 values"):
        read_carried(tmp_path, manifest)


def test_part_that_is_no_array_is_refused(tmp_path, manifest):
    (tmp_path / "training.npy").write_bytes(io.BytesIO(b"not an array").read())

    with pytest.raises(BundleInvalid, match="cannot be read"):
        read_carried(tmp_path, manifest)
