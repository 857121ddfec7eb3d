"""Limits are told with the share that was asked for and with how many faces were seen beyond them."""

from types import SimpleNamespace

import numpy as np

from models.calibration.limits_fit import find_limits, limit_text
from service.scoring.parameters import Parameters


def faces(norms, scores=None):
    found = {} if scores is None else {"detection_score": np.array(scores)}
    return SimpleNamespace(
        embeddings=np.eye(len(norms), 8, dtype=np.float32), norms=np.array(norms, np.float32), pictures=found
    )


def test_faces_beyond_each_limit_are_counted_over_all_sets():
    random = np.random.default_rng(2)
    sets = [faces(random.uniform(3, 9, 70), random.uniform(0.5, 1, 70)), faces(random.uniform(5, 9, 45))]

    limits, beyond = find_limits(sets, Parameters(), None, {"norm": 0.05, "detection_score": 0.1})

    for name, values in (
        ("norm", [*sets[0].norms, *sets[1].norms]),
        ("detection_score", sets[0].pictures["detection_score"]),
    ):
        limit = limits.measures[name].limit
        assert beyond[name] == sum(1 for value in values if value < limit)
        assert limits.measures[name].faces == len(values)
        assert beyond[name] > 0


def test_share_that_was_asked_for_is_told_apart_from_what_was_seen():
    # A third of the faces have the lowest value: nobody lies beyond it, whatever share was asked for.
    limits, beyond = find_limits([faces([4.0] * 40 + [8.0] * 80)], Parameters(), None, {"norm": 0.1})

    said = limit_text(limits.measures["norm"], beyond["norm"])

    assert said == "limit 4: 10.00% asked to be beyond it, 0 of 120 faces seen (0.00%)"


def test_measure_without_a_limit_counts_nobody():
    limits, beyond = find_limits([faces([4.0] * 30)], Parameters(), None, {"norm": 0.0})

    assert beyond == {}
    assert limit_text(limits.measures["norm"], beyond.get("norm")) == "no limit, 30 faces"
