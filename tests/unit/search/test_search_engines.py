"""Every engine finds what sorting all similarities finds, and refuses the same queries."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from search_oracle import assert_is_support_set

from service.bundle.anchors_part import Anchors
from service.errors import DimensionMismatch, InvalidEmbedding, TooFewAnchors
from service.search.faiss_search import FaissSearch
from service.search.int8_search import Int8Search


@pytest.fixture(params=[FaissSearch, Int8Search])
def engine(request):
    return request.param


@pytest.mark.slow
@pytest.mark.parametrize("queries", [1, 2, 19, 20, 70])
@pytest.mark.parametrize("k", [1, 10, 300])
def test_search_agrees_with_numpy(engine, anchor_set, unit_rows, queries, k):
    probes = unit_rows(queries, 32)

    assert_is_support_set(engine(anchor_set).search(probes, k), anchor_set.embeddings, probes, k)


def test_search_with_equal_anchors_finds_any_of_them(engine, unit_rows):
    distinct = unit_rows(5, 16)
    anchors = Anchors.from_stored(np.repeat(distinct, 4, axis=0), "backbone")

    found = engine(anchors).search(distinct, 6)

    assert_is_support_set(found, anchors.embeddings, distinct, 6)
    assert found.similarities[:, :4] == pytest.approx(1.0, abs=1e-6)


def test_search_gives_float32_similarities_within_the_cosines_range(engine, anchor_set):
    found = engine(anchor_set).search(anchor_set.embeddings, 3)

    assert found.similarities.dtype == np.float32
    assert found.rows.dtype == np.int64
    assert found.similarities.max() <= 1.0
    assert np.array_equal(found.rows[:, 0], np.arange(300))


def test_search_of_no_faces_is_empty(engine, anchor_set):
    assert engine(anchor_set).search(np.empty((0, 32), np.float32), 4).rows.shape == (0, 4)


def test_search_takes_rows_that_are_not_contiguous(engine, anchor_set, unit_rows):
    probes = unit_rows(8, 64)[:, ::2]

    assert_is_support_set(engine(anchor_set).search(probes, 5), anchor_set.embeddings, probes, 5)


@pytest.mark.parametrize("shape", [(2, 31), (2, 33), (32,)])
def test_search_of_another_dimension_is_refused(engine, anchor_set, shape):
    with pytest.raises(DimensionMismatch, match=r"\(m, 32\)"):
        engine(anchor_set).search(np.ones(shape, np.float32), 3)


@pytest.mark.parametrize("k", [0, -1, 301])
def test_search_for_a_support_set_the_anchors_cannot_give_is_refused(engine, anchor_set, unit_rows, k):
    with pytest.raises(TooFewAnchors, match="from 1 to 300"):
        engine(anchor_set).search(unit_rows(1, 32), k)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_search_of_a_value_that_is_not_finite_is_refused(engine, anchor_set, unit_rows, value):
    probes = unit_rows(2, 32)
    probes[1, 3] = value

    with pytest.raises(InvalidEmbedding):
        engine(anchor_set).search(probes, 3)


def test_search_from_many_threads_gives_what_one_thread_gives(engine, anchor_set, unit_rows):
    search = engine(anchor_set)
    probes = unit_rows(64, 32)
    alone = search.search(probes, 5)

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda row: search.search(probes[row : row + 1], 5), range(64)))

    assert np.concatenate([found.similarities for found in together]) == pytest.approx(alone.similarities, abs=2e-6)


def test_search_says_where_its_anchors_lie(engine, anchor_set):
    assert engine(anchor_set).device == "cpu"
