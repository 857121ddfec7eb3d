"""Faces to train on and faces set aside."""

import numpy as np
import pytest

from models.heads.ssr.pool import Pool
from models.tool_errors import TrainingImpossible


def test_split_never_puts_one_source_on_both_sides(unit_rows):
    sources = np.repeat(np.arange(20), 3)

    kept, aside = Pool(unit_rows(60), sources).split(0.2, seed=5)

    assert not set(kept.sources) & set(aside.sources)
    assert len(set(aside.sources)) == 4
    assert len(kept) + len(aside) == 60


def test_split_takes_faces_of_unknown_source_one_by_one(unit_rows):
    kept, aside = Pool(unit_rows(50), np.full(50, -1)).split(0.1, seed=0)

    assert (len(kept), len(aside)) == (45, 5)


def test_split_of_the_same_seed_is_the_same_and_of_another_differs(unit_rows):
    pool = Pool(unit_rows(50), np.arange(50))

    assert np.array_equal(pool.split(0.2, 1)[1].sources, pool.split(0.2, 1)[1].sources)
    assert not np.array_equal(pool.split(0.2, 1)[1].sources, pool.split(0.2, 2)[1].sources)


def test_split_that_leaves_nothing_to_tell_when_to_stop_is_refused(unit_rows):
    with pytest.raises(TrainingImpossible, match="--set-aside"):
        Pool(unit_rows(10), np.arange(10)).split(0.05, seed=0)
