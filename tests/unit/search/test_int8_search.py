"""What rounding to bytes must not change: what is found, and that it does not depend on the other faces of a call."""

import numpy as np
import pytest
from search_oracle import assert_is_support_set
from vectors import to_unit

from service.bundle.anchors_part import Anchors
from service.inference.integer_product import QUERY_LIMIT, QUERY_ZERO, IntegerProduct
from service.search import engines
from service.search.engines import open_search
from service.search.faiss_search import FaissSearch
from service.search.int8_search import Int8Search


def near(rows, noise, seed=5):
    """Return rows moved by noise of this length, of unit norm."""
    moved = rows + noise * np.random.default_rng(seed).standard_normal(rows.shape) / np.sqrt(rows.shape[1])
    return to_unit(moved)


def test_products_of_the_greatest_values_are_not_cut_off():
    columns = np.full((512, 3), 127, np.int8)
    columns[:, 1] = -127
    columns[:256, 2] = 0
    product = IntegerProduct(columns, threads=1)

    found, order = product.greatest(np.full((1, 512), QUERY_ZERO + QUERY_LIMIT, np.uint8), 3)

    assert order.tolist() == [[0, 2, 1]]
    assert found.tolist() == [[512 * 127 * 63, 256 * 127 * 63, -512 * 127 * 63]]


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 10, 200])
def test_anchors_that_crowd_are_told_apart_as_exactly_as_in_float32(unit_rows, k):
    # A thousand faces, twelve copies of each within a cosine of 0.001 of one another: closer than a byte can tell.
    anchors = Anchors.from_stored(near(np.repeat(unit_rows(1000, 128), 12, axis=0), 0.05), "backbone")
    probes = near(anchors.embeddings[::601], 0.3, seed=6)

    assert_is_support_set(Int8Search(anchors).search(probes, k), anchors.embeddings, probes, k)


def test_many_equal_anchors_are_all_found_although_rounding_cannot_order_them(unit_rows):
    alike = near(np.repeat(unit_rows(1, 64), 500, axis=0), 0.01)
    anchors = Anchors.from_stored(np.concatenate([alike, unit_rows(500, 64)]), "backbone")
    probes = near(alike[:3], 0.2, seed=8)

    assert_is_support_set(Int8Search(anchors).search(probes, 20), anchors.embeddings, probes, 20)


def test_what_is_found_for_a_face_does_not_depend_on_the_others_of_the_call(unit_rows):
    anchors = Anchors.from_stored(unit_rows(9000, 64), "backbone")
    search, probes = Int8Search(anchors, threads=2), unit_rows(33, 64)

    together = search.search(probes, 7)

    for row in range(33):
        alone = search.search(probes[row : row + 1], 7)
        assert np.array_equal(alone.similarities[0], together.similarities[row])
        assert np.array_equal(alone.rows[0], together.rows[row])


def test_more_faces_than_one_run_takes_are_searched_in_several(monkeypatch, anchor_set, unit_rows):
    monkeypatch.setattr("service.search.int8_search._PRODUCTS", 900)
    probes = unit_rows(10, 32)

    assert_is_support_set(Int8Search(anchor_set).search(probes, 4), anchor_set.embeddings, probes, 4)


def test_embedding_of_a_single_value_is_found(unit_rows):
    anchors = Anchors.from_stored(unit_rows(400, 32), "backbone")
    probe = np.zeros((1, 32), np.float32)
    probe[0, 3] = -1.0

    assert_is_support_set(Int8Search(anchors).search(probe, 5), anchors.embeddings, probe, 5)


def test_large_sets_are_searched_by_bytes_and_small_ones_in_float32(monkeypatch, anchor_set):
    assert isinstance(open_search(anchor_set), FaissSearch)
    monkeypatch.setattr(engines, "_LEAST_ROUNDED", 300)
    assert isinstance(open_search(anchor_set), Int8Search)
