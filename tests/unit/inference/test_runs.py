"""Rows in parts and in buckets: each row's outputs, in order, from batches of the sizes that were promised."""

import numpy as np
import pytest

from service.inference.runs import in_buckets, in_parts, observed


class Doubling:
    """A network of two outputs; keeps the sizes of its batches."""

    def __init__(self):
        self.sizes = []

    def __call__(self, inputs):
        self.sizes.append(len(inputs))
        return [inputs * 2, inputs.sum(axis=1)]


def rows(count):
    return np.arange(count * 3, dtype=np.float32).reshape(count, 3)


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (4, [4]), (5, [4, 1]), (9, [4, 4, 1])])
def test_rows_in_parts_come_back_in_order(count, sizes):
    network = Doubling()
    doubled, summed = in_parts(network, 4)(rows(count))
    assert network.sizes == sizes
    np.testing.assert_array_equal(doubled, rows(count) * 2)
    np.testing.assert_array_equal(summed, rows(count).sum(axis=1))


@pytest.mark.parametrize(("count", "size"), [(1, 2), (2, 2), (3, 8), (7, 8), (8, 8)])
def test_batch_is_filled_up_to_the_next_bucket_and_the_filling_dropped(count, size):
    network = Doubling()
    doubled, summed = in_buckets(dict.fromkeys((8, 2), network))(rows(count))
    assert network.sizes == [size]
    np.testing.assert_array_equal(doubled, rows(count) * 2)
    np.testing.assert_array_equal(summed, rows(count).sum(axis=1))


def test_observer_is_told_the_rows_and_not_the_filling():
    told, network = [], Doubling()
    in_parts(observed(in_buckets({4: network}), told.append), 4)(rows(5))
    assert told == [4, 1]
    assert network.sizes == [4, 4]
