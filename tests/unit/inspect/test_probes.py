"""Real faces that anchors are held against: whatever their length was, only their directions are compared."""

import numpy as np
import pytest
from fakes import FakeBackboneSession, fake_pipeline, picture
from vectors import to_unit

from models.anchors.inspection.advice import findings_lines
from models.anchors.inspection.geometry import geometry
from models.anchors.inspection.probes import Probes, probes_of_arrays, probes_of_folder
from models.labelled.embed import Embedder
from models.tool_errors import AnchorSourceInvalid
from service.errors import InvalidEmbedding
from service.settings import Settings


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.png").write_bytes(picture(seed=number))
    return folder


@pytest.fixture
def long_pipeline(tmp_path):
    """A pipeline whose backbone gives embeddings far from unit norm, as real ones do."""
    session = FakeBackboneSession()
    pipeline = fake_pipeline(Settings(home=tmp_path), session)
    lengths = np.linalg.norm(pipeline.represent(np.full((1, 112, 112, 3), 90, np.uint8)), axis=1)
    assert abs(lengths[0] - 1) > 0.5
    return pipeline


@pytest.mark.slow
def test_probes_of_a_folder_have_unit_norm_and_no_cosine_above_one(photographs, long_pipeline, look, unit_rows):
    probes = probes_of_folder(photographs, Embedder(long_pipeline, workers=1))

    assert np.linalg.norm(probes.embeddings, axis=1) == pytest.approx(np.ones(12), abs=1e-5)
    assert -1 <= geometry(probes.embeddings).mean_pair_cosine <= 1
    anchors = np.random.default_rng(3).standard_normal((60, probes.embeddings.shape[1]))
    found = look(to_unit(anchors), probes.embeddings)
    assert np.abs(found.probes.neighbours.similarities).max() <= 1 + 1e-5
    assert found.probes.colliding == 0
    assert not any("3." in line and "cosine" in line for line in findings_lines(found))


@pytest.mark.slow
def test_folder_and_arrays_of_the_same_faces_are_the_same_probes(photographs, long_pipeline, tmp_path):
    of_folder = probes_of_folder(photographs, Embedder(long_pipeline, workers=1))
    np.savez(tmp_path / "faces.npz", embeddings=7.5 * of_folder.embeddings)

    of_arrays = probes_of_arrays(tmp_path / "faces.npz", of_folder.embeddings.shape[1])

    assert of_arrays.embeddings == pytest.approx(of_folder.embeddings, abs=1e-6)


def test_probes_that_are_no_unit_vectors_cannot_be_made(unit_rows):
    with pytest.raises(InvalidEmbedding, match="unit norm"):
        Probes(3 * unit_rows(4), ("a", "b", "c", "d"), 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_arrays_with_a_value_that_is_no_number_are_refused_by_name(tmp_path, unit_rows, bad):
    rows = unit_rows(3)
    rows[1, 2] = bad
    np.savez(tmp_path / "faces.npz", embeddings=rows)

    with pytest.raises(AnchorSourceInvalid, match=r"faces\.npz.*finite"):
        probes_of_arrays(tmp_path / "faces.npz", 24)
