"""How well predictions agree with the truth, against hand-made numbers."""

import numpy as np
import pytest

from models.heads.ssr.head_agreement import agreement, r_squared


@pytest.mark.slow
def test_perfect_predictions_agree_in_everything():
    true = np.linspace(-3, -2, 50)

    found = agreement(true, true)

    assert (found.faces, found.r2, found.bias) == (50, 1.0, 0.0)
    assert found.spearman == pytest.approx(1.0)
    assert [decile.deviation for decile in found.deciles] == [0.0] * 10


@pytest.mark.slow
def test_errors_are_those_of_hand():
    true = np.array([0.0, 1.0, 2.0, 3.0])
    predicted = np.array([1.0, 0.0, 2.0, 3.0])

    found = agreement(predicted, true)

    assert found.r2 == pytest.approx(1 - (2 / 4) / 1.25)
    # 1 - 6 * (1 + 1) / (4 * 15)
    assert found.spearman == pytest.approx(0.8)
    assert found.bias == 0.0
    assert [(decile.low, decile.bias, decile.deviation) for decile in found.deciles] == [
        (0.0, 1.0, 1.0),
        (1.0, -1.0, 1.0),
        (2.0, 0.0, 0.0),
        (3.0, 0.0, 0.0),
    ]


@pytest.mark.slow
def test_predictions_that_are_all_the_same_rank_nothing():
    assert agreement(np.zeros(20), np.arange(20.0)).spearman == 0.0


def test_r_squared_of_the_mean_is_nothing():
    assert r_squared(np.full(3, 2.0), np.array([1.0, 2.0, 3.0])) == pytest.approx(0.0)
