"""What a search must find, by sorting all similarities in float64."""

import numpy as np
import pytest


def oracle(anchors, queries, k):
    """Return the k greatest similarities of each query, found by sorting all of them in float64."""
    similarities = queries.astype(np.float64) @ anchors.astype(np.float64).T
    return -np.sort(-similarities, axis=1)[:, :k]


def assert_is_support_set(found, anchors, queries, k):
    """Fail unless each row holds k different anchors that are as similar as the best k, ties in any order."""
    assert found.similarities.shape == found.rows.shape == (len(queries), k)
    assert found.similarities == pytest.approx(oracle(anchors, queries, k), abs=2e-6)
    assert np.all(np.diff(found.similarities, axis=1) <= 0)
    assert all(len(set(row)) == k for row in found.rows.tolist())
    named = np.einsum("mkd,md->mk", anchors[found.rows], queries)
    assert found.similarities == pytest.approx(named, abs=2e-6)
