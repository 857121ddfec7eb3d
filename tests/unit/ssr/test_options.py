"""What a batch is made of, and the paper's schedule."""

import pytest

from models.heads.ssr.ssr_options import PRESETS, Shares


@pytest.mark.parametrize("count", [1, 7, 512])
def test_kinds_of_samples_fill_a_batch_whatever_the_shares(count):
    sizes = Shares(spread=1, mixture=1, shift=1, noise=0.5, face=0.1).sizes(count)

    assert sum(sizes.values()) == count
    assert all(size >= 0 for size in sizes.values())


def test_kind_without_a_share_is_not_drawn():
    assert Shares(spread=0, mixture=1, shift=0, noise=0, face=3).sizes(100) == {
        "spread": 0,
        "mixture": 25,
        "shift": 0,
        "noise": 0,
        "face": 75,
    }


def test_paper_preset_is_the_schedule_of_the_paper():
    paper = PRESETS["paper"]

    assert (paper.optimizer, paper.momentum, paper.weight_decay, paper.batch) == ("sgd", 0.9, 5e-4, 512)
    assert (paper.learning_rate, paper.milestones, paper.iterations) == (1e-3, (15_000, 20_000, 25_000), 30_000)
