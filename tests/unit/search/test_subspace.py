"""The subspace of an anchor set: as small as the anchors allow, and found the same each time."""

import numpy as np
import pytest
from search_oracle import assert_is_support_set
from vectors import to_unit

from service.bundle.anchors_part import Anchors
from service.search.int8_search import Int8Search
from service.search.subspace import subspace_of


def flat(unit_rows, count, used, dimension):
    """Return unit rows of many dimensions that lie in a few of them, turned."""
    turn, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((dimension, dimension)))
    return (unit_rows(count, used) @ turn[:used]).astype(np.float32)


def test_subspace_of_flat_anchors_keeps_their_products(unit_rows):
    anchors = flat(unit_rows, 2000, 20, 128)

    basis = subspace_of(anchors)

    assert basis.shape == (128, 32)
    assert basis.T @ basis == pytest.approx(np.eye(32), abs=1e-5)
    inside = anchors @ basis
    assert inside[:50] @ inside[50:100].T == pytest.approx(anchors[:50] @ anchors[50:100].T, abs=1e-5)


def test_subspace_of_anchors_in_all_directions_is_everything(unit_rows):
    assert subspace_of(unit_rows(2000, 48)).shape == (48, 48)


def test_subspace_is_the_same_each_time(unit_rows):
    anchors = flat(unit_rows, 500, 20, 64)

    assert np.array_equal(subspace_of(anchors), subspace_of(anchors))


def test_no_coordinate_is_larger_than_the_others_as_a_rule(unit_rows):
    stretched = unit_rows(3000, 64) * np.linspace(1, 20, 64, dtype=np.float32)
    anchors = to_unit(stretched)

    spread = (anchors @ subspace_of(anchors)).std(axis=0)

    assert spread.max() < 2 * spread.min()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_face_outside_the_anchors_subspace_is_searched_exactly(unit_rows, share):
    anchors = Anchors.from_stored(flat(unit_rows, 3000, 20, 64), "backbone")
    probes = share * unit_rows(5, 64) + (1 - share) * anchors.embeddings[:5]
    probes = to_unit(probes)

    assert_is_support_set(Int8Search(anchors).search(probes, 10), anchors.embeddings, probes, 10)


def test_anchors_outside_the_sample_are_found(unit_rows):
    # Directions that no anchor of the sample has: every second row is looked at, and these are at odd places.
    rows = flat(unit_rows, 20_000, 20, 64)
    rows[1::4000] = unit_rows(5, 64)
    anchors = Anchors.from_stored(rows, "backbone")
    probes = anchors.embeddings[1::4000]

    assert_is_support_set(Int8Search(anchors).search(probes, 10), anchors.embeddings, probes, 10)
