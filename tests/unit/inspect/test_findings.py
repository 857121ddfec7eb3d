"""What is found in an anchor set, against loop-written oracles."""

import json
import math

import numpy as np
import pytest

from models.anchors.inspection.geometry import geometry
from models.anchors.inspection.probes import probes_of_arrays
from models.tool_errors import AnchorSourceInvalid


def test_geometry_of_equal_directions_counts_them():
    rows = np.concatenate([np.eye(8), -np.eye(8)])[:, :8].astype(np.float32)

    found = geometry(np.pad(rows, ((0, 0), (0, 4))))

    assert found.effective_dimension == pytest.approx(8)
    assert found.variances == pytest.approx([1 / 8] * 8 + [0] * 4, abs=1e-6)
    # Of 16 * 15 ordered pairs the 16 opposite ones have -1, the others 0.
    assert found.mean_pair_cosine == pytest.approx(-16 / 240)


def test_geometry_of_anchors_that_all_are_one_is_flat():
    found = geometry(np.tile(np.array([0.6, 0.8], np.float32), (5, 1)))

    assert found.mean_pair_cosine == pytest.approx(1)
    assert found.effective_dimension <= 1


def test_anchors_are_compared_with_others_than_themselves(look, unit_rows):
    rows = unit_rows(50)
    similarities = rows.astype(float) @ rows.T
    np.fill_diagonal(similarities, -2)
    expected = -np.sort(-similarities, axis=1)[:, :10]

    found = look(rows)

    assert found.neighbours.similarities == pytest.approx(expected, abs=1e-5)
    crowding = [math.log(sum(math.exp(4 * s) for s in row[:3]) / 3) / 4 for row in expected]
    assert found.crowding == pytest.approx(crowding, abs=1e-5)


def test_near_duplicates_are_counted_by_how_near_they_are(look, unit_rows):
    rows = unit_rows(40)
    # Exact copies of five, and one at a cosine of 0.96.
    other = rows[10] - (rows[10] @ rows[0]) * rows[0]
    near = 0.96 * rows[0] + math.sqrt(1 - 0.96**2) * other / np.linalg.norm(other)
    rows = np.concatenate([rows, rows[20:25], near[None]]).astype(np.float32)

    assert look(rows).duplicates == pytest.approx({0.9: 12 / 46, 0.95: 12 / 46, 0.99: 10 / 46})


def test_anchors_with_more_copies_than_are_looked_at_keep_the_depth(look, unit_rows):
    rows = np.repeat(unit_rows(4), 20, axis=0)

    found = look(rows, depth=5)

    assert found.neighbours.similarities.shape == (80, 5)
    assert found.neighbours.similarities == pytest.approx(np.ones((80, 5)), abs=1e-5)


def test_collisions_are_the_probes_with_an_anchor_at_the_guard(look, unit_rows):
    rows, probes = unit_rows(60), unit_rows(10, seed=2)
    probes[3], probes[7] = rows[41], rows[5]

    found = look(rows, probes, guard=0.95).probes

    assert found.colliding == 2
    assert {(hit.probe, hit.anchor) for hit in found.collisions} == {("face 3", 41), ("face 7", 5)}
    assert all(hit.similarity == pytest.approx(1, abs=1e-5) for hit in found.collisions)


def test_coverage_is_full_for_faces_among_the_anchors_and_low_beside_them(look, unit_rows):
    anchors = unit_rows(300, common=6.0)

    among = look(anchors, unit_rows(200, common=6.0, seed=2)).probes
    beside = look(anchors, unit_rows(200, common=-6.0, seed=2)).probes

    assert among.covered > 0.85
    assert beside.covered == 0
    assert beside.used < among.used


def test_used_anchors_are_those_in_a_support_set(look, unit_rows):
    rows, probes = unit_rows(50), unit_rows(8, seed=2)
    nearest = np.argsort(-(probes @ rows.T), axis=1)[:, :3]

    found = look(rows, probes).probes

    assert found.used == pytest.approx(len(set(nearest.ravel().tolist())) / 50)
    assert found.used_by_chance == pytest.approx(1 - (1 - 3 / 50) ** 8)


def test_depth_beyond_the_set_ends_with_it(look, unit_rows):
    found = look(unit_rows(6), unit_rows(3, seed=2), depth=100)

    assert found.neighbours.similarities.shape == (6, 5)
    assert found.probes.neighbours.similarities.shape == (3, 5)


def test_json_holds_the_figures_and_can_be_written(look, unit_rows):
    said = json.loads(json.dumps(look(unit_rows(50), unit_rows(8, seed=2)).as_json()))

    assert (said["anchor_set_id"], said["anchors"], said["k"], said["tau"]) == ("abc", 50, 3, 4.0)
    assert set(said["near_duplicates"]) == {"0.9", "0.95", "0.99"}
    assert len(said["similarity_by_rank"]["mean"]) == 10
    assert said["similarity_by_rank"]["mean"] == sorted(said["similarity_by_rank"]["mean"], reverse=True)
    assert (said["probes"]["probes"], said["probes"]["without_face"]) == (8, 2)
    assert "probes" not in look(unit_rows(50)).as_json()


def test_probes_of_arrays_leave_out_what_has_no_face(tmp_path, unit_rows):
    rows = 3 * unit_rows(5)
    rows[2] = 0
    np.savez(tmp_path / "p.npz", embeddings=rows, identities=np.arange(5))

    probes = probes_of_arrays(tmp_path / "p.npz", 24)

    assert probes.names == ("row 0", "row 1", "row 3", "row 4")
    assert probes.without_face == 1
    assert np.linalg.norm(probes.embeddings, axis=1) == pytest.approx(np.ones(4), abs=1e-6)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"faces": np.ones((2, 24))}, "embeddings"),
        ({"embeddings": np.ones((2, 23))}, "24 values"),
        ({"embeddings": np.zeros((2, 24))}, "not zero"),
    ],
)
def test_probes_of_other_arrays_are_refused(tmp_path, arrays, reason):
    np.savez(tmp_path / "p.npz", **arrays)

    with pytest.raises(AnchorSourceInvalid, match=reason):
        probes_of_arrays(tmp_path / "p.npz", 24)
