"""The weights of several pictures of one person, and the one embedding that stands for them."""

import math

import numpy as np
import pytest
from vectors import to_unit

from service.errors import InvalidEmbedding
from service.scoring.fusion import MOST_SHARE, fused, picture_weights


def slow_fused(embeddings, weights):
    """The weighted mean of rows, scaled to unit norm, value by value."""
    mean = [0.0] * len(embeddings[0])
    for row, weight in zip(embeddings, weights, strict=True):
        for place, value in enumerate(row):
            mean[place] += weight * float(value)
    length = math.sqrt(sum(value * value for value in mean))
    return [value / length for value in mean]


def slow_weights(norms, typical):
    shares = [1.0 if norm == 0 else min(norm / typical, 1.5) for norm in norms]
    total = sum(share * share for share in shares)
    return [share * share / total for share in shares]


@pytest.mark.parametrize("norms", [[10.0, 12.0, 6.5], [0.0, 12.0], [1e9, 12.0], [1e-9, 12.0], [0.0]])
def test_weights_are_squares_of_the_norms_that_count(norms):
    weights = picture_weights(np.array(norms, np.float32), 12.5)
    assert weights == pytest.approx(slow_weights(norms, 12.5), rel=1e-6)
    assert weights.sum() == pytest.approx(1)


def test_better_picture_weighs_more_and_none_outweighs_all():
    weights = picture_weights(np.array([6.0, 12.0, 1e30]), 12.0)
    assert weights[0] < weights[1] < weights[2]
    assert weights[2] / weights[1] == pytest.approx(MOST_SHARE**2)


def test_fused_is_the_weighted_mean_of_unit_norm():
    rows = to_unit(np.random.default_rng(3).standard_normal((5, 24)))
    weights = picture_weights(np.array([9.0, 0.0, 12.0, 14.0, 7.0]), 12.5)
    found = fused(rows, weights)
    assert found.dtype == np.float32
    assert found == pytest.approx(slow_fused(rows.tolist(), weights.tolist()), abs=1e-6)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


def test_pictures_that_cancel_each_other_out_have_no_direction():
    row = to_unit(np.random.default_rng(3).standard_normal((1, 24)))
    with pytest.raises(InvalidEmbedding, match="direction"):
        fused(np.concatenate([row, -row]), np.array([0.5, 0.5]))
