"""Support similarities behind a guard, and the cohort's statistics."""

import numpy as np
import pytest
from vectors import to_unit

from service.errors import TooFewAnchors
from service.scoring.cohort import LEAST_SPREAD, Cohort, mean_and_spread
from service.scoring.support import support_similarities


def nearest_among(anchors, asked=None):
    def nearest(embeddings, m):
        if asked is not None:
            asked.append((len(embeddings), m))
        return -np.sort(-(embeddings @ anchors.T), axis=1)[:, :m]

    return nearest


def by_loop(embedding, anchors, k, guard):
    remaining = []
    for anchor in anchors:
        similarity = float(np.dot(embedding, anchor))
        if guard is None or similarity < guard:
            remaining.append(similarity)
    return sorted(remaining, reverse=True)[:k], remaining


@pytest.mark.parametrize("guard", [None, 0.9, 0.5, 0.2])
def test_support_similarities_agree_with_a_loop(rng_rows, guard):
    anchors, faces = to_unit(rng_rows(60, 8)), to_unit(rng_rows(9, 8))

    found = support_similarities(nearest_among(anchors), faces, 5, count=60, guard=guard)

    for row, face in enumerate(faces):
        expected, remaining = by_loop(face, anchors, 5, guard)
        assert found.similarities[row] == pytest.approx(expected, abs=1e-6)
        assert found.left_out[row] == 60 - len(remaining)


def test_guard_widens_the_search_only_for_the_faces_that_need_it():
    # The first face has 6 anchors of its own person, the second has none.
    own = np.tile([[1.0, 0.0, 0.0]], (6, 1))
    others = np.array([[0.0, 1.0, 0.1 * i] for i in range(1, 11)])
    anchors, asked = to_unit(np.concatenate([own, others])), []

    found = support_similarities(
        nearest_among(anchors, asked), to_unit(np.array([[1.0, 0.1, 0.0], [0.0, 0.0, 1.0]])), 3, count=16, guard=0.8
    )

    assert asked == [(2, 6), (1, 12)]
    assert found.left_out.tolist() == [6, 0]
    assert found.similarities[0].max() < 0.2


def test_anchor_exactly_as_similar_as_the_guard_is_left_out():
    # Cosines 0.5, 0.25 and 0, which a float32 holds to the digit.
    anchors = np.array([[0.5, 0.0], [0.25, 0.0], [0.0, 0.0]], np.float32)
    face = np.array([[1.0, 0.0]], np.float32)

    found = support_similarities(nearest_among(anchors), face, 2, count=3, guard=0.5)

    assert found.similarities.tolist() == [[0.25, 0.0]]
    assert found.left_out.tolist() == [1]
    assert found.left_out_sum.tolist() == [0.5]


def test_guard_that_leaves_fewer_than_k_anchors_is_refused():
    anchors = to_unit(np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]]))

    with pytest.raises(TooFewAnchors, match=r"0\.5 leaves 1 anchors.*k = 2"):
        support_similarities(nearest_among(anchors), anchors[:1], 2, count=3, guard=0.5)


@pytest.mark.parametrize("guard", [None, 0.6, 0.3])
def test_cohort_statistics_agree_with_a_loop(rng_rows, guard):
    anchors, faces = to_unit(rng_rows(50, 6)), to_unit(rng_rows(7, 6))
    left_out = None if guard is None else support_similarities(nearest_among(anchors), faces, 1, count=50, guard=guard)

    mean, spread = Cohort.of(anchors).statistics(faces, left_out)

    for row, face in enumerate(faces):
        _, remaining = by_loop(face, anchors, 1, guard)
        assert mean[row] == pytest.approx(np.mean(remaining), abs=1e-6)
        assert spread[row] == pytest.approx(np.std(remaining), abs=1e-6)


def test_cohort_of_equal_anchors_does_not_divide_by_zero():
    anchors = to_unit(np.array([[1.0, 0.0]] * 4))

    assert Cohort.of(anchors).statistics(anchors[:1])[1] == pytest.approx([LEAST_SPREAD])


def test_mean_and_spread_by_hand():
    mean, spread = mean_and_spread([[0.1, 0.3], [0.5, 0.5]])

    assert mean == pytest.approx([0.2, 0.5])
    assert spread == pytest.approx([0.1, LEAST_SPREAD])
